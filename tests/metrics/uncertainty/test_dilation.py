"""Shifts of a mask find the voxels that a distance transform finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from pytest_segrobust.metrics.uncertainty import dilation, region
from pytest_segrobust.metrics.uncertainty.dilation import within_reach


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(1, 13), st.sampled_from([0.5, 0.7, 1.0, 1.3, 5.0])), min_size=1, max_size=3),
    st.sampled_from([0.4, 1.0, 2.1, 2.8, 4.0, 7.0]),
)
def test_what_is_within_reach_is_what_distances_say(seed: int, axes: list[tuple[int, float]], reach: float) -> None:
    shape, steps = zip(*axes, strict=True)
    mask = np.random.default_rng(seed).random(shape) < 0.1
    mask.flat[0] = True

    expected = distance_transform_edt(~mask, sampling=steps) <= reach * (1 + 1e-6)

    assert np.array_equal(within_reach(mask, steps, reach), expected)


def test_a_wide_reach_takes_the_other_way_to_the_same_voxels(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(1).random((20, 14, 9)) < 0.01
    by_shifts = within_reach(mask, (1.0, 1.0, 2.0), 5.0)
    monkeypatch.setattr(dilation, "MOST_SHIFTS", 0)
    assert np.array_equal(within_reach(mask, (1.0, 1.0, 2.0), 5.0), by_shifts)
    assert not within_reach(np.zeros((4, 4), bool), (1.0, 1.0), 2.0).any()


def test_the_edge_of_the_view_is_no_boundary() -> None:
    mask = np.zeros((1, 20), bool)
    mask[0, 5:15] = True
    view = np.zeros((1, 20), bool)
    view[0, :10] = True

    around = region.surroundings(mask, (1.0, 1.0), 2.0, view)
    band = region.boundary_band(mask, (1.0, 1.0), 2.0, view)

    assert np.flatnonzero(band[0]).tolist() == [3, 4, 5, 6]  # nothing at 8 and 9, where the view ends
    assert around.near.sum() == 7
    assert np.flatnonzero(region.boundary_band(mask, (1.0, 1.0), 2.0)[0]).tolist() == [3, 4, 5, 6, 13, 14, 15, 16]


def test_what_lies_near_nothing_is_nothing_wherever_it_is_put() -> None:
    nothing = region.surroundings(np.zeros((8, 8), bool), (1.0, 1.0))
    assert not nothing.part(nothing.near, (slice(4, 8), slice(0, 8))).any()
    some = region.surroundings(np.eye(8, dtype=bool)[:, ::-1], (1.0, 1.0), 1.0)
    whole = (slice(0, 8), slice(0, 8))
    assert np.array_equal(some.part(some.mask, whole), np.eye(8, dtype=bool)[:, ::-1])
