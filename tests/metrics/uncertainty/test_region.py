"""Bands against distances between all pairs of voxels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.metrics.uncertainty.region import boundary_band, dilated, error_band, thinned

drawn = st.lists(st.integers(1, 6), min_size=2, max_size=3).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(bool, tuple(shape)),
        hnp.arrays(bool, tuple(shape)),
        st.tuples(*[st.sampled_from([0.7, 1.0, 2.5])] * len(shape)),
        st.floats(0.5, 6),
    )
)


def near(mask: np.ndarray, spacing: tuple[float, ...], reach: float) -> np.ndarray:
    found = np.zeros(mask.shape, bool)
    there = np.argwhere(mask) * spacing
    for voxel in itertools.product(*map(range, mask.shape)):
        if len(there):
            found[voxel] = np.sqrt(((there - np.multiply(voxel, spacing)) ** 2).sum(axis=1)).min() <= reach * (1 + 1e-6)
    return found


@settings(max_examples=50, deadline=None)
@given(drawn)
def test_regions_are_what_distances_say(case: tuple[np.ndarray, np.ndarray, tuple[float, ...], float]) -> None:
    mask, other, spacing, reach = case
    band = (near(mask, spacing, reach) & ~mask) | (near(~mask, spacing, reach) & mask)
    np.testing.assert_array_equal(boundary_band(mask, spacing, reach), band)
    np.testing.assert_array_equal(dilated(mask, spacing, reach), near(mask, spacing, reach))
    both = error_band(mask, other, spacing, reach)
    assert both[mask ^ other].all()
    np.testing.assert_array_equal(both, band | boundary_band(other, spacing, reach) | (mask ^ other))


def test_a_band_is_in_mm() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:, 10:] = True
    assert boundary_band(mask, (1, 0.5), 1.0)[0].sum() == 4
    assert boundary_band(mask, (1, 2), 1.0)[0].sum() == 0
    assert boundary_band(mask, (1, 0.5))[0].sum() == 8  # four of the smallest edges on either side


def test_the_image_border_and_a_flat_axis_are_no_boundary() -> None:
    assert not boundary_band(np.ones((5, 5), bool), (1, 1)).any()
    mask = np.zeros((9, 9), bool)
    mask[2:6, 2:6] = True
    np.testing.assert_array_equal(boundary_band(mask[..., None], (1, 1, 5), 1)[..., 0], boundary_band(mask, (1, 1), 1))


def test_thinning_is_the_same_for_the_same_key() -> None:
    region = np.random.default_rng(0).random((30, 30)) < 0.5
    once, again, other = (thinned(region, 100, key) for key in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(once, again)
    assert once.sum() == 100
    assert not (once & ~region).any()
    assert (once ^ other).any()
    assert thinned(region, 10**6, (1,)) is region


def test_what_is_no_region_is_refused() -> None:
    mask = np.ones((3, 3), bool)
    with pytest.raises(ValueError, match="spacing"):
        boundary_band(mask, (1, 0))
    with pytest.raises(ValueError, match="bool"):
        dilated(mask.astype(int), (1, 1))
    with pytest.raises(ValueError, match="no voxels"):
        boundary_band(mask, (1, 1), -1)
    with pytest.raises(ValueError, match="measure nothing"):
        thinned(mask, 0, (1,))
