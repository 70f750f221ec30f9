"""From prepared images to masks: batches that shrink where memory runs out, and a judgement on every output."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from pytest_segrobust.errors import ModelError, SegrobustError
from pytest_segrobust.models.crash import crash, first_line, has_poisoned_device, is_out_of_memory, setup_fault
from pytest_segrobust.models.outputs import Misshapen, channels_of, fault_of, masks_of, not_finite
from pytest_segrobust.models.padding import stacked
from pytest_segrobust.models.passes import Identity
from pytest_segrobust.models.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_segrobust.models.padding import Box
    from pytest_segrobust.models.passes import Passes, Result
    from pytest_segrobust.requirements.settings import ModelSettings


IMPOSSIBLE = {"mean_variance": "a negative variance", "dirichlet": "a concentration not above 0"}


@dataclass(frozen=True)
class Image:
    """A prepared image (channels, *spatial), or a slice of one, with the changed ones of it that passes are made of."""

    variants: tuple[torch.Tensor, ...]
    identity: Identity

    def slices(self) -> list[Image]:
        """The slices of a volume along its last axis."""
        parts = zip(*(variant.unbind(-1) for variant in self.variants), strict=True)
        return [Image(part, Identity(self.identity.key, place)) for place, part in enumerate(parts)]


@dataclass(frozen=True)
class Keep:
    """What is wanted besides masks."""

    probabilities: bool = False
    uncertainty: bool = False


@dataclass(frozen=True)
class Reading:
    """What one image, or one slice of a volume, came to.

    `nan`, `infinite` and `impossible` (values that cannot be, such as a negative variance) count voxels; `faulty` are the
    passes, of `passes`, in which they were.
    """

    masks: torch.Tensor | None = None
    probabilities: torch.Tensor | None = None
    uncertainty: torch.Tensor | None = None
    failure: str | None = None
    nan: int = 0
    infinite: int = 0
    impossible: int = 0
    voxels: int = 0
    faulty: tuple[int, ...] = ()
    passes: int = 1

    @property
    def has_fault(self) -> bool:
        """Whether the output has values that are no probabilities, rather than no output."""
        return bool(self.nan or self.infinite or self.impossible)

    def prediction(self) -> Prediction:
        """The reading of a whole image."""
        return Prediction(self.masks, self.probabilities, self.failure, self.uncertainty)


class Reader:
    """Networks whose outputs are read as the settings say, one reading per image."""

    def __init__(
        self, passes: Passes, settings: ModelSettings, window: Sequence[int] | None, dtype: torch.dtype
    ) -> None:
        self.passes = passes
        self.networks = passes.networks
        self.settings = settings
        self.window = tuple(window) if window is not None else None
        self.dtype = dtype
        self.largest_batch: int | None = None  # what was left after memory ran out
        self._channels = channels_of(settings)

    def read(self, images: Sequence[Image], shape: tuple[int, ...], batch_size: int, keep: Keep) -> Iterator[Reading]:
        """Readings, in order, of prepared images that are padded to `shape`.

        Raises ModelError where a single one does not fit in the device's memory, or the set-up is wrong.
        """
        start = 0
        while start < len(images):
            size = min(batch_size, self.largest_batch or batch_size)
            part = images[start : start + self._images_at_once(size, shape)]
            try:
                readings = self._batch(part, shape, size, keep)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(len(part), size, shape, error)
                continue
            yield from readings
            start += len(part)

    def _images_at_once(self, size: int, shape: tuple[int, ...]) -> int:
        """As many images as windows are passed at once, but of images larger than a window fewer: they are kept whole."""
        if self.window is None or self.window == shape:
            return size
        return max(1, size * math.prod(self.window) // math.prod(shape))

    def _halve(self, count: int, size: int, shape: tuple[int, ...], error: Exception) -> None:
        """Make batches smaller, or give up where a single image (or window) does not fit."""
        in_windows = self.window is not None and self.window != shape
        size = size if in_windows else count
        if size == 1:
            voxels = " x ".join(str(length) for length in self.window or shape)
            raise ModelError(
                f"one image of {voxels} voxels does not fit in the memory of {self.networks.device} "
                f'({first_line(error, 120)}): set a smaller window or precision = "mixed" in [model]'
            ) from error
        self.largest_batch = size // 2
        if self.networks.device.type == "cuda":
            torch.cuda.empty_cache()

    def _batch(self, images: Sequence[Image], shape: tuple[int, ...], size: int, keep: Keep) -> list[Reading]:
        """Readings of one batch; if it crashes, of its images one by one. Out of memory passes through."""
        try:
            result, boxes = self._passed(images, shape, size, keep)
        except SegrobustError:
            raise
        except Misshapen as error:
            failure = str(error)
        except Exception as error:
            self._raise_what_is_no_case(error, len(shape) + 2)
            failure = crash(error)
        else:
            return [self._reading(result, i, box, keep) for i, box in enumerate(boxes)]
        if len(images) == 1:
            return [Reading(failure=failure)]
        # one of the images may have spoilt it for all: with which does it lie?
        readings = [self._batch([image], shape, size, keep)[0] for image in images]
        if not any(reading.failure for reading in readings):
            warning = f"a batch of {len(images)} images failed ({failure}), and none of its images alone did"
            if warning not in self.networks.warnings:
                self.networks.warnings.append(warning)
        return readings

    def _passed(
        self, images: Sequence[Image], shape: tuple[int, ...], size: int, keep: Keep
    ) -> tuple[Result, list[Box]]:
        batches: list[torch.Tensor] = []
        boxes: list[Box] = []
        for variant in range(len(images[0].variants)):
            batch, boxes = stacked([image.variants[variant] for image in images], shape, self.dtype)
            batches.append(batch)
        identities = [image.identity for image in images]
        return self.passes.run(batches, identities, boxes, size, keep_uncertainty=keep.uncertainty), boxes

    def _raise_what_is_no_case(self, error: Exception, axes: int) -> None:
        """Raise again what is not the failure of one case: too little memory, a dead device, a wrong set-up."""
        if is_out_of_memory(error):
            raise error
        if has_poisoned_device(error):
            raise ModelError(
                f"{self.networks.device} is unusable after an error of the model ({first_line(error)})"
            ) from error
        if not self.networks.settled and (fault := setup_fault(error, axes)) is not None:
            raise ModelError(f"{self.networks.members[0].path}: {fault}") from error

    def _reading(self, result: Result, place: int, box: Box, keep: Keep) -> Reading:
        scores = result.scores[place][(slice(None), *box)]
        nan, infinite = not_finite(scores)
        wrong = 0 if result.impossible is None else int(result.impossible[place][box].sum())
        voxels = scores[0].numel()
        if nan or infinite or wrong:
            faulty = tuple(result.faulty[place])
            found = Reading(
                nan=nan, infinite=infinite, impossible=wrong, voxels=voxels, faulty=faulty, passes=result.passes
            )
            return replace(found, failure=self._fault([found]))
        sigmoid = self.settings.activation == "sigmoid"
        threshold = None
        if sigmoid and self.settings.outputs != "labels":
            threshold = 0.0 if result.logits else 0.5  # a logit of 0 is a probability of 0.5
        masks = masks_of(scores, self._channels, threshold)
        uncertainty = None
        if result.uncertainty is not None:
            uncertainty = result.uncertainty[place][(slice(None), *box)].float().contiguous()
        if not keep.probabilities:
            return Reading(masks, uncertainty=uncertainty, voxels=voxels)
        if result.logits:
            scores = scores.sigmoid() if sigmoid else scores.softmax(0)
        probabilities = scores.clone(memory_format=torch.contiguous_format)
        return Reading(masks, probabilities, uncertainty, voxels=voxels)

    def _fault(self, readings: Sequence[Reading]) -> str | None:
        """The words for values that are no probabilities, of an image or of all slices of one; None where all are fine."""
        voxels = sum(reading.voxels for reading in readings)
        counts = {
            "NaN": sum(reading.nan for reading in readings),
            "infinity": sum(reading.infinite for reading in readings),
            IMPOSSIBLE.get(self.settings.outputs, ""): sum(reading.impossible for reading in readings),
        }
        words = fault_of(counts, voxels)
        faulty = sorted({number for reading in readings for number in reading.faulty})
        passes = readings[0].passes
        if words is None or not faulty or len(faulty) == passes:
            return words
        which = f"pass {faulty[0]}" if len(faulty) == 1 else f"{len(faulty)} of {passes} passes, first pass {faulty[0]}"
        return f"{words} ({which})"

    def volume(self, slices: Sequence[Reading]) -> Prediction:
        """The prediction of a volume from those of its slices along the last axis; one failed slice fails it."""
        for place, reading in enumerate(slices):
            if reading.failure is not None and not reading.has_fault:
                return Prediction(None, failure=f"{reading.failure} (slice {place})")
        if any(reading.has_fault for reading in slices):
            return Prediction(None, failure=self._fault(slices))
        masks = [reading.masks for reading in slices if reading.masks is not None]
        probabilities = [reading.probabilities for reading in slices if reading.probabilities is not None]
        maps = [reading.uncertainty for reading in slices if reading.uncertainty is not None]
        return Prediction(
            torch.stack(masks, -1),
            torch.stack(probabilities, -1) if probabilities else None,
            uncertainty=torch.stack(maps, -1) if maps else None,
        )
