"""How much memory a run takes at the least, from headers and [model] alone; a pilot tells what it took with its network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..datasets.dataset import KEPT_BYTES
from ..models.devices import BYTES_PER_VOXEL
from ..run import PEAK_MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..requirements.settings import ModelSettings

_FLOAT = 4  # bytes, of images and outputs; labels are int32
_LIBRARIES = 500_000_000  # of Python, torch and scipy, once loaded


@dataclass(frozen=True)
class Memory:
    """Bytes of one process: `batch` of the images, labels and outputs in hand, `kept` of images that stay; and the pilot's.

    `passed` is a generous guess of what a U-Net takes to pass the batch; weights come on top, and only a run tells. `pilot`
    is the most that a process of the pilot took, `pilot_device` the most of its GPU; None where they are not known.
    """

    batch: int
    kept: int
    images: int
    voxels: int
    passed: int
    pilot: int | None = None
    pilot_device: int | None = None

    @property
    def least(self) -> int:
        """All of it, with what the libraries take."""
        return _LIBRARIES + self.batch + self.kept


def memory(
    model: ModelSettings, shapes: Sequence[tuple[int, ...]], *, batch: int, pilot: Mapping[str, Any] | None = None
) -> Memory:
    """The memory of a run over images of these shapes, `batch` of them at once; `pilot` is what a store says of its run."""
    sizes = [math.prod(shape) for shape in shapes]
    largest = max(sizes, default=0)
    channels = [value for of in model.classes.values() for value in (of if isinstance(of, list) else [of])]
    outputs = max([*channels, model.background or 0]) + 1
    copies = 1 if model.uncertainty is None else 3  # scores, and the running mean and variance of passes
    seen = 2 * model.channels + 1 + outputs * copies  # clean and perturbed image, label, outputs
    in_hand = min(batch, len(sizes)) * largest * (_FLOAT * seen + 2 * len(model.classes))  # masks: a byte each
    kept = min(KEPT_BYTES, sum(sizes) * _FLOAT * (model.channels + 1))
    window = math.prod(model.window) if model.window else largest
    passed = min(batch, len(sizes)) * min(window, largest) * BYTES_PER_VOXEL
    told = [value for key, value in (pilot or {}).items() if key.startswith(PEAK_MEMORY)]
    return Memory(in_hand, kept, min(batch, len(sizes)), largest, passed, _most(told, "process"), _most(told, "device"))


def _most(told: Sequence[Mapping[str, int | None]], what: str) -> int | None:
    known = [value for each in told if (value := each.get(what))]
    return max(known, default=None)


def lines(found: Memory) -> list[str]:
    """What a plan says of it."""
    words = (
        f"memory: at least {_size(found.least)} for each process: {_size(found.batch)} for {found.images} images of "
        f"{found.voxels} voxels with their labels and outputs, {_size(found.kept)} for images that are kept, and the libraries"
    )
    if found.pilot is None:
        passed = _size(found.passed)
        words += f"; a U-Net takes up to about {passed} more to pass them, on its device"
        return [f"{words}; a pilot run tells what your network takes"]
    device = "" if found.pilot_device is None else f", and {_size(found.pilot_device)} of its GPU"
    return [f"{words}; with its network, the largest process of the pilot took {_size(found.pilot)}{device}"]


def _size(count: int) -> str:
    """Bytes in words, rounded up: what is too little is of no use."""
    for size, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= size:
            return f"{math.ceil(10 * count / size - 1e-9) / 10:.1f} {name}"
    return "under 1 MB"
