"""The verdict is a pure function of interval and limit: monotone in the limit, in n, in confidence, and never both."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_segrobust.verification.decision import decide
from pytest_segrobust.verification.statistics import clopper_pearson, mean_interval, share_interval

LESS, MORE, WITHIN = ("below", "at most"), ("above", "at least"), ("within",)
ORDER = ("failed", "inconclusive", "passed")
NUMBER = st.floats(-10, 10, allow_nan=False).map(lambda value: round(value, 6))
COMPARISON = st.sampled_from([*LESS, *MORE, *WITHIN])
INTERVAL = st.tuples(NUMBER, NUMBER).map(sorted)
LEVEL = st.floats(0.51, 0.999)
VALUES = st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=5, max_size=40).map(np.array)


def rank(verdict: str) -> int:
    return ORDER.index(verdict)


@given(COMPARISON, NUMBER, INTERVAL)
def test_it_is_one_of_three_and_the_same_each_time(comparison, limit, interval) -> None:
    verdict = decide(comparison, limit, *interval)
    assert verdict in ORDER
    assert decide(comparison, limit, *interval) == verdict


@given(COMPARISON, NUMBER, INTERVAL)
def test_passed_and_failed_are_never_both_possible(comparison, limit, interval) -> None:
    """Whatever the truth within the interval: a pass means that all of it is good, a failure that none of it is."""
    low, high = interval
    inside = {decide(comparison, limit, value, value) for value in np.linspace(low, high, 9)}
    verdict = decide(comparison, limit, low, high)
    if verdict != "inconclusive":
        assert inside == {verdict}
    assert "inconclusive" not in inside  # of one value nothing is open


@given(COMPARISON, NUMBER, NUMBER, INTERVAL)
def test_an_easier_limit_is_never_harder_to_meet(comparison, one, other, interval) -> None:
    easier, harder = (max, min) if comparison in (*LESS, *WITHIN) else (min, max)
    assert rank(decide(comparison, easier(one, other), *interval)) >= rank(
        decide(comparison, harder(one, other), *interval)
    )


@given(COMPARISON, NUMBER, INTERVAL, INTERVAL)
def test_a_narrower_interval_never_takes_a_verdict_back(comparison, limit, one, other) -> None:
    assume(one[0] <= other[0] <= other[1] <= one[1])
    wide, narrow = decide(comparison, limit, *one), decide(comparison, limit, *other)
    assert wide in ("inconclusive", narrow)


@settings(deadline=None, max_examples=60)
@given(VALUES, LEVEL, LEVEL, COMPARISON, NUMBER)
def test_less_confidence_never_takes_a_verdict_of_a_mean_back(values, one, other, comparison, limit) -> None:
    sure, less = (mean_interval(values, level, resamples=300) for level in sorted((one, other), reverse=True))
    assert sure.low <= less.low + 1e-12
    assert less.high <= sure.high + 1e-12
    assert decide(comparison, limit, sure.low, sure.high) in (
        "inconclusive",
        decide(comparison, limit, less.low, less.high),
    )


@given(st.integers(0, 40), st.integers(1, 40), LEVEL, LEVEL)
def test_less_confidence_never_widens_the_bounds_of_a_share(count, n, one, other) -> None:
    assume(count <= n)
    (sure_low, sure_high), (low, high) = (
        clopper_pearson(count, n, level) for level in sorted((one, other), reverse=True)
    )
    assert sure_low <= low <= high <= sure_high


@given(st.tuples(st.integers(0, 20), st.integers(1, 20)), st.integers(2, 6), LEVEL, COMPARISON, st.floats(0, 1))
def test_more_patients_of_the_same_kind_never_take_a_verdict_of_a_share_back(
    counts, times, confidence, comparison, limit
) -> None:
    count, n = counts
    assume(count <= n)
    few = clopper_pearson(count, n, confidence)
    many = clopper_pearson(count * times, n * times, confidence)
    assert few[0] <= many[0] + 1e-12
    assert many[1] <= few[1] + 1e-12
    assert decide(comparison, limit, *few) in ("inconclusive", decide(comparison, limit, many[0], many[1]))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(10, 40), st.integers(3, 5), st.floats(0.5, 4))
def test_more_patients_of_the_same_kind_narrow_the_interval_of_a_mean(seed, n, times, shape) -> None:
    """Not so of one outlier among five, [0, 1, 0, 0, 0]: bootstrap-t is wider for three of fifteen, on the safe side."""
    values = np.random.default_rng(seed).gamma(shape, 0.05, n)
    few, many = (mean_interval(np.tile(values, k), resamples=600) for k in (1, times))
    assert many.high - many.low < few.high - few.low


@given(st.lists(st.booleans(), min_size=1, max_size=60), LEVEL)
def test_the_order_of_patients_does_not_matter_to_a_share(met, confidence) -> None:
    assert share_interval(np.array(met), confidence) == share_interval(np.array(sorted(met)), confidence)
