"""A model that is ready to be asked: images in, masks out, every output checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.errors import ModelError, SegrobustError
from pytest_segrobust.models.checkpoint import Checkpoint, open_checkpoint
from pytest_segrobust.models.crash import crash, first_line, has_poisoned_device, is_out_of_memory, setup_fault
from pytest_segrobust.models.devices import choose_device, default_batch_size
from pytest_segrobust.models.fingerprint import sha256_of_file
from pytest_segrobust.models.forward import Networks
from pytest_segrobust.models.functions import UserFunction, find_function
from pytest_segrobust.models.normalisation import normalised, preprocessed
from pytest_segrobust.models.outputs import channels_of, fault_of, masks_of, not_finite
from pytest_segrobust.models.padding import Box, padded_shape, stacked
from pytest_segrobust.models.prediction import Prediction
from pytest_segrobust.models.programs import spatial_shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_segrobust.requirements.settings import ModelSettings


@dataclass(frozen=True)
class _Reading:
    """What one image, or one slice of a volume, came to; `nan` and `infinite` count voxels."""

    masks: torch.Tensor | None = None
    probabilities: torch.Tensor | None = None
    failure: str | None = None
    nan: int = 0
    infinite: int = 0
    voxels: int = 0


def open_segmenter(
    paths: Sequence[str], settings: ModelSettings, *, root: Path, device: str | None = None, seed: int = 0
) -> Segmenter:
    """Open one checkpoint, or several as an ensemble whose probabilities are averaged.

    `root` is the folder of the spec, where `module:function` is searched first; paths of files are taken from the
    current folder. Raises ModelError, in one line, where a model cannot be used.
    """
    if not paths:
        raise ModelError("no model: name one with --segrobust-model=ckpt.pt")
    chosen = choose_device(device)
    preprocess = None
    if settings.preprocess is not None:
        if settings.normalise != "none":
            raise ModelError(f'normalise = "{settings.normalise}" and preprocess in [model]: keep one of them')
        preprocess = find_function(settings.preprocess, root, "preprocess")
        if not callable(preprocess.function):
            raise ModelError(f'preprocess = "{settings.preprocess}" is no function')
    members = [open_checkpoint(path, settings, root=root, device=chosen, seed=seed) for path in paths]
    return Segmenter(members, settings, device=chosen, preprocess=preprocess)


class Segmenter:
    """A model on a device.

    `structures` are the names of [model] classes in order. `forward_passes` counts images or windows through one
    network; `forward_seconds` is the time in the networks alone. What is predicted for an image depends on the other
    images of its batch by no more than the rounding of floating-point sums.
    """

    def __init__(
        self,
        members: Sequence[Checkpoint],
        settings: ModelSettings,
        *,
        device: torch.device,
        preprocess: UserFunction | None = None,
    ) -> None:
        self.settings = settings
        self.device = device
        self.structures = tuple(settings.classes)
        self.sha256 = tuple(member.sha256 for member in members)
        self.dtype = _dtype_of(members)
        self._networks = Networks(members, settings, device)
        self._preprocess = preprocess
        self._channels = channels_of(settings)
        self._window = _window_of(members, settings)
        self._batch_size = settings.batch_size

    @property
    def forward_passes(self) -> int:
        return self._networks.passes

    @property
    def forward_seconds(self) -> float:
        return self._networks.seconds

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looked wrong in the outputs without being an error, for the report."""
        return tuple(self._networks.warnings)

    @property
    def batch_size(self) -> int:
        """Images (slices, windows) per forward pass; smaller after the device ran out of memory."""
        if self._batch_size is None:
            guess = self._window or ((512, 512) if self.settings.dimensions == 2 else (96, 96, 96))
            self._batch_size = default_batch_size(self.device, guess, self.settings.channels)
        return self._batch_size

    def predict(
        self,
        images: Sequence[torch.Tensor],
        spacings: Sequence[tuple[float, ...]],
        *,
        keep_probabilities: bool = False,
    ) -> list[Prediction]:
        """Predict images (channels, *spatial) in their own units; sizes may differ, and come back as they went in.

        A case whose output is NaN or misshapen, or that crashed, has a `failure` and no masks; the others of its
        batch are not touched by it. Raises ModelError for what is wrong with the set-up rather than with a case.
        """
        predictions: list[Prediction | None] = [None] * len(images)
        with torch.inference_mode():
            for indices in self._groups(images):
                for index, prediction in self._predict_group(indices, images, spacings, keep_probabilities):
                    predictions[index] = prediction
        return [prediction for prediction in predictions if prediction is not None]

    def description(self) -> dict[str, Any]:
        """The model as plain data, for provenance."""
        settings = self.settings
        members = self._networks.members
        codes = [member.code for member in members] + [self._preprocess]
        functions = {code.name: code for code in codes if code is not None}
        return {
            "paths": [member.path for member in members],
            "kinds": [member.kind for member in members],
            "sha256": list(self.sha256),
            "parameters": [member.parameters for member in members],
            "ensemble": len(members),
            "device": str(self.device),
            "device_name": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type,
            "precision": settings.precision,
            "dtype": str(self.dtype).removeprefix("torch."),
            "outputs": settings.outputs,
            "activation": settings.activation,
            "classes": dict(settings.classes),
            "channels": settings.channels,
            "dimensions": settings.dimensions,
            "window": list(self._window) if self._window else None,
            "overlap": settings.overlap,
            "pad_multiple": settings.pad_multiple,
            "normalise": settings.normalise,
            "preprocess": settings.preprocess,
            "code": [
                {"function": name, "file": code.source.name, "sha256": sha256_of_file(code.source)}
                for name, code in functions.items()
            ],
            "warnings": list(self.warnings),
        }

    def _groups(self, images: Sequence[torch.Tensor]) -> Iterator[list[int]]:
        """Indices of images that may share a batch: those of one padded shape, or one volume's slices."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, image in enumerate(images):
            shape = self._network_shape(image)
            if self._is_sliced(image):
                yield [index]
            else:
                groups.setdefault(padded_shape(shape, self._window, self.settings.pad_multiple), []).append(index)
        yield from groups.values()

    def _is_sliced(self, image: torch.Tensor) -> bool:
        return self.settings.dimensions == 2 and image.ndim == 4

    def _network_shape(self, image: torch.Tensor) -> tuple[int, ...]:
        """The spatial shape that the network is given of an image, before padding."""
        shape = tuple(image.shape[1:])
        if len(shape) not in (2, 3):
            raise ModelError(f"an image of shape {tuple(image.shape)}: (channels, *spatial) with 2 or 3 axes is needed")
        if self._is_sliced(image):
            shape = shape[:2]
        if self.settings.dimensions is not None and self.settings.dimensions != len(shape):
            raise ModelError(
                f"dimensions = {self.settings.dimensions}, but an image has {len(shape)}: {tuple(image.shape)}"
            )
        if self._window is not None and len(self._window) != len(shape):
            raise ModelError(f"window = {list(self._window)}, but the network is given {len(shape)}-D images: {shape}")
        if self._preprocess is None and image.shape[0] != self.settings.channels:
            raise ModelError(f"an image has {image.shape[0]} channels, but [model] channels = {self.settings.channels}")
        return shape

    def _prepare(self, image: torch.Tensor, spacing: tuple[float, ...]) -> torch.Tensor:
        image = image.to(self.device)
        if self._preprocess is None:
            return normalised(image, self.settings.normalise)
        prepared = preprocessed(image, spacing, self._preprocess).to(self.device)
        if prepared.shape[0] != self.settings.channels:
            raise ModelError(
                f'preprocess = "{self._preprocess.name}" returned {prepared.shape[0]} channels, '
                f"but [model] channels = {self.settings.channels}"
            )
        return prepared

    def _predict_group(
        self, indices: list[int], images: Sequence[torch.Tensor], spacings: Sequence[tuple[float, ...]], keep: bool
    ) -> Iterator[tuple[int, Prediction]]:
        sliced = self._is_sliced(images[indices[0]])
        shape = padded_shape(self._network_shape(images[indices[0]]), self._window, self.settings.pad_multiple)
        if self._batch_size is None:
            self._batch_size = default_batch_size(self.device, self._window or shape, self.settings.channels)
        while indices:
            ready: list[int] = []
            prepared: list[torch.Tensor] = []
            for index in indices[: 1 if sliced else self.batch_size]:
                try:
                    prepared.append(self._prepare(images[index], spacings[index]))
                    ready.append(index)
                except SegrobustError:
                    raise
                except Exception as error:
                    yield index, Prediction(None, failure=crash(error, " in preprocess"))
            indices = indices[1 if sliced else self.batch_size :]
            if sliced and prepared:
                slices = list(prepared[0].unbind(-1))
                yield ready[0], _volume(list(self._read_all(slices, shape, keep)), keep)
            elif prepared:
                for index, reading in zip(ready, self._read_all(prepared, shape, keep), strict=True):
                    yield index, Prediction(reading.masks, reading.probabilities, reading.failure)

    def _read_all(self, images: list[torch.Tensor], shape: tuple[int, ...], keep: bool) -> Iterator[_Reading]:
        """Readings of prepared images in order, in batches that are halved where memory runs out."""
        start = 0
        while start < len(images):
            part = images[start : start + self.batch_size]
            batch, boxes = stacked(part, shape, self.dtype)
            try:
                readings = self._read(batch, boxes, keep)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(len(part), shape, error)
                continue
            yield from readings
            start += len(part)

    def _halve(self, count: int, shape: tuple[int, ...], error: Exception) -> None:
        """Make batches smaller, or give up where a single image (or window) does not fit."""
        windows = self._window is not None and tuple(self._window) != shape
        size = self.batch_size if windows else min(count, self.batch_size)
        if size == 1:
            raise ModelError(
                f"one image of {' x '.join(str(n) for n in self._window or shape)} voxels does not fit in the memory of "
                f'{self.device} ({first_line(error, 120)}): set a smaller window or precision = "mixed" in [model]'
            ) from error
        self._batch_size = size // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _read(self, batch: torch.Tensor, boxes: list[Box], keep: bool) -> list[_Reading]:
        """Readings of one batch; if it crashes, of its images one by one. Out of memory passes through."""
        try:
            scores = self._networks.scores(batch, self._window, self.batch_size)
        except SegrobustError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            if has_poisoned_device(error):
                raise ModelError(
                    f"{self.device} is unusable after an error of the model ({first_line(error)})"
                ) from error
            if not self._networks.settled and (fault := setup_fault(error)) is not None:
                raise ModelError(f"{self._networks.members[0].path}: {fault}") from error
            if len(batch) == 1:
                return [_Reading(failure=crash(error))]
            return [self._read(batch[i : i + 1], [box], keep)[0] for i, box in enumerate(boxes)]
        if len(scores) != len(batch) and len(batch) > 1:
            return [self._read(batch[i : i + 1], [box], keep)[0] for i, box in enumerate(boxes)]
        expected = (self._networks.expected_channels(), *batch.shape[2:])
        if scores.shape[0] != len(batch) or tuple(scores.shape[1:]) != expected:
            got = tuple(scores.shape[1:]) if scores.shape[0] == len(batch) else tuple(scores.shape)
            wanted = ", ".join("channels" if size is None else str(size) for size in expected)
            return [_Reading(failure=f"shape {got} instead of ({wanted})")] * len(batch)
        return [self._reading(scores[i][(slice(None), *box)], keep) for i, box in enumerate(boxes)]

    def _reading(self, scores: torch.Tensor, keep: bool) -> _Reading:
        nan, infinite = not_finite(scores)
        voxels = scores[0].numel()
        if nan or infinite:
            return _Reading(failure=fault_of(nan, infinite, voxels), nan=nan, infinite=infinite, voxels=voxels)
        settings, threshold = self.settings, None
        if settings.activation == "sigmoid" and settings.outputs != "labels":
            threshold = 0.5 if self._networks.probabilistic else 0.0
        masks = masks_of(scores, self._channels, threshold)
        if not keep:
            return _Reading(masks, voxels=voxels)
        if not self._networks.probabilistic:
            scores = scores.softmax(0) if settings.activation == "softmax" else scores.sigmoid()
        return _Reading(masks, scores.clone(memory_format=torch.contiguous_format), voxels=voxels)


def _volume(slices: list[_Reading], keep: bool) -> Prediction:
    """The prediction of a volume from those of its slices along the last axis; one failed slice fails it."""
    for place, reading in enumerate(slices):
        if reading.failure is not None and not (reading.nan or reading.infinite):
            return Prediction(None, failure=f"{reading.failure} (slice {place})")
    nan, infinite = sum(reading.nan for reading in slices), sum(reading.infinite for reading in slices)
    if fault := fault_of(nan, infinite, sum(reading.voxels for reading in slices)):
        return Prediction(None, failure=fault)
    masks = torch.stack([reading.masks for reading in slices if reading.masks is not None], -1)
    maps = [reading.probabilities for reading in slices if reading.probabilities is not None]
    return Prediction(masks, torch.stack(maps, -1) if keep else None)


def _dtype_of(members: Sequence[Checkpoint]) -> torch.dtype:
    """What the networks compute in: the type of their first floating parameter, float32 where they have none."""
    for member in members:
        for parameter in member.network.parameters():
            if parameter.is_floating_point():
                return parameter.dtype
    return torch.float32


def _window_of(members: Sequence[Checkpoint], settings: ModelSettings) -> tuple[int, ...] | None:
    """The window of the settings, or the one size that an exported program takes.

    Raises ModelError where the two differ, or the program takes another number of channels.
    """
    window = tuple(settings.window) if settings.window is not None else None
    for member in members:
        shape = member.input_shape
        if shape is not None and len(shape) > 1 and shape[1] is not None and shape[1] != settings.channels:
            raise ModelError(
                f"{member.path} takes {shape[1]} input channels, but [model] channels = {settings.channels}"
            )
        fixed = spatial_shape(shape)
        if fixed is None:
            continue
        if window is not None and window != fixed:
            raise ModelError(
                f"{member.path} was exported for images of {list(fixed)} alone: set window = {list(fixed)}"
            )
        window = fixed
    return window
