"""From prepared images to masks: batches that shrink where memory runs out, and a judgement on every output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pytest_segrobust.errors import ModelError, SegrobustError
from pytest_segrobust.models.crash import crash, first_line, has_poisoned_device, is_out_of_memory, setup_fault
from pytest_segrobust.models.outputs import Misshapen, channels_of, fault_of, masks_of, not_finite
from pytest_segrobust.models.padding import stacked
from pytest_segrobust.models.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_segrobust.models.forward import Networks
    from pytest_segrobust.models.padding import Box
    from pytest_segrobust.requirements.settings import ModelSettings


@dataclass(frozen=True)
class Reading:
    """What one image, or one slice of a volume, came to; `nan` and `infinite` count voxels."""

    masks: torch.Tensor | None = None
    probabilities: torch.Tensor | None = None
    failure: str | None = None
    nan: int = 0
    infinite: int = 0
    voxels: int = 0

    def prediction(self) -> Prediction:
        """The reading of a whole image."""
        return Prediction(self.masks, self.probabilities, self.failure)


class Reader:
    """Networks whose outputs are read as the settings say, one reading per image."""

    def __init__(
        self, networks: Networks, settings: ModelSettings, window: Sequence[int] | None, dtype: torch.dtype
    ) -> None:
        self.networks = networks
        self.settings = settings
        self.window = tuple(window) if window is not None else None
        self.dtype = dtype
        self.largest_batch: int | None = None  # what was left after memory ran out
        self._channels = channels_of(settings)

    def read(
        self, images: Sequence[torch.Tensor], shape: tuple[int, ...], batch_size: int, *, keep: bool
    ) -> Iterator[Reading]:
        """Readings, in order, of prepared images (channels, *spatial) that are padded to `shape`.

        Raises ModelError where a single one does not fit in the device's memory, or the set-up is wrong.
        """
        start = 0
        while start < len(images):
            size = min(batch_size, self.largest_batch or batch_size)
            part = images[start : start + self._images_at_once(size, shape)]
            try:
                batch, boxes = stacked(part, shape, self.dtype)
                readings = self._batch(batch, boxes, size, keep=keep)
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

    def _batch(self, batch: torch.Tensor, boxes: list[Box], size: int, *, keep: bool) -> list[Reading]:
        """Readings of one batch; if it crashes, of its images one by one. Out of memory passes through."""
        try:
            scores = self.networks.scores(batch, self.window, size)
        except SegrobustError:
            raise
        except Misshapen as error:
            failure = str(error)
        except Exception as error:
            self._raise_what_is_no_case(error, batch.ndim)
            failure = crash(error)
        else:
            return [self._reading(scores[i][(slice(None), *box)], keep=keep) for i, box in enumerate(boxes)]
        if len(batch) == 1:
            return [Reading(failure=failure)]
        # one of the images may have spoilt it for all: with which does it lie?
        readings = [self._batch(batch[i : i + 1], [box], size, keep=keep)[0] for i, box in enumerate(boxes)]
        if not any(reading.failure for reading in readings):
            warning = f"a batch of {len(batch)} images failed ({failure}), and none of its images alone did"
            if warning not in self.networks.warnings:
                self.networks.warnings.append(warning)
        return readings

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

    def _reading(self, scores: torch.Tensor, *, keep: bool) -> Reading:
        nan, infinite = not_finite(scores)
        voxels = scores[0].numel()
        if nan or infinite:
            return Reading(failure=fault_of(nan, infinite, voxels), nan=nan, infinite=infinite, voxels=voxels)
        sigmoid = self.settings.activation == "sigmoid"
        threshold = None
        if sigmoid and self.settings.outputs != "labels":
            threshold = 0.5 if self.networks.probabilistic else 0.0  # a logit of 0 is a probability of 0.5
        masks = masks_of(scores, self._channels, threshold)
        if not keep:
            return Reading(masks, voxels=voxels)
        if not self.networks.probabilistic:
            scores = scores.sigmoid() if sigmoid else scores.softmax(0)
        return Reading(masks, scores.clone(memory_format=torch.contiguous_format), voxels=voxels)


def volume(slices: list[Reading]) -> Prediction:
    """The prediction of a volume from those of its slices along the last axis; one failed slice fails it."""
    for place, reading in enumerate(slices):
        if reading.failure is not None and not (reading.nan or reading.infinite):
            return Prediction(None, failure=f"{reading.failure} (slice {place})")
    nan, infinite = sum(reading.nan for reading in slices), sum(reading.infinite for reading in slices)
    if fault := fault_of(nan, infinite, sum(reading.voxels for reading in slices)):
        return Prediction(None, failure=fault)
    masks = [reading.masks for reading in slices if reading.masks is not None]
    maps = [reading.probabilities for reading in slices if reading.probabilities is not None]
    return Prediction(torch.stack(masks, -1), torch.stack(maps, -1) if maps else None)
