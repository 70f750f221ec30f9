"""Exact distances between two surfaces in mm, by whichever of three ways is cheapest.

A field around the reference, computed once, is looked up; a k-d tree is searched; and where every voxel of a huge surface
is about equally far (a prediction that encloses the image, seen from within), which no tree can search, distances
are taken axis by axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .surface import inside_box

if TYPE_CHECKING:
    from .overlap import Mask
    from .surface import Box, Distances, Points, Surface

# A distance field of at most this many voxels (512 KiB, as hundreds of references are kept) lies around a reference;
# further out a tree answers.
FIELD_VOXELS = 2**16
# A tree may come to compare all pairs, each at about four times the price of one step along an axis. Below 2 million
# pairs that is no matter, and arrays of more than 16 million distances (128 MiB) are never made.
PAIRS_FOR_A_TREE = 2_000_000
STEPS_PER_PAIR = 4
LARGEST_ARRAY = 2**24


@dataclass(frozen=True, eq=False)
class DistanceField:
    """Distance in mm to the nearest boundary voxel of one surface, for every voxel of a box that starts at `origin`."""

    values: Distances
    origin: tuple[int, ...]


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
    inside, shifted = inside_box(points, field.origin, field.values.shape)
    distances = np.empty(points.shape[1])
    distances[inside] = field.values[tuple(shifted[:, inside])]
    if not inside.all():
        distances[~inside] = nearest(reference, points[:, ~inside])
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
            found = nearest(near, points[:, apart])
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


def _skipping_shared(points: Points, surface: Surface) -> Distances:
    """Distances to a surface; the voxels it shares need no search, and near-perfect predictions share most."""
    distances = np.zeros(points.shape[1])
    apart = ~surface.holds(points)
    if apart.any():
        distances[apart] = nearest(surface, points[:, apart])
    return distances


def nearest(surface: Surface, points: Points) -> Distances:
    """Distance in mm from each of these voxels to the nearest boundary voxel of a surface."""
    if points.shape[1] * surface.points.shape[1] > PAIRS_FOR_A_TREE:
        low = points.min(axis=1)
        shape = tuple(int(length) for length in points.max(axis=1) + 1 - low)
        steps, largest = _cost_along_axes(surface.edge.shape, shape)
        if largest <= LARGEST_ARRAY and steps < STEPS_PER_PAIR * _pairs_in_a_tree(surface, points):
            return np.asarray(_along_axes(surface, low, shape)[tuple(points - low[:, None])])
    return surface.nearest(points)


def _pairs_in_a_tree(surface: Surface, points: Points) -> float:
    """How many pairs a tree would compare, about, by what it finds for some of the points.

    The cells of a tree reach into empty space: it looks into those of a wall within the distance d of the wall's
    nearest place, some 4 d² voxels (measured on spheres and boxes: 5000 of 9000 from a sphere's centre).
    """
    some = points[:, :: -(-points.shape[1] // 64)]
    reach = surface.nearest(some) / min(surface.spacing)
    return float(np.minimum(4 * reach**2, surface.points.shape[1]).mean() * points.shape[1])


def _cost_along_axes(edge: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, int]:
    """Steps of `_along_axes`, and the size of the largest array on the way."""
    sizes = [math.prod(edge[:done]) * math.prod(shape[done:]) for done in range(len(edge))]
    return sum(size * wanted for size, wanted in zip(sizes[1:], shape[:-1], strict=True)), max(sizes)


def _along_axes(surface: Surface, low: Points, shape: tuple[int, ...]) -> Distances:
    """Distance in mm to a surface for every voxel of a box of `shape` that starts at `low`.

    Squared distance is a sum over axes, so the minimum is taken axis by axis (Felzenszwalb and Huttenlocher 2012).
    """
    *leading, last = [
        (np.arange(length, dtype=float) + start - origin, step)
        for length, start, origin, step in zip(shape, low, surface.origin, surface.spacing, strict=True)
    ]
    if leading:  # slab by slab, because the surface's own array can be as large as the image
        squared = np.stack([_squared_along_last_axis(slab, *last) for slab in surface.edge])
    else:
        squared = _squared_along_last_axis(surface.edge, *last)
    for axis in reversed(range(len(leading))):
        places, step = leading[axis]
        along = np.arange(surface.edge.shape[axis]).reshape(-1, *[1] * (len(leading) - axis))
        squared = np.stack([(squared + (step * (place - along)) ** 2).min(axis=axis) for place in places], axis=axis)
    return np.asarray(np.sqrt(squared))


def _squared_along_last_axis(edge: Mask, places: Distances, step: float) -> Distances:
    """Squared distance from each place to the nearest voxel of its own row, infinite in rows without one."""
    at = np.arange(edge.shape[-1], dtype=float)
    before = np.maximum.accumulate(np.where(edge, at, -np.inf), axis=-1)
    after = np.minimum.accumulate(np.where(edge, at, np.inf)[..., ::-1], axis=-1)[..., ::-1]
    column = np.clip(places, 0, edge.shape[-1] - 1).astype(np.intp)
    squared: Distances = (
        step * np.minimum(np.abs(places - before[..., column]), np.abs(after[..., column] - places))
    ) ** 2
    return squared


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
