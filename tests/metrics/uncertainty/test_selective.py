"""Risk and coverage over all orders of ties, and failures found, against counting by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.metrics.uncertainty.ranking import auroc, average_precision, false_positive_rate_at, thresholds
from pytest_segrobust.metrics.uncertainty.selective import failure_detection, referred, risk_coverage

small = st.integers(2, 6).flatmap(
    lambda n: st.tuples(
        hnp.arrays(float, n, elements=st.integers(0, 3).map(float)),
        hnp.arrays(float, n, elements=st.integers(0, 10).map(lambda i: i / 10)),
    )
)
scored = st.integers(2, 30).flatmap(
    lambda n: st.tuples(hnp.arrays(float, n, elements=st.integers(0, 6).map(float)), hnp.arrays(bool, n))
)


def areas_of_orders(u: np.ndarray, risks: np.ndarray) -> list[np.ndarray]:
    """Selective risks of every order of cases by rising uncertainty."""
    n = len(u)
    return [
        np.cumsum(risks[list(order)]) / np.arange(1, n + 1)
        for order in itertools.permutations(range(n))
        if all(u[first] <= u[second] for first, second in itertools.pairwise(order))
    ]


@settings(max_examples=60, deadline=None)
@given(small)
def test_areas_are_the_mean_over_all_orders_of_ties(pair: tuple[np.ndarray, np.ndarray]) -> None:
    u, risks = pair
    assume(np.ptp(u) > 0)
    found = risk_coverage(u, risks)
    curves = areas_of_orders(u, risks)
    np.testing.assert_allclose(found.risk, np.mean(curves, axis=0), atol=1e-12)
    assert found.aurc.value == pytest.approx(np.mean(curves))
    best = min(curve.mean() for curve in areas_of_orders(np.zeros(len(u)), risks))
    assert found.e_aurc.value == pytest.approx(np.mean(curves) - best, abs=1e-12)
    if np.ptp(risks) > 0:
        assert found.n_aurc.value is not None
        assert found.n_aurc.value <= 1 + 1e-12
        assert found.n_aurc.value == pytest.approx((risks.mean() - np.mean(curves)) / (risks.mean() - best))
    assert risk_coverage(np.exp(u), risks).aurc == found.aurc


def test_the_order_of_the_risks_is_one_and_random_orders_are_zero() -> None:
    rng = np.random.default_rng(0)
    risks = rng.random(40)
    best = risk_coverage(risks, risks)
    assert best.n_aurc.value == pytest.approx(1)
    assert best.e_aurc.value == pytest.approx(0, abs=1e-12)
    shuffled = [risk_coverage(rng.random(40), risks) for _ in range(2000)]
    assert np.mean([float(each.n_aurc.value or 0) for each in shuffled]) == pytest.approx(0, abs=0.03)
    assert np.mean([float(each.aurc.value or 0) for each in shuffled]) == pytest.approx(risks.mean(), abs=0.01)
    misled = risk_coverage(-risks, risks).n_aurc.value
    assert misled is not None
    assert misled < -0.5


def test_the_worked_example() -> None:
    found = risk_coverage(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 0.4, 0.2, 0.6]))
    np.testing.assert_allclose(found.risk, [0, 0.2, 0.2, 0.3])
    np.testing.assert_allclose(found.coverage, [0.25, 0.5, 0.75, 1])
    assert found.aurc.value == pytest.approx(0.7 / 4)
    assert found.e_aurc.value == pytest.approx((0.7 - (0 + 0.1 + 0.2 + 0.3)) / 4)


def test_constant_uncertainty_and_equal_risks_have_no_areas_and_say_so() -> None:
    flat = risk_coverage(np.full(5, 0.1), np.arange(5.0))
    for area in (flat.aurc, flat.e_aurc, flat.n_aurc):
        assert area.value is None
        assert "same for all 5 cases" in area.reason
    equal = risk_coverage(np.arange(5.0), np.full(5, 0.2))
    assert equal.aurc.value == pytest.approx(0.2)
    assert equal.e_aurc.value == pytest.approx(0)
    assert "same risk" in equal.n_aurc.reason
    assert "one case" in risk_coverage(np.ones(1), np.ones(1)).aurc.reason


@settings(max_examples=60, deadline=None)
@given(scored)
def test_ranking_is_what_pairs_and_steps_say(pair: tuple[np.ndarray, np.ndarray]) -> None:
    scores, positives = pair
    assume(positives.any() and not positives.all())
    ranked = thresholds(scores, positives)
    up, down = scores[positives][:, None], scores[~positives][None, :]
    assert auroc(ranked) == pytest.approx(np.mean((up > down) + 0.5 * (up == down)))
    precision = recall_before = 0.0
    for limit in sorted(set(scores), reverse=True):
        flagged = scores >= limit
        recall = (flagged & positives).sum() / positives.sum()
        precision += (recall - recall_before) * (flagged & positives).sum() / flagged.sum()
        recall_before = recall
    assert average_precision(ranked) == pytest.approx(precision)
    enough = [limit for limit in set(scores) if (positives & (scores >= limit)).sum() >= 0.95 * positives.sum()]
    assert false_positive_rate_at(ranked) == pytest.approx(np.mean(scores[~positives] >= max(enough)))


def test_failures_found_by_hand() -> None:
    dsc = np.array([0.9, 0.8, 0.3, 0.7, 0.2])
    found = failure_detection(np.array([0.1, 0.2, 0.5, 0.4, 0.3]), dsc, failed_below=0.5, referral_rate=0.4)
    assert (found.failures, found.referred, found.cases) == (2, 2, 5)
    assert found.auroc.value == pytest.approx(5 / 6)
    assert found.recall.value == pytest.approx(1 / 2)
    assert found.fpr95.value == pytest.approx(1 / 3)


def test_no_case_is_referred_without_its_equals() -> None:
    u = np.array([3.0, 2, 2, 2, 1])
    np.testing.assert_array_equal(referred(u, 0.6), u > 2)
    np.testing.assert_array_equal(referred(u, 0.8), u > 1)
    assert referred(u, 1).all()
    assert not referred(u, 0).any()
    assert referred(np.arange(10.0), 0.3).sum() == 3  # although 0.3 * 10 may be 2.9999


@pytest.mark.parametrize(
    ("dsc", "u", "auroc_says", "recall_says"),
    [
        ([0.9, 0.8], [1, 2], "no failure to find", "no failure to find"),
        ([0.1, 0.2], [1, 2], "none is left", ""),
        ([0.1, 0.9], [1, 1], "ranks nothing", "ranks nothing"),
    ],
)
def test_what_can_not_be_found_says_why(dsc: list[float], u: list[float], auroc_says: str, recall_says: str) -> None:
    found = failure_detection(np.array(u, float), np.array(dsc), failed_below=0.5, referral_rate=0.5)
    assert found.auroc.value is None
    assert auroc_says in found.auroc.reason
    assert recall_says in found.recall.reason
    assert (found.recall.value is None) == bool(recall_says)


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="referral rate"):
        failure_detection(np.ones(2), np.ones(2), failed_below=0.5, referral_rate=2)
    with pytest.raises(ValueError, match="not finite"):
        risk_coverage(np.array([np.nan, 1]), np.ones(2))
