"""A model that is ready to be asked: images in, masks out, every output checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.errors import ModelError, SegrobustError
from pytest_segrobust.models.attackable import Attackable, Nature, nature
from pytest_segrobust.models.augmentation import intensities, remark
from pytest_segrobust.models.checkpoint import open_checkpoint
from pytest_segrobust.models.crash import crash
from pytest_segrobust.models.devices import choose_device, default_batch_size
from pytest_segrobust.models.fingerprint import package_of, sha256_of_sources
from pytest_segrobust.models.forward import Networks
from pytest_segrobust.models.functions import find_function
from pytest_segrobust.models.normalisation import normalised, preprocessed
from pytest_segrobust.models.output_checks import is_solid
from pytest_segrobust.models.padding import padded_shape
from pytest_segrobust.models.passes import Identity, Passes
from pytest_segrobust.models.prediction import Prediction
from pytest_segrobust.models.programs import spatial_shape
from pytest_segrobust.models.reading import Image, Keep, Reader
from pytest_segrobust.models.uncertainty_source import UncertaintySource, settings_in_force, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_segrobust.models.checkpoint import Checkpoint
    from pytest_segrobust.models.functions import UserFunction
    from pytest_segrobust.requirements.settings import ModelSettings

TYPICAL_SHAPE = {2: (256, 256), 3: (64, 64, 64)}  # to size batches by where no window is set


def open_segmenter(
    paths: Sequence[str], settings: ModelSettings, *, root: Path, device: str | None = None, seed: int = 0
) -> Segmenter:
    """Open one checkpoint, or several as an ensemble whose probabilities are averaged.

    `root` is the folder of the spec, where `module:function` is searched first; paths of files are taken from the
    current folder. `seed` is what torch's generator starts from while a function builds its network.

    Raises:
        ModelError: a model, a function of [model] or the device cannot be used.
    """
    if not paths:
        raise ModelError("no model: name one with --segrobust-model=ckpt.pt")
    chosen = choose_device(device)
    preprocess = None
    if settings.preprocess is not None:
        preprocess = find_function(settings.preprocess, root, "preprocess")
        if not callable(preprocess.function):
            raise ModelError(f'preprocess = "{settings.preprocess}" is no function')
    members = [open_checkpoint(path, settings, root=root, device=chosen, seed=seed) for path in paths]
    return Segmenter(members, settings, device=chosen, preprocess=preprocess, seed=seed)


class Segmenter:
    """A model on a device.

    `structures` are the names of [model] classes in order; `sha256` has one entry per path, "source:" before it where
    a `module:function` brought no file. `batch_size` is how many images (slices of volumes for a 2-D network,
    windows) are passed at once; fewer are where they are large or memory runs out, but the number itself stays.
    What is predicted for an image depends on the others of its batch by no more than the rounding of float sums.
    """

    def __init__(
        self,
        members: Sequence[Checkpoint],
        settings: ModelSettings,
        *,
        device: torch.device,
        preprocess: UserFunction | None = None,
        seed: int = 0,
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.uncertainty_settings = settings_in_force(settings, len(members))
        self.device = device
        self.structures = tuple(settings.classes)
        self.sha256 = tuple(member.sha256 for member in members)
        self.dtype = _dtype_of(members)
        self._preprocess = preprocess
        self.window = _window_of(members, settings)
        self.nature: Nature | None = None  # once an attack has asked
        self._networks = Networks(members, settings, device)
        self._passes = Passes(self._networks, settings, self.uncertainty_settings, self.window, seed)
        self._reader = Reader(self._passes, settings, self.window, self.dtype)
        self._seen_axes: int | None = None  # of the first image, as the network was given it
        self._supposed_axes = _axes_of(members, settings, self.window, self.uncertainty_settings.flips)
        typical = self.window or TYPICAL_SHAPE[settings.dimensions or 3]
        self.batch_size = settings.batch_size or default_batch_size(device, typical, settings.channels)

    @property
    def forward_passes(self) -> int:
        """Images or windows that went through one network so far, whatever the batch."""
        return self._networks.passes

    @property
    def forward_seconds(self) -> float:
        """Time spent in the networks alone so far, waiting for a GPU to finish."""
        return self._networks.seconds

    @property
    def uncertainty(self) -> UncertaintySource:
        """Where uncertainty comes from, in words for reports; how many axes are mirrored may be known after an image only."""
        used, settings = self.uncertainty_settings, self.settings
        axes = self._seen_axes or self._supposed_axes
        passes = len(self._passes.plan(axes))
        said = remark(settings, used, axes) if used.method == "tta" else ""
        return source_of(settings, used, len(self._networks.members), passes, said)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looked wrong in the outputs so far without being an error, for the report."""
        return tuple(self._networks.warnings)

    def predict(
        self,
        images: Sequence[torch.Tensor],
        spacings: Sequence[tuple[float, ...]],
        *,
        keep_probabilities: bool = False,
        keep_uncertainty: bool = False,
        keys: Sequence[str] = (),
    ) -> list[Prediction]:
        """Predict images (channels, *spatial), float32, in their own units; sizes may differ and are kept.

        Each image is normalised as a whole, padded with 0 to the window or to multiples of `pad_multiple`, passed in
        a batch with others of that size (in overlapping windows where it is larger), activated and cut back. A case
        that crashed, or whose output is NaN or misshapen, has a `failure` and no masks; the others are as without it.

        Raises:
            ModelError: the set-up is wrong, rather than a case: channels, dimensions, window, memory.
        """
        if len(images) != len(spacings) or (keys and len(images) != len(keys)):
            raise ModelError(f"{len(images)} images were given with {len(spacings)} spacings and {len(keys)} keys")
        keep = Keep(keep_probabilities, keep_uncertainty and not self.uncertainty.reason)
        cases = list(zip(images, spacings, keys or [""] * len(images), strict=True))
        predictions: dict[int, Prediction] = {}
        with torch.inference_mode():
            for shape, indices in self._groups(images):
                predictions.update(self._predict_group(shape, [(index, *cases[index]) for index in indices], keep))
        return [predictions[index] for index in range(len(images))]

    def attackable(
        self, image: torch.Tensor, spacing: tuple[float, ...], *, seed: int = 0, draws: int | None = None
    ) -> Attackable:
        """This model as one attack sees it.

        Gradients are tried once, on the first `image` (channels, *spatial), in its own units. `draws` are the passes
        over which a network that is stochastic by itself is averaged.
        """
        if self.nature is None:
            self.nature = nature(self, self._networks, image.to(self.device), spacing)
        return Attackable(self, self._networks, self.nature, seed=seed, draws=draws)

    def description(self) -> dict[str, Any]:
        """The model as plain data, for provenance; the same in every process of a run."""
        settings, members, functions = self.settings, self._networks.members, self._functions
        return {
            "paths": [member.path for member in members],
            "kinds": [member.kind for member in members],
            "parameters": [member.parameters for member in members],
            "weights_sha256": [member.weights_sha256 for member in members],
            "code": [
                {"function": name, "file": code.source.name, "sha256": code.sha256} for name, code in functions.items()
            ],
            "sources_sha256": sha256_of_sources(self.code_folders),
            "device": self.device.type,  # without its number: workers on several GPUs are one run
            "device_name": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "",
            "dtype": str(self.dtype).removeprefix("torch."),
            **settings.model_dump(exclude={"network", "batch_size"}),
            "window": list(self.window) if self.window else None,
        }

    @property
    def code_folders(self) -> set[Path]:
        """The folders that hold the user's code: of the spec, and of the packages that its functions belong to."""
        return {folder for code in self._functions.values() for folder in (code.root, package_of(code.source))}

    @property
    def _functions(self) -> dict[str, UserFunction]:
        named = [*(member.code for member in self._networks.members), self._preprocess]
        return {code.name: code for code in named if code is not None}

    def _groups(self, images: Sequence[torch.Tensor]) -> Iterator[tuple[tuple[int, ...], list[int]]]:
        """Padded shapes, each with the images that may share a batch: all of that shape, or one volume's slices."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, image in enumerate(images):
            shape = padded_shape(self._network_shape(image), self.window, self.settings.pad_multiple)
            if self.is_sliced(image):
                yield shape, [index]
            else:
                groups.setdefault(shape, []).append(index)
        yield from groups.items()

    def _predict_group(
        self, shape: tuple[int, ...], cases: list[tuple[int, torch.Tensor, tuple[float, ...], str]], keep: Keep
    ) -> Iterator[tuple[int, Prediction]]:
        """Predictions by index of cases (index, image, spacing, key) that may share a batch."""
        size = self.batch_size
        if self.settings.batch_size is None:
            size = min(size, default_batch_size(self.device, self.window or shape, self.settings.channels))
        for start in range(0, len(cases), size):
            prepared: dict[int, Image] = {}
            for index, image, spacing, key in cases[start : start + size]:
                try:
                    variants = tuple(self.prepare(variant, spacing) for variant in self._variants(image))
                    prepared[index] = Image(variants, Identity(key))
                except SegrobustError:
                    raise
                except Exception as error:
                    yield index, Prediction(None, failure=crash(error, " in preprocess"))
            if self.is_sliced(cases[start][1]):
                for index, volume in prepared.items():
                    yield index, self._reader.volume(list(self._reader.read(volume.slices(), shape, size, keep)))
            else:
                readings = self._reader.read(list(prepared.values()), shape, size, keep)
                for index, reading in zip(prepared, readings, strict=True):
                    yield index, reading.prediction()

    def _variants(self, image: torch.Tensor) -> list[torch.Tensor]:
        """The image (channels, *spatial) in its own units, and after it its changes of intensity, where passes need them."""
        if self.uncertainty_settings.method != "tta":
            return [image]
        return [change.of(image.to(self.device)) for change in intensities(self.settings)]

    def prepare(self, image: torch.Tensor, spacing: tuple[float, ...]) -> torch.Tensor:
        """What the network is given of an image (channels, *spatial) in its own units, before padding."""
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

    def is_sliced(self, image: torch.Tensor) -> bool:
        """Whether the network is given the volume slice by slice along its last axis."""
        return self.settings.dimensions == 2 and image.ndim == 4

    def _network_shape(self, image: torch.Tensor) -> tuple[int, ...]:
        """The spatial shape that the network is given of an image, before padding."""
        shape, settings = tuple(image.shape[1:]), self.settings
        if len(shape) not in (2, 3):
            raise ModelError(f"an image of shape {tuple(image.shape)}: (channels, *spatial) with 2 or 3 axes is needed")
        if self.is_sliced(image):
            shape = shape[:2]
        if settings.dimensions is not None and settings.dimensions != len(shape):
            raise ModelError(f"dimensions = {settings.dimensions} in [model], but an image has {len(shape)}: {shape}")
        if self.window is not None and len(self.window) != len(shape):
            raise ModelError(f"window = {list(self.window)}, but the network is given {len(shape)}-D images: {shape}")
        if self._preprocess is None and image.shape[0] != settings.channels:
            raise ModelError(f"an image has {image.shape[0]} channels, but [model] channels = {settings.channels}")
        if self._seen_axes is None:
            self._seen_axes = len(shape)
        return shape


def _dtype_of(members: Sequence[Checkpoint]) -> torch.dtype:
    """What the networks compute in: the type of their first floating parameter, float32 where they have none."""
    for member in members:
        for parameter in member.network.parameters():
            if parameter.is_floating_point():
                return parameter.dtype
    return torch.float32


def _axes_of(
    members: Sequence[Checkpoint], settings: ModelSettings, window: tuple[int, ...] | None, flips: Sequence[int] | None
) -> int:
    """How many spatial axes the networks see, as far as can be told before an image is there; the first image decides.

    Axes that are to be mirrored are taken at their word so long: the first image tells whether the network sees them.
    """
    if settings.dimensions is not None:
        return settings.dimensions
    if window is not None:
        return len(window)
    return 3 if any(is_solid(member.network) for member in members) or max(flips or (0,)) > 1 else 2


def _window_of(members: Sequence[Checkpoint], settings: ModelSettings) -> tuple[int, ...] | None:
    """The window of the settings, or the one size that an exported program takes.

    Raises ModelError where the two differ, or the program takes another number of channels.
    """
    window = tuple(settings.window) if settings.window is not None else None
    for member in members:
        path, shape = member.path, member.input_shape
        if shape is not None and len(shape) > 1 and shape[1] is not None and shape[1] != settings.channels:
            raise ModelError(f"{path} takes {shape[1]} input channels, but [model] channels = {settings.channels}")
        fixed = spatial_shape(shape)
        if fixed is None:
            continue
        if window is not None and window != fixed:
            raise ModelError(f"{path} was exported for images of {list(fixed)} alone: set window = {list(fixed)}")
        window = fixed
    return window
