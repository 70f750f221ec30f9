"""One number per case: by hand, against a convolution, and for empty predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve

from pytest_segrobust.metrics.uncertainty import aggregation as a
from pytest_segrobust.metrics.uncertainty.region import boundary_band

ALL: list[a.Aggregation] = ["image", "foreground", "boundary", "volume", "patch", "threshold"]


def case(seed: int = 0, shape: tuple[int, ...] = (12, 14, 9)) -> tuple[np.ndarray, np.ndarray]:
    u = np.random.default_rng(seed).random(shape)
    mask = np.zeros(shape, bool)
    mask[tuple(slice(3, 7) for _ in shape)] = True
    return u, mask


def number(u: np.ndarray, mask: np.ndarray, how: a.Aggregation, **sizes: float) -> float:
    found = a.aggregate(u, mask, (1.0,) * u.ndim, how, foreground_share=0.1, **sizes).value
    assert found is not None
    return found


def test_each_is_the_mean_it_names() -> None:
    u, mask = case()
    assert number(u, mask, "image") == pytest.approx(u.mean())
    assert number(u, mask, "foreground") == pytest.approx(u[mask].mean())
    assert number(u, mask, "volume") == pytest.approx(u.sum() / mask.sum())
    assert number(u, mask, "boundary", band_mm=2) == pytest.approx(u[boundary_band(mask, (1, 1, 1), 2)].mean())
    top = np.sort(u.ravel())[-round(0.1 * u.size) :]
    assert number(u, mask, "threshold") == pytest.approx(top.mean(), rel=1e-2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 9)] * 3))
def test_the_patch_is_the_largest_box_filter(seed: int, size: tuple[int, int, int]) -> None:
    u = np.random.default_rng(seed).random((7, 6, 5))
    fitting = np.minimum(size, u.shape)
    expected = convolve(u, np.ones(fitting), mode="valid", method="direct").max() / np.prod(fitting)
    assert a.max_patch(u, size).value == pytest.approx(expected)


def test_a_patch_is_in_mm() -> None:
    assert a.patch_voxels((0.5, 1.0, 5.0), 4) == (8, 4, 1)
    assert a.patch_voxels((0.5, 1.0)) == (10, 10)


def test_a_uniform_map_is_worth_its_value() -> None:
    _, mask = case()
    u = np.full(mask.shape, 0.3)
    for how in ALL:
        if how != "volume":
            assert number(u, mask, how) == pytest.approx(0.3), how


def test_background_dilutes_the_image_mean_and_not_the_default() -> None:
    u, mask = case()
    wide = np.pad(u, 20), np.pad(mask, 20)
    assert number(*wide, "image") < 0.1 * number(u, mask, "image")
    inner = np.zeros_like(u)
    inner[1:9, 1:9, 1:9] = u[1:9, 1:9, 1:9]
    for how in ("boundary", "volume", "foreground"):
        assert number(np.pad(inner, 20), wide[1], how, band_mm=2) == pytest.approx(number(inner, mask, how, band_mm=2))
    assert a.DEFAULT == "boundary"


def test_an_empty_prediction_is_worth_the_lowest_and_says_so() -> None:
    u, mask = case()
    u[mask] += 1
    nothing = np.zeros_like(mask)
    for how in ("foreground", "boundary", "volume"):
        found = a.aggregate(u, nothing, (1, 1, 1), how)
        assert found.value == pytest.approx(u.mean())
        assert "empty" in found.reason
        assert found.value <= number(u, mask, how)


def test_a_prediction_that_fills_the_image_has_a_boundary_mean() -> None:
    u, mask = case()
    found = a.boundary_mean(u, np.ones_like(mask), (1, 1, 1))
    assert found.value == pytest.approx(u.mean())
    assert "fills" in found.reason


def test_a_frozen_threshold_that_nothing_reaches() -> None:
    u = np.array([[0.1, 0.2]])
    assert a.threshold_mean(u, 0.5, 0.15).value == pytest.approx(0.2)
    above = a.threshold_mean(u, 0.5, 0.9)
    assert above.value == 0.2
    assert "0.9" in above.reason


def test_the_foreground_share_of_validation() -> None:
    _, mask = case()
    assert a.mean_foreground_share([mask, np.zeros_like(mask)]) == pytest.approx(mask.mean() / 2)
    with pytest.raises(ValueError, match="share"):
        a.mean_foreground_share([])
    with pytest.raises(ValueError, match="share"):
        a.mean_foreground_share([np.zeros_like(mask)])


def test_mistakes_are_refused() -> None:
    u, mask = case()
    with pytest.raises(ValueError, match="no aggregation"):
        a.aggregate(u, mask, (1, 1, 1), "median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="foreground_share"):
        a.aggregate(u, mask, (1, 1, 1), "threshold")
    with pytest.raises(ValueError, match="not finite"):
        a.image_mean(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="shape"):
        a.foreground_mean(u[:3], mask)
    with pytest.raises(ValueError, match="no voxels"):
        a.boundary_mean(u, mask, (1, 1, 1), 0.5)
    with pytest.raises(ValueError, match="patch"):
        a.max_patch(u, (3, 3))
    with pytest.raises(ValueError, match="patch"):
        a.patch_voxels((1.0,), -1)
    with pytest.raises(ValueError, match="between"):
        a.threshold_mean(u, 1.0)


@pytest.mark.parametrize("how", ALL)
def test_a_view_is_as_if_the_image_ended_there(how: a.Aggregation) -> None:
    u, mask = case(3, (12, 30))
    mask[3:7, 3:20] = True
    view = np.zeros(u.shape, bool)
    view[:, :13] = True

    in_view = a.aggregate(u, mask, (1.0, 1.0), how, foreground_share=0.1, patch_mm=4, view=view)
    cut = a.aggregate(u[:, :13], mask[:, :13], (1.0, 1.0), how, foreground_share=0.1, patch_mm=4)

    assert in_view.value == pytest.approx(cut.value)


def test_a_view_without_room_for_a_patch_has_its_mean() -> None:
    u, mask = case(4, (9, 9))
    view = np.eye(9, dtype=bool)
    assert a.aggregate(u, mask, (1.0, 1.0), "patch", patch_mm=3, view=view).value == pytest.approx(np.diag(u).mean())
