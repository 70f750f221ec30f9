"""Where voxels are looked at: with the whole image, the easy background decides every measure.

Distances run between voxel centres, in mm. The image's border is no boundary: a structure that is cut there is not
uncertain there. An axis of length 1 is no direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..overlap import check_mask
from ..surface import bounding_box
from .dilation import within_reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..surface import Box
    from .measured import Mask

BAND_VOXELS = 4
"""Width of the band in smallest voxel edges where no width is stated (boundary_width of Zenk et al. 2024, arXiv:2406.03323)."""


def check_spacing(spacing: Sequence[float], axes: int) -> tuple[float, ...]:
    """Spacing in mm per axis as floats.

    Raises ValueError where it is not one positive number per axis.
    """
    steps = tuple(float(step) for step in spacing)
    if len(steps) != axes or not all(math.isfinite(step) and step > 0 for step in steps):
        raise ValueError(f"spacing {steps} must be {axes} positive numbers, one per axis")
    return steps


def band_width(spacing: Sequence[float], width: float | None = None) -> float:
    """The stated width in mm, or BAND_VOXELS of the smallest voxel edge.

    Raises ValueError for a width that is not positive.
    """
    if width is None:
        return BAND_VOXELS * min(spacing)
    if not (math.isfinite(width) and width > 0):
        raise ValueError(f"a band of {width} mm has no voxels")
    return float(width)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What lies near a mask, inside `box` of the image, outside of which nothing does.

    `mask`, `near` (the mask and all voxels within reach of it) and `band` (voxels of either side within reach of the other)
    are bool crops; `box` is empty where the mask is.
    """

    box: Box
    mask: Mask
    near: Mask
    band: Mask

    def part(self, crop: Mask, box: Box) -> Mask:
        """One of the crops as it lies in another box that holds this one."""
        whole = np.zeros([part.stop - part.start for part in box], bool)
        whole[tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(self.box, box, strict=True))] = crop
        return whole


def surroundings(
    mask: Mask, spacing: Sequence[float], width: float | None = None, view: Mask | None = None
) -> Surroundings:
    """Band and dilation of a mask, bool (*spatial), by at most `width` mm.

    Of an image that moved, `view` says which voxels come from inside it; its edge is as little a boundary as the image's.
    """
    check_mask(mask, "the mask")
    steps = check_spacing(spacing, mask.ndim)
    reach = band_width(steps, width)
    if view is not None:
        check_mask(view, "the view", mask.shape)
        mask = mask & view
    box = _grown(mask, steps, reach)
    if box is None:
        nothing = np.zeros((0,) * mask.ndim, bool)
        return Surroundings((slice(0, 0),) * mask.ndim, nothing, nothing, nothing)
    crop = mask[box]
    seen = None if view is None else view[box]
    other = ~crop if seen is None else ~crop & seen
    near = within_reach(crop, steps, reach)
    if seen is not None:
        near &= seen
    band = (near & ~crop) | (within_reach(other, steps, reach) & crop)
    return Surroundings(box, crop, near, band)


def boundary_band(mask: Mask, spacing: Sequence[float], width: float | None = None, view: Mask | None = None) -> Mask:
    """Voxels of either side whose nearest voxel of the other side is at most `width` mm away, bool (*spatial).

    Empty for an empty mask, for one that fills the image, and for a width below the smallest voxel edge.
    """
    around = surroundings(mask, spacing, width, view)
    band = np.zeros(mask.shape, bool)
    band[around.box] = around.band
    return band


def dilated(mask: Mask, spacing: Sequence[float], margin: float | None = None) -> Mask:
    """The mask and every voxel at most `margin` mm from it (default as for a band), bool (*spatial).

    For calibration: errors and correct voxels are chosen by place alone. Empty for an empty mask.
    """
    around = surroundings(mask, spacing, margin)
    grown = np.zeros(mask.shape, bool)
    grown[around.box] = around.near
    return grown


def error_band(prediction: Mask, reference: Mask, spacing: Sequence[float], width: float | None = None) -> Mask:
    """Where wrong voxels are sought: the band round both boundaries, and every wrong voxel wherever it lies.

    Correct voxels far from any boundary are left out, since they are easy and would praise any map; errors never are.
    For separation and removal, not for calibration: which voxels are in it depends on which are wrong.
    """
    check_mask(prediction, "the prediction", reference.shape)
    both = boundary_band(prediction, spacing, width) | boundary_band(reference, spacing, width)
    band: Mask = both | (prediction ^ reference)
    return band


def thinned(region: Mask, most: int, key: Sequence[int]) -> Mask:
    """At most this many voxels of the region, drawn without replacement; the same for the same key and region.

    For images far above a million voxels, where a sort is too slow. Measures are then estimates.
    """
    check_mask(region, "the region")
    if most < 1:
        raise ValueError(f"{most} voxels measure nothing")
    voxels = np.flatnonzero(region)
    if voxels.size <= most:
        return region
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(list(key))))
    thin = np.zeros(region.shape, bool)
    thin.flat[rng.choice(voxels, most, replace=False, shuffle=False)] = True
    return thin


def _grown(mask: Mask, steps: tuple[float, ...], reach: float) -> tuple[slice, ...] | None:
    """The mask's bounding box and all that can be within reach of it; distance fields need no more than that."""
    box = bounding_box(mask)
    if box is None:
        return None
    margins = [math.ceil(reach / step) + 1 for step in steps]
    return tuple(
        slice(max(part.start - margin, 0), min(part.stop + margin, length))
        for part, margin, length in zip(box, margins, mask.shape, strict=True)
    )
