"""DSC after removal and QU-BraTS against masks filtered one threshold at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.metrics.uncertainty.removal import frozen_threshold, qu_brats, removal

cases = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(float, shape, elements=st.integers(0, 10).map(lambda i: i / 10)),
        hnp.arrays(bool, shape),
        hnp.arrays(bool, shape),
        hnp.arrays(bool, shape),
    )
)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


@settings(max_examples=60, deadline=None)
@given(cases)
def test_removal_by_hand(case: tuple[np.ndarray, ...]) -> None:
    u, prediction, reference, _ = case
    found = removal(u, prediction, reference, 0.45)
    kept = u <= 0.45
    if not (prediction | reference).any():
        assert found.delta_dsc.value is None
        assert "are empty" in found.delta_dsc.reason
        return
    assert found.before.value == pytest.approx(dice(prediction, reference))
    if not ((prediction | reference) & kept).any():
        assert found.delta_dsc.value is None
        assert "no DSC is left" in found.delta_dsc.reason
    else:
        after = dice(prediction & kept, reference & kept)
        assert found.after.value == pytest.approx(after)
        assert found.delta_dsc.value == pytest.approx(after - dice(prediction, reference))
    both, wrong = prediction & reference, prediction ^ reference
    assert found.price.value == (pytest.approx((~kept)[both].mean()) if both.any() else None)
    assert found.found.value == (pytest.approx((~kept)[wrong].mean()) if wrong.any() else None)
    assert found.removed == (~kept).sum()


def test_an_oracle_gains_all_at_no_price_and_flagging_all_costs_all() -> None:
    prediction, reference = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    prediction[2:8, 2:8] = reference[2:8, 3:9] = True
    wrong = prediction ^ reference
    oracle = removal(wrong.astype(float), prediction, reference, 0.5)
    assert oracle.after.value == 1
    assert oracle.price.value == 0
    assert oracle.found.value == 1
    nothing = removal(np.zeros((10, 10)), prediction, reference, 0.5)
    assert nothing.delta_dsc.value == 0
    assert removal(np.ones((10, 10)), prediction, reference, 0.5).price.value == 1


@settings(max_examples=60, deadline=None)
@given(cases)
def test_qu_brats_by_thresholds(case: tuple[np.ndarray, ...]) -> None:
    u, prediction, reference, region = case
    tp, tn = prediction & reference & region, ~prediction & ~reference & region
    found = qu_brats(u, prediction, reference, highest=1, region=region)
    taus = np.arange(0, 100.1, 2.5)
    curves = np.zeros((3, taus.size))
    for at, tau in enumerate(taus):
        kept = u * 100 <= tau + 1e-9
        union = ((prediction | reference) & kept).any()
        curves[0, at] = dice(prediction & kept, reference & kept) if union else 1
        curves[1, at] = 1 - (tp & kept).sum() / max(tp.sum(), 1)
        curves[2, at] = 1 - (tn & kept).sum() / max(tn.sum(), 1)
    np.testing.assert_allclose(found.dsc, curves[0])
    if tp.any():
        np.testing.assert_allclose(found.ftp, curves[1])
    if tn.any():
        np.testing.assert_allclose(found.ftn, curves[2])
    assert (found.score.value is None) == (not tp.any() or not tn.any())
    if found.score.value is not None:
        areas = [((curve[1:] + curve[:-1]) / 2 * 2.5).sum() / 100 for curve in curves]
        assert found.score.value == pytest.approx((areas[0] + 2 - areas[1] - areas[2]) / 3)
        assert 0 <= found.score.value <= 1


def test_throwing_right_voxels_away_is_charged() -> None:
    rng = np.random.default_rng(0)
    reference = np.zeros((20, 20), bool)
    reference[5:15, 5:15] = True
    prediction = reference ^ (rng.random((20, 20)) < 0.05)
    wrong = (prediction ^ reference).astype(float)
    oracle, careless = (qu_brats(u, prediction, reference, highest=1).score.value for u in (wrong, np.ones_like(wrong)))
    assert oracle is not None
    assert careless is not None
    assert oracle > 0.98
    greedy = np.maximum(wrong, 0.9 * reference)  # finds every error, and most of the structure beside
    gained = [removal(u, prediction, reference, 0.5).delta_dsc.value for u in (wrong, greedy)]
    assert gained[0] is not None
    assert "no DSC is left" in removal(greedy, prediction, reference, 0.5).delta_dsc.reason
    score = qu_brats(greedy, prediction, reference, highest=1).score.value
    assert score is not None
    assert score < oracle - 0.2


def test_the_threshold_is_frozen_on_right_voxels_of_validation() -> None:
    rng = np.random.default_rng(1)
    validation = [(rng.random((8, 8)), rng.random((8, 8)) < 0.1, None) for _ in range(5)]
    found = frozen_threshold(validation, 0.9)
    assert found.value == pytest.approx(np.mean([np.quantile(u[~wrong], 0.9) for u, wrong, _ in validation]))
    assert found.cases == 5
    assert "0.9 quantile" in found.rule
    everywhere, nowhere = np.ones((8, 8), bool), np.zeros((8, 8), bool)
    with pytest.raises(ValueError, match="no validation case"):
        frozen_threshold([(validation[0][0], everywhere, None), (validation[0][0], nowhere, nowhere)])
    with pytest.raises(ValueError, match="share"):
        frozen_threshold(validation, 1.0)


@settings(max_examples=40, deadline=None)
@given(cases)
def test_constant_uncertainty_gains_nothing(case: tuple[np.ndarray, ...]) -> None:
    _, prediction, reference, _ = case
    assume((prediction | reference).any())
    u = np.full(prediction.shape, 0.3)
    threshold = frozen_threshold([(u, np.zeros(u.shape, bool), None)])
    assert removal(u, prediction, reference, threshold.value).delta_dsc.value == 0


def test_scales_that_are_none_are_refused() -> None:
    mask = np.ones((2, 2), bool)
    for u, highest in ((np.ones((2, 2)), 0.0), (-np.ones((2, 2)), 1.0), (np.ones((2, 2)), float("inf"))):
        with pytest.raises(ValueError, match="scale"):
            qu_brats(u, mask, mask, highest=highest)
