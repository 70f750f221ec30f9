"""Surfaces of masks and the distances between them, in mm.

A boundary voxel is a voxel of the mask with a face neighbour (6 in 3-D, 4 in 2-D) that is not in it; outside the image
nothing is in it, so a structure that is cut by the image's border has boundary there (as in MONAI and scipy's
`binary_erosion`). An axis of length 1 is no direction: a 2-D image stored as (H, W, 1) has its 2-D contour.
Distances run from voxel centre to voxel centre, unweighted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

    from .overlap import Mask

Distances = npt.NDArray[np.float64]
Points = npt.NDArray[np.intp]  # (axes, n): one row per axis, so that a row indexes an array as it is
Box = tuple[slice, ...]

# Spacings in files are float32: 3 voxels of 0.7 mm must still be within 2.1 mm.
TOLERANCE_SLACK = 1e-6


@dataclass(frozen=True, eq=False)
class Surface:
    """The boundary voxels of a mask: `edge` is bool over a crop whose first voxel is `origin` in the image."""

    edge: Mask
    origin: tuple[int, ...]
    spacing: tuple[float, ...]

    @cached_property
    def points(self) -> Points:
        """Voxel coordinates in the image, (axes, n)."""
        crop = np.unravel_index(np.flatnonzero(self.edge), self.edge.shape)
        return np.stack([index + start for index, start in zip(crop, self.origin, strict=True)])

    @cached_property
    def tree(self) -> cKDTree:
        """For questions about the nearest of all boundary voxels, in mm."""
        from scipy.spatial import cKDTree

        # A prediction's is built as often as queried: the quick kind pays.
        return cKDTree(self.in_mm(self.points), compact_nodes=False, balanced_tree=False)

    def in_mm(self, points: Points) -> Distances:
        """Coordinates as (n, axes) in mm."""
        millimetres: Distances = points.T * np.asarray(self.spacing)
        return millimetres

    def nearest(self, points: Points) -> Distances:
        """Distance in mm from each of these voxels to the nearest boundary voxel."""
        return np.asarray(self.tree.query(self.in_mm(points))[0])

    def holds(self, points: Points) -> Mask:
        """Which of these voxels are boundary voxels."""
        inside, shifted = inside_box(points, self.origin, self.edge.shape)
        inside[inside] = self.edge[tuple(shifted[:, inside])]
        return inside

    def within(self, low: Points, high: Points) -> Surface | None:
        """The part between two corners of the image, both included, None where no boundary voxel is there."""
        start = np.maximum(low - self.origin, 0)
        stop = np.maximum(high + 1 - self.origin, start)
        edge = self.edge[tuple(slice(first, last) for first, last in zip(start, stop, strict=True))]
        if not edge.any():
            return None
        return Surface(edge, tuple(int(first) for first in start + self.origin), self.spacing)


def inside_box(points: Points, origin: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Mask, Points]:
    """Which voxels lie in a box of this shape that starts at `origin`, and all of them counted from there."""
    shifted = points - np.asarray(origin)[:, None]
    inside = np.ones(points.shape[1], dtype=bool)
    for row, length in zip(shifted, shape, strict=True):
        inside &= (row >= 0) & (row < length)
    return inside, shifted


def bounding_box(mask: Mask) -> Box | None:
    """The smallest box that holds the mask, None for an empty mask."""
    box: list[slice] = []
    rest = mask
    for _ in range(mask.ndim):
        filled = np.flatnonzero(rest.reshape(rest.shape[0], -1).any(axis=1))
        if not filled.size:
            return None
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
        rest = np.asarray(rest[box[-1]].any(axis=0))  # the next axis moves to the front, and less is left to look at
    return tuple(box)


def surface_of(mask: Mask, box: Box, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Surface:
    """The surface of a mask that is given as its bounding box's content, `mask`, in an image of `shape`."""
    directions = [axis for axis, length in enumerate(shape) if length > 1] or range(len(shape))
    core = tuple(slice(1, -1) if axis in directions else slice(None) for axis in range(len(shape)))
    inner = mask[core].copy()
    for axis in directions:
        for shifted in (slice(None, -2), slice(2, None)):
            inner &= mask[*core[:axis], shifted, *core[axis + 1 :]]
    edge = mask.copy()
    edge[core] &= ~inner
    return Surface(edge, tuple(int(part.start) for part in box), spacing)


def hd95(from_prediction: Distances, from_reference: Distances) -> float:
    """HD95 in mm: the larger of the two directed 95th percentiles (Huttenlocher 1993).

    Percentiles by linear interpolation, as numpy's and torch's default. Not the percentile of the pooled distances,
    which is what medpy calls hd95.
    """
    return max(_percentile95(from_prediction), _percentile95(from_reference))


def nsd(from_prediction: Distances, from_reference: Distances, tolerance: float) -> float:
    """NSD: the share of both boundaries that is within `tolerance` mm of the other, 0 to 1 (Nikolov et al. 2018).

    By boundary voxels, not surface elements weighted by area.
    """
    limit = tolerance * (1 + TOLERANCE_SLACK)
    within = np.count_nonzero(from_prediction <= limit) + np.count_nonzero(from_reference <= limit)
    return float(within / (from_prediction.size + from_reference.size))


def _percentile95(distances: Distances) -> float:
    """np.percentile(distances, 95) without the third of its time that goes into checking arguments."""
    rank = 0.95 * (distances.size - 1)
    below = int(rank)
    above = min(below + 1, distances.size - 1)
    part = np.partition(distances, (below, above))
    return float(part[below] + (part[above] - part[below]) * (rank - below))
