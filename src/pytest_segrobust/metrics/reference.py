"""A reference prepared once per case and structure, for hundreds of predictions to be scored against."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .distance import distance_field
from .overlap import check_mask
from .surface import bounding_box, surface_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .distance import DistanceField
    from .overlap import Mask
    from .surface import Box, Surface


@dataclass(frozen=True, eq=False)
class Reference:
    """A reference mask as scoring needs it; `mask` is a copy of its bounding box, without voxels where the mask is empty.

    Surface and distance field are made at first use, so that overlap alone never pays for them.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]  # mm per axis
    voxels: int
    box: Box
    mask: Mask
    reused: bool = True  # for many predictions: only then does a distance field pay

    @property
    def diagonal_mm(self) -> float:
        """Length of the whole image's diagonal: no distance in the image is longer, and no crop changes it."""
        return math.hypot(*(length * step for length, step in zip(self.shape, self.spacing, strict=True)))

    @property
    def image_voxels(self) -> int:
        """Voxels of the whole image."""
        return math.prod(self.shape)

    @cached_property
    def surface(self) -> Surface:
        """Boundary voxels; an empty reference has none and raises ValueError."""
        if not self.voxels:
            raise ValueError("an empty reference has no surface")
        return surface_of(self.mask, self.box, self.shape, self.spacing)

    @cached_property
    def field(self) -> DistanceField | None:
        """Distances to the surface, around it, where it is reused."""
        return distance_field(self.surface, self.shape) if self.reused else None


def prepare_reference(mask: Mask, spacing: Sequence[float], *, reused: bool = True) -> Reference:
    """A reference mask, bool (*spatial), with its spacing in mm per axis, ready for scoring.

    `reused=False` is cheaper for a reference that only one prediction is scored against (a label that moved along).

    Raises ValueError where the mask is not bool, or the spacing is not one positive number per axis.
    """
    check_mask(mask, "the reference")
    steps = tuple(float(step) for step in spacing)
    if len(steps) != mask.ndim or not all(math.isfinite(step) and step > 0 for step in steps):
        raise ValueError(f"spacing {steps} must be {mask.ndim} positive numbers, one per axis of the reference")
    box = bounding_box(mask) or (slice(0, 0),) * mask.ndim
    crop = mask[box].copy()
    return Reference(mask.shape, steps, int(np.count_nonzero(crop)), box, crop, reused)
