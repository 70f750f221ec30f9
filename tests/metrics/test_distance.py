"""Distances between surfaces: all pairs of boundary voxels, whichever way was taken to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.metrics import distance
from pytest_segrobust.metrics.distance import distance_field, distances_to_prediction, nearest, surface_distances
from pytest_segrobust.metrics.reference import prepare_reference
from pytest_segrobust.metrics.surface import Surface

pairs = st.lists(st.integers(1, 6), min_size=1, max_size=4).flatmap(
    lambda shape: st.tuples(
        *[hnp.arrays(bool, tuple(shape))] * 2, st.tuples(*[st.floats(0.2, 6)] * len(shape)), st.booleans()
    )
)
SHAPE = (40, 40, 40)


def surface(mask: np.ndarray, spacing: tuple[float, ...]) -> Surface:
    return prepare_reference(mask, spacing).surface


def all_pairs(starts: Surface, ends: Surface) -> np.ndarray:
    """From each boundary voxel to the nearest of all the others', with nothing left out."""
    to = ends.points.T * np.array(ends.spacing)
    return np.array([np.sqrt(((to - start * starts.spacing) ** 2).sum(axis=1).min()) for start in starts.points.T])


def cube(side: int, at: tuple[int, ...], shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(start, start + side) for start in at)] = True
    return mask


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_distances_are_those_of_all_pairs(drawn: tuple[np.ndarray, np.ndarray, tuple[float, ...], bool]) -> None:
    prediction, reference, spacing, with_field = drawn
    assume(prediction.any() and reference.any())
    ours, prepared = surface(prediction, spacing), prepare_reference(reference, spacing)
    here, there = surface_distances(ours, prepared.surface, prepared.field if with_field else None)
    np.testing.assert_allclose(here, all_pairs(ours, prepared.surface), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(there, all_pairs(prepared.surface, ours), rtol=1e-12, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_distances_taken_axis_by_axis_are_the_same(
    drawn: tuple[np.ndarray, np.ndarray, tuple[float, ...], bool],
) -> None:
    prediction, reference, spacing, _ = drawn
    assume(prediction.any() and reference.any())
    starts, ends = surface(prediction, spacing), surface(reference, spacing)
    low = starts.points.min(axis=1) - 2
    shape = tuple(int(length) for length in starts.points.max(axis=1) + 3 - low)
    field = distance._along_axes(ends, low, shape)
    found = field[tuple(starts.points - low[:, None])]
    np.testing.assert_allclose(found, all_pairs(starts, ends), rtol=1e-12, atol=1e-12)
    assert field.shape == shape


@pytest.mark.parametrize("voxels", [0, 1000, 4000, 40**3])
def test_distances_do_not_depend_on_the_reach_of_the_field(monkeypatch: pytest.MonkeyPatch, voxels: int) -> None:
    monkeypatch.setattr(distance, "FIELD_VOXELS", voxels)
    spacing = (0.8, 1.0, 2.5)
    prediction = surface(np.random.default_rng(1).random(SHAPE) < 0.03, spacing)
    prepared = prepare_reference(cube(8, (3, 9, 12)), spacing)
    covered = 0 if prepared.field is None else prepared.field.values.size
    assert covered <= voxels
    assert (covered == 0) == (voxels == 0)
    here, _ = surface_distances(prediction, prepared.surface, prepared.field)
    np.testing.assert_allclose(here, all_pairs(prediction, prepared.surface), rtol=1e-12, atol=1e-12)


def test_a_field_has_the_widest_margin_that_fits_and_stays_in_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "FIELD_VOXELS", 14**3 + 1)
    inside = distance_field(surface(cube(8, (10, 10, 10)), (1, 1, 1)), SHAPE)
    at_the_border = distance_field(surface(cube(8, (0, 10, 32)), (1, 1, 1)), SHAPE)
    assert inside is not None
    assert at_the_border is not None
    assert (inside.values.shape, inside.origin) == ((14, 14, 14), (7, 7, 7))
    assert (at_the_border.values.shape, at_the_border.origin) == ((12, 16, 12), (0, 6, 28))


@pytest.fixture(params=["noise", "far shell", "sparse", "far corner"])
def overwhelming(request: pytest.FixtureRequest) -> np.ndarray:
    """A prediction with far more boundary than its reference."""
    rng = np.random.default_rng(3)
    shell, corner = np.ones(SHAPE, bool), rng.random(SHAPE) < 0.5
    shell[8:-8, 8:-8, 8:-8] = False
    corner[:25] = False
    return {
        "noise": rng.random(SHAPE) < 0.4,
        "far shell": shell,
        "sparse": rng.random(SHAPE) < 0.03,
        "far corner": corner,
    }[request.param]


@pytest.mark.parametrize("by", ["tree", "axes"])
def test_an_overwhelming_prediction_is_searched_near_the_reference_first(
    monkeypatch: pytest.MonkeyPatch, overwhelming: np.ndarray, by: str
) -> None:
    monkeypatch.setattr(distance, "PAIRS_FOR_A_TREE", 10**12 if by == "tree" else 0)
    monkeypatch.setattr(distance, "STEPS_PER_PAIR", 10**9)
    ways = []
    along_axes = distance._along_axes
    monkeypatch.setattr(distance, "_along_axes", lambda *given: (ways.append("axes"), along_axes(*given))[1])
    small = surface(cube(4, (15, 20, 18)) | cube(2, (22, 10, 11)), (0.6, 1.1, 2.0))
    large = surface(overwhelming, (0.6, 1.1, 2.0))
    assert large.points.shape[1] > 4 * small.points.shape[1] + 1000
    np.testing.assert_allclose(distances_to_prediction(small, large), all_pairs(small, large), rtol=1e-12, atol=1e-12)
    assert bool(ways) == (by == "axes")


def test_a_reference_in_a_hollow_prediction_is_not_searched_by_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    # From within, every voxel of the wall is about equally far: a tree would compare all 300 million pairs.
    asked, ask = [], Surface.nearest

    def nearest_by_tree(self: Surface, points: np.ndarray) -> np.ndarray:
        asked.append(points.shape[1])
        return ask(self, points)

    wall = np.ones((180, 180, 180), bool)
    inner = surface(cube(16, (82, 80, 81), wall.shape), (1, 1, 1))
    outer = surface(wall, (1, 1, 1))
    monkeypatch.setattr(Surface, "nearest", nearest_by_tree)
    found = nearest(outer, inner.points)
    assert sum(asked) <= 64 < inner.points.shape[1]
    assert found == pytest.approx(np.minimum(inner.points, 179 - inner.points).min(axis=0))


def test_large_surfaces_that_are_close_are_searched_by_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an array was made")

    monkeypatch.setattr(distance, "_along_axes", refuse)
    one, other = (surface(cube(60, (at, 5, 5), (70, 70, 70)), (1, 1, 1)) for at in (4, 6))
    assert one.points.shape[1] ** 2 > distance.PAIRS_FOR_A_TREE
    assert nearest(other, one.points).max() == 2


def test_arrays_larger_than_the_limit_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an array was made")

    monkeypatch.setattr(distance, "_along_axes", refuse)
    monkeypatch.setattr(distance, "PAIRS_FOR_A_TREE", 0)
    starts, ends = surface(cube(3, (1, 1, 1)), (1, 1, 1)), surface(cube(3, (30, 30, 30)), (1, 1, 1))
    monkeypatch.setattr(distance, "STEPS_PER_PAIR", 10**9)
    with pytest.raises(AssertionError, match="an array was made"):
        nearest(ends, starts.points)
    monkeypatch.setattr(distance, "LARGEST_ARRAY", 26)
    assert nearest(ends, starts.points) == pytest.approx(all_pairs(starts, ends))
