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
# A distance field of at most this many voxels (4 MiB) lies around a reference; further out a tree answers.
FIELD_VOXELS = 2**19


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
        inside, shifted = _inside(points, self.origin, self.edge.shape)
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


@dataclass(frozen=True, eq=False)
class DistanceField:
    """Distance in mm to the nearest boundary voxel of one surface, for every voxel of a box that starts at `origin`."""

    values: Distances
    origin: tuple[int, ...]


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


def distance_field(surface: Surface, shape: tuple[int, ...]) -> DistanceField | None:
    """Distances to a surface around it: over the whole image where that is small, None where even its box is too big.

    Computed once per reference and looked up for every prediction.
    """
    box = _grown(surface, shape)
    if box is None:
        return None
    from scipy.ndimage import distance_transform_edt

    away = np.ones([part.stop - part.start for part in box], dtype=bool)
    own = tuple(
        slice(start - part.start, start - part.start + length)
        for start, part, length in zip(surface.origin, box, surface.edge.shape, strict=True)
    )
    away[own] = ~surface.edge
    values = np.asarray(distance_transform_edt(away, sampling=surface.spacing), dtype=np.float64)
    return DistanceField(values, tuple(part.start for part in box))


def distances_to_reference(prediction: Surface, reference: Surface, field: DistanceField | None) -> Distances:
    """From each boundary voxel of the prediction to the nearest of the reference, in mm."""
    points = prediction.points
    if field is None:
        return _skipping_shared(points, reference)
    inside, shifted = _inside(points, field.origin, field.values.shape)
    distances = np.empty(points.shape[1])
    distances[inside] = field.values[tuple(shifted[:, inside])]
    if not inside.all():
        distances[~inside] = reference.nearest(points[:, ~inside])
    return distances


def distances_to_prediction(reference: Surface, prediction: Surface) -> Distances:
    """From each boundary voxel of the reference to the nearest of the prediction, in mm.

    A wrong prediction can have a thousand times the reference's boundary: then only its part near the reference is
    put into a tree, and more of it where that proves too little.
    """
    points = reference.points
    if prediction.points.shape[1] <= 4 * points.shape[1] + 1000:
        return _skipping_shared(points, prediction)
    distances = np.zeros(points.shape[1])
    apart = ~prediction.holds(points)
    if not apart.any():
        return distances
    low, high = points[:, apart].min(axis=1), points[:, apart].max(axis=1)
    spacing = np.asarray(prediction.spacing)
    reach = 4 * float(spacing.max())
    while True:
        margin = np.ceil(reach / spacing).astype(np.intp)
        near = prediction.within(low - margin, high + margin)
        if near is not None:
            found = near.nearest(points[:, apart])
            furthest = float(found.max())
            if furthest <= reach:  # nothing beyond the box is nearer than `reach`
                distances[apart] = found
                return distances
            reach = furthest  # what was found bounds what is nearest: the next box holds it
        else:
            reach *= 2


def surface_distances(
    prediction: Surface, reference: Surface, field: DistanceField | None = None
) -> tuple[Distances, Distances]:
    """Both directions in mm: from the prediction's boundary voxels, and from the reference's."""
    return distances_to_reference(prediction, reference, field), distances_to_prediction(reference, prediction)


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


def _skipping_shared(points: Points, surface: Surface) -> Distances:
    """Distances to a surface; the voxels it shares need no search, and near-perfect predictions share most."""
    distances = np.zeros(points.shape[1])
    apart = ~surface.holds(points)
    if apart.any():
        distances[apart] = surface.nearest(points[:, apart])
    return distances


def _inside(points: Points, origin: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Mask, Points]:
    shifted = points - np.asarray(origin)[:, None]
    inside = np.ones(points.shape[1], dtype=bool)
    for row, length in zip(shifted, shape, strict=True):
        inside &= (row >= 0) & (row < length)
    return inside, shifted


def _grown(surface: Surface, shape: tuple[int, ...]) -> Box | None:
    """The surface's box with as wide a margin on all sides as FIELD_VOXELS allows, within the image."""
    start = np.asarray(surface.origin)
    stop = start + surface.edge.shape
    if surface.edge.size > FIELD_VOXELS:
        return None
    none, all_of_it = 0, max(shape)
    while none < all_of_it:  # the widest margin that still fits, by bisection
        margin = (none + all_of_it + 1) // 2
        sides = np.minimum(stop + margin, shape) - np.maximum(start - margin, 0)
        if int(np.prod(sides)) <= FIELD_VOXELS:
            none = margin
        else:
            all_of_it = margin - 1
    low, high = np.maximum(start - none, 0), np.minimum(stop + none, shape)
    return tuple(slice(int(first), int(last)) for first, last in zip(low, high, strict=True))
