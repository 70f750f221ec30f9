"""Thick slices: an acquisition with fewer, thicker slices, brought back to the image's grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Choice, Parameter, Perturbation, declare
from ..geometry.orientation import ANATOMICAL, STORED, axis_number
from ..slices import through_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from ..frame import Batch, Frame


def thick_slices(
    batch: Batch,
    *,
    thickness: Sequence[float] | None = None,
    factor: Sequence[float] | None = None,
    axis: str | None = None,
) -> torch.Tensor:
    """Averages over slices of that thickness and distance, interpolated linearly onto the image's own slices.

    The profile of a slice is a box, a voxel is as thick as the spacing, and one slice is centred on the middle voxel; of
    the first and the last slice, what lies inside the image counts. Beyond their centres the first and the last slice
    are repeated. A thickness that is not above the spacing changes nothing. The axis is the through-plane one, that with
    the largest spacing, unless it is named; `factor` is the thickness in units of the spacing there. The grid and the
    labels stay.
    """
    import torch

    changed = []
    for i, (values, frame) in enumerate(zip(batch.values, batch.frames, strict=True)):
        across = through_plane(frame) if axis is None else axis_number(frame, axis)
        stated = (None if numbers is None else numbers[i] for numbers in (thickness, factor))
        changed.append(sliced(values, across, _in_voxels(frame, across, *stated)))
    return torch.stack(changed)


def sliced(values: torch.Tensor, axis: int, thickness: float) -> torch.Tensor:
    """An image (C, *spatial) in slices of `thickness` voxels along a spatial axis, on its own grid again."""
    import torch

    place, size = axis + 1, values.shape[axis + 1]
    if thickness <= 1 or size == 1:
        return values
    first, weights = profiles(size, thickness)
    slices = torch.zeros(1).to(values)
    for column in range(weights.shape[1]):
        taken = torch.as_tensor(first + column, device=values.device).clamp_max(size - 1)
        slices = slices + values.index_select(place, taken) * _along(weights[:, column], place, values)
    # Where the centre of a voxel lies in the row of slices.
    middle = (size - 1) // 2
    inside = torch.arange(size, dtype=torch.float64) - middle
    position = (inside / thickness + (len(first) - 1 - _after(size, thickness))).clamp(0, len(first) - 1)
    lower = position.floor().long().clamp_max(max(len(first) - 2, 0))
    upper = (lower + 1).clamp_max(len(first) - 1)
    share = _along((position - lower).numpy(), place, values)
    low, high = (slices.index_select(place, each.to(values.device)) for each in (lower, upper))
    return low + (high - low) * share


def profiles(size: int, thickness: float) -> tuple[np.ndarray, np.ndarray]:
    """The first voxel of each slice, (slices,), and the weights of that and the following voxels, (slices, width)."""
    import numpy as np

    middle = (size - 1) // 2
    numbers = np.arange(-_before(size, thickness), _after(size, thickness) + 1)
    centres = middle + numbers * thickness
    start = np.maximum(centres - thickness / 2, -0.5)
    end = np.minimum(centres + thickness / 2, size - 0.5)
    first = np.clip(np.floor(start + 0.5).astype(int), 0, size - 1)
    voxels = first[:, None] + np.arange(math.ceil(thickness) + 1)
    shared = np.minimum(end[:, None], voxels + 0.5) - np.maximum(start[:, None], voxels - 0.5)
    weights = np.clip(shared, 0.0, None)
    return first, weights / weights.sum(1, keepdims=True)


def could_be_thicker(
    image: torch.Tensor,
    _region: torch.Tensor | None,
    frame: Frame,
    *,
    thickness: float | None = None,
    factor: float | None = None,
    axis: str | None = None,
) -> bool:
    """Whether a slice is thicker than a voxel, and the image varies across the slices."""
    across = through_plane(frame) if axis is None else axis_number(frame, axis)
    varies = bool((image != image.narrow(across + 1, 0, 1)).any())
    return varies and _in_voxels(frame, across, thickness, factor) > 1 + 1e-3


def _in_voxels(frame: Frame, axis: int, thickness: float | None, factor: float | None) -> float:
    return thickness / frame.spacing[axis] if thickness is not None else factor or 1.0


def _before(size: int, thickness: float) -> int:
    """How many slices reach into the image before the middle one; a touch that is rounding is none."""
    return max(0, math.ceil(((size - 1) // 2 + 0.5) / thickness - 0.5 - 1e-6))


def _after(size: int, thickness: float) -> int:
    return max(0, math.ceil((size // 2 + 0.5) / thickness - 0.5 - 1e-6))


def _along(numbers: np.ndarray, place: int, like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.as_tensor(numbers).to(like).reshape(-1, *(1 for _ in range(like.ndim - place - 1)))


THICKNESS = Parameter(
    "thickness",
    identity=0.0,
    lowest=0.0,
    highest=100.0,
    unit="mm",
    plausible=(0.0, 8.0),
    source="estimate, no survey: 2-D sequences and reconstructed CT have slices of 1-8 mm",
    meaning="slice thickness and distance; nothing changes up to the image's own spacing across the slices",
)

declare(
    Perturbation(
        "thick slices",
        "Fewer and thicker slices, interpolated back onto the image's grid.",
        alternatives=(
            (THICKNESS,),
            (
                Parameter(
                    "factor",
                    identity=1.0,
                    lowest=1.0,
                    highest=100.0,
                    scale="log",
                    plausible=(1.0, 4.0),
                    source="estimate: 1 mm slices become 4 mm; ROOD-MRI (Boone et al. 2023): 2.8-10",
                    meaning="slice thickness in units of the image's own spacing across the slices",
                ),
            ),
            (
                THICKNESS,
                Choice(
                    "axis",
                    (*ANATOMICAL, *STORED),
                    meaning="an anatomical axis by the image's orientation, or the first, second or third axis as stored",
                ),
            ),
        ),
        apply=thick_slices,
        local=False,
        synonyms=("anisotropic resolution",),
        source="box profile, averages at distances of the thickness, linear interpolation",
        could_change=could_be_thicker,
        modalities=("MR", "CT"),
    )
)
