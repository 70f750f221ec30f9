"""Surfaces, HD95 and NSD: neighbours counted by hand, closed forms, numpy's and torch's percentile."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.metrics.distance import surface_distances
from pytest_segrobust.metrics.surface import Surface, bounding_box, hd95, nsd, surface_of

spacings = st.floats(0.2, 6)
masks_and_spacing = st.lists(st.integers(1, 6), min_size=2, max_size=3).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(bool, tuple(shape)), hnp.arrays(bool, tuple(shape)), st.tuples(*[spacings] * len(shape))
    )
)


def boundary_by_hand(mask: np.ndarray) -> set[tuple[int, ...]]:
    """Voxels with a face neighbour that is outside the mask or the image."""

    def outside(voxel: tuple[int, ...]) -> bool:
        return any(not 0 <= at < length for at, length in zip(voxel, mask.shape, strict=True)) or not mask[voxel]

    found = set()
    for voxel in itertools.product(*map(range, mask.shape)):
        for axis, step in itertools.product(range(mask.ndim), (-1, 1)):
            neighbour = (*voxel[:axis], voxel[axis] + step, *voxel[axis + 1 :])
            if mask[voxel] and (mask.shape[axis] > 1 or mask.size == 1) and outside(neighbour):
                found.add(voxel)
    return found


def surface(mask: np.ndarray, spacing: tuple[float, ...] = (1, 1, 1)) -> Surface:
    box = bounding_box(mask)
    assert box is not None
    return surface_of(mask[box], box, mask.shape, spacing)


def cube(side: int, at: tuple[int, ...], shape: tuple[int, ...] = (30, 30, 30)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(start, start + side) for start in at)] = True
    return mask


def ball(radius: float, spacing: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
    axes = [(np.arange(length) - (length - 1) / 2) * step for length, step in zip(shape, spacing, strict=True)]
    return np.sum(np.square(np.meshgrid(*axes, indexing="ij")), axis=0) <= radius**2


@settings(max_examples=150, deadline=None)
@given(masks_and_spacing)
def test_the_boundary_is_what_neighbours_say(drawn: tuple[np.ndarray, np.ndarray, tuple[float, ...]]) -> None:
    mask, _, spacing = drawn
    assume(mask.any())
    found = surface(mask, spacing).points
    assert {tuple(map(int, voxel)) for voxel in found.T} == boundary_by_hand(mask)


def test_the_boundary_of_a_filled_image_is_its_border() -> None:
    assert surface(np.ones((5, 6, 7), bool)).points.shape[1] == 5 * 6 * 7 - 3 * 4 * 5


def test_a_flat_image_in_three_dimensions_has_its_two_dimensional_contour() -> None:
    flat = cube(5, (2, 2), (9, 9))
    thick = surface(flat[..., None], (1, 1, 5))
    np.testing.assert_array_equal(thick.points[:2], surface(flat, (1, 1)).points)
    assert thick.points.shape[1] == 16


def test_an_image_of_one_voxel_is_its_own_boundary() -> None:
    assert surface(np.ones((1, 1), bool), (1, 1)).points.shape[1] == 1


def test_a_single_slice_of_a_volume_is_all_boundary() -> None:
    mask = np.zeros((9, 9, 3), bool)
    mask[2:7, 2:7, 1] = True
    assert surface(mask).points.shape[1] == 25


@pytest.mark.parametrize("side", [6, 11])
@pytest.mark.parametrize("shift", [1, 2, 3])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_shifted_cube_is_as_far_as_it_was_shifted(side: int, shift: int, axis: int) -> None:
    spacing = (0.7, 1.25, 3.0)
    at = [5, 5, 5]
    reference = cube(side, tuple(at))
    at[axis] += shift
    here, there = surface_distances(surface(cube(side, tuple(at)), spacing), surface(reference, spacing))
    # a whole face, more than 5 % of the boundary, lies this far from the other cube's face
    assert hd95(here, there) == pytest.approx(shift * spacing[axis])
    assert nsd(here, there, shift * spacing[axis]) == 1
    # the walls that both cubes have: `side - shift` rings
    shared = (side - shift) * 4 * (side - 1)
    assert nsd(here, there, 0) == pytest.approx(shared / (6 * side**2 - 12 * side + 8))


@pytest.mark.parametrize(
    ("spacing", "shape"), [((1, 1, 1), (61, 61, 61)), ((0.5, 1.0, 2.5), (121, 61, 25)), ((0.5, 0.8), (121, 77))]
)
def test_concentric_balls_are_apart_by_the_difference_of_their_radii(
    spacing: tuple[float, ...], shape: tuple[int, ...]
) -> None:
    small, large = ball(18, spacing, shape), ball(25, spacing, shape)
    here, there = surface_distances(surface(large, spacing), surface(small, spacing))
    voxel = math.hypot(*spacing)
    assert hd95(here, there) == pytest.approx(7, abs=voxel)
    assert nsd(here, there, 7 + voxel) == 1
    assert nsd(here, there, max(7 - 2 * voxel, 0)) == 0


def test_two_voxels_are_apart_by_their_distance_in_mm() -> None:
    here, there = surface_distances(surface(cube(1, (1, 1, 1)), (0.5, 2, 3)), surface(cube(1, (3, 4, 2)), (0.5, 2, 3)))
    assert hd95(here, there) == pytest.approx(math.hypot(1, 6, 3))


def test_hd95_is_the_larger_direction_and_not_the_pooled_percentile() -> None:
    reference = cube(12, (2, 2, 2))
    with_island = reference | cube(5, (2, 2, 24))
    here, there = surface_distances(surface(with_island), surface(reference))
    assert there.max() == 0
    assert hd95(here, there) == np.percentile(here, 95) > np.percentile(np.concatenate([here, there]), 95)
    assert hd95(there, here) == hd95(here, there)


@given(hnp.arrays(float, st.integers(1, 200), elements=st.floats(0, 500)))
def test_the_percentile_is_numpy_s(distances: np.ndarray) -> None:
    assert hd95(distances, np.zeros(1)) == pytest.approx(np.percentile(distances, 95), rel=1e-12, abs=1e-12)


def test_the_percentile_is_torch_s() -> None:
    import torch

    distances = np.random.default_rng(5).gamma(2, 3, 137)
    assert hd95(distances, np.zeros(1)) == pytest.approx(float(torch.quantile(torch.from_numpy(distances), 0.95)))


def test_the_tolerance_of_nsd_is_met_where_spacing_was_rounded_to_float32() -> None:
    step = float(np.float32(0.7))  # 3 * step is a little more than 2.1 for neither or both
    distances = np.array([3 * step, 3 * 0.7, 2.1, 2.2])
    assert nsd(distances, distances, 2.1) == 0.75
    assert nsd(distances, distances, 0) == 0


def test_nsd_weighs_both_boundaries_by_their_voxels() -> None:
    assert nsd(np.array([0.0, 1.0, 3.0]), np.array([0.0]), 1.0) == 0.75


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)))
def test_the_bounding_box_is_the_smallest_that_holds_the_mask(mask: np.ndarray) -> None:
    filled = np.argwhere(mask)
    expected = None
    if filled.size:
        expected = tuple(slice(int(a), int(b) + 1) for a, b in zip(filled.min(0), filled.max(0), strict=True))
    assert bounding_box(mask) == expected
