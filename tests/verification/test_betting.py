import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from pytest_segrobust.verification.betting import (
    BETS,
    WEIGHTS,
    betting_interval,
    fewest_patients,
    log_money,
    lower_bound,
    patients_needed,
    running_bounds,
    upper_bound,
)
from pytest_segrobust.verification.statistics import clopper_pearson, zero_failure_bound

RUNS = 2000
MORE_THAN_CHANCE = 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)
drops = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=25).map(np.array)


def money_by_hand(values, limit, most):
    """The wealth of each bettor, patient by patient."""
    total = 0.0
    for bet, weight in zip(BETS, WEIGHTS, strict=True):
        wealth = weight
        for value in values:
            wealth *= 1 + bet / (most - limit) * (limit - value)
        total += wealth
    return total


def money_by_hand_of_enrolled(values, mean, most, enrolled):
    total = 0.0
    for bet, weight in zip(BETS, WEIGHTS, strict=True):
        wealth = weight
        for i, value in enumerate(values):
            left = (enrolled * mean - sum(values[:i])) / (enrolled - i)
            wealth *= 1 + bet / (most - left) * (left - value)
        total += wealth
    return total


def collapsing(rng, shape):
    return np.where(rng.random(shape) < 0.05, 0.8, rng.normal(0.01, 0.02, shape))


def test_weights_share_out_one_unit_of_money_among_fair_bets():
    assert math.fsum(WEIGHTS) == pytest.approx(1, abs=1e-15)
    assert len(WEIGHTS) == len(BETS)
    assert all(0 < bet <= 1 for bet in BETS)


def test_money_is_the_product_of_the_bets():
    values = np.random.default_rng(0).uniform(-1, 1, 12)
    for limit in (-0.5, 0.05, 0.9):
        assert np.exp(log_money(values, limit, 1.0)) == pytest.approx(money_by_hand(values, limit, 1.0), rel=1e-12)
        running = np.exp(log_money(values, limit, 1.0, running=True))
        assert running == pytest.approx([money_by_hand(values[:t], limit, 1.0) for t in range(1, 13)], rel=1e-12)


def test_money_on_enrolled_patients_is_the_product_of_bets_on_the_mean_of_those_who_are_left():
    values = np.random.default_rng(1).uniform(-1, 1, 8)
    expected = [money_by_hand_of_enrolled(values[:t], 0.2, 1.0, 11) for t in range(1, 9)]

    assert np.exp(log_money(values, 0.2, 1.0, enrolled=11, running=True)) == pytest.approx(expected, rel=1e-11)


def test_money_of_many_cohorts_at_once_is_that_of_each():
    values = np.random.default_rng(2).uniform(-1, 1, (3, 4, 9))

    for enrolled in (None, 15):
        together = log_money(values, 0.1, 1.0, enrolled=enrolled)
        alone = [[float(log_money(row, 0.1, 1.0, enrolled=enrolled)) for row in block] for block in values]
        assert together.shape == (3, 4)
        np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_the_bound_is_where_the_money_reaches_one_over_alpha():
    values = collapsing(np.random.default_rng(3), 60)
    high = upper_bound(values, 1.0, 0.95)

    assert money_by_hand(values, high, 1.0) == pytest.approx(20, rel=1e-9)
    assert money_by_hand(values, high + 1e-6, 1.0) > 20 > money_by_hand(values, high - 1e-6, 1.0)


@given(drops, st.floats(-0.99, 0.99), st.floats(1e-6, 0.5))
def test_the_money_grows_with_the_mean_that_is_doubted(values, limit, more):
    higher = min(limit + more, 0.999)
    for enrolled in (None, len(values) + 5):
        small, large = (float(log_money(values, x, 1.0, enrolled=enrolled)) for x in (limit, higher))
        assert large >= small - 1e-9 or small == -math.inf


@settings(deadline=None)
@given(drops, st.floats(0.5, 0.99), st.floats(0.001, 0.009))
def test_bounds_hold_the_mean_stay_in_range_and_widen_with_confidence(values, confidence, more):
    narrow, wide = (betting_interval(values, -1.0, 1.0, level) for level in (confidence, confidence + more))

    assert -1 <= wide.low <= narrow.low <= values.mean() + 1e-9
    assert values.mean() - 1e-9 <= narrow.high <= wide.high <= 1


@settings(deadline=None)
@given(drops, st.randoms(use_true_random=False))
def test_the_order_of_patients_changes_no_bit(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)

    assert upper_bound(np.array(shuffled), 1.0) == upper_bound(values, 1.0)
    assert lower_bound(np.array(shuffled), -1.0) == lower_bound(values, -1.0)


def test_bounds_follow_a_change_of_unit_and_of_sign():
    values = np.random.default_rng(4).uniform(-1, 1, 30)
    there, back, scaled = (
        betting_interval(values, -1.0, 1.0),
        betting_interval(-values, -1.0, 1.0),
        betting_interval(100 * values + 7, -93.0, 107.0),
    )
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert (100 * there.low + 7, 100 * there.high + 7) == pytest.approx((scaled.low, scaled.high), abs=1e-9)


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.3])
def test_more_patients_of_the_same_value_bring_the_bound_nearer_to_it(value):
    highs = [upper_bound(np.full(n, value), 1.0) for n in (1, 5, 20, 60, 200, 1000)]

    assert all(later < earlier for earlier, later in pairwise(highs))
    assert value < highs[-1] < value + 0.01


def test_one_patient_proves_next_to_nothing_and_the_worst_value_nothing():
    assert upper_bound(np.array([0.0]), 1.0) > 0.9
    assert upper_bound(np.ones(50), 1.0) == 1.0
    assert lower_bound(np.full(50, -1.0), -1.0) == -1.0


@pytest.mark.parametrize(("count", "n"), [(0, 20), (0, 59), (1, 20), (7, 20), (20, 20), (58, 60), (3, 1000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_bounds_of_a_share_are_never_within_the_exact_ones(count, n, confidence):
    interval = betting_interval((np.arange(n) < count).astype(float), 0.0, 1.0, confidence)
    low, high = clopper_pearson(count, n, confidence)

    assert interval.low <= low
    assert interval.high >= high


def test_without_a_failure_the_bound_is_not_much_above_the_exact_one():
    for n in (59, 100, 300):
        assert zero_failure_bound(n) < upper_bound(np.zeros(n), 1.0) < 1.25 * zero_failure_bound(n)


@pytest.mark.parametrize(("mean", "limit", "n"), [(0.0, 0.05, 59), (0.0, 0.02, 149), (0.02, 0.05, 97), (0.0, 0.1, 29)])
def test_the_fewest_patients_are_those_of_whom_a_just_frequent_collapse_is_rarely_missed(mean, limit, n):
    collapse = (limit - mean) / (1 - mean)  # share of patients who lose all and bring the mean to the limit

    assert fewest_patients(mean, limit, 1.0) == n
    assert (1 - collapse) ** n <= 0.05 < (1 - collapse) ** (n - 1)


def test_no_number_of_patients_shows_what_is_not_so():
    assert fewest_patients(0.05, 0.05, 1.0) is None
    assert fewest_patients(0.01, 0.05, math.inf) is None
    assert patients_needed(np.array([0.04, 0.08]), 0.05, 1.0) is None


def test_patients_needed_is_the_first_number_of_equal_patients_that_decides():
    n = patients_needed(np.zeros(10), 0.05, 1.0)

    assert n == 71  # the figure of the module's docstring
    assert upper_bound(np.zeros(n), 1.0) <= 0.05 < upper_bound(np.zeros(n - 1), 1.0)


def test_patients_needed_agrees_with_simulated_studies():
    pilot = norm.ppf((np.arange(200) + 0.5) / 200, 0.02, 0.1)
    n = patients_needed(pilot, 0.05, 1.0)
    passed = log_money(np.random.default_rng(5).normal(0.02, 0.1, (400, n)), 0.05, 1.0) >= math.log(20)

    assert 0.35 <= passed.mean() <= 0.75


@pytest.mark.parametrize("n", [5, 20, 100])
@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        pytest.param(collapsing, 0.0495, id="rare collapse"),
        pytest.param(lambda rng, shape: (rng.random(shape) < 0.05) * 1.0, 0.05, id="all or nothing"),
        pytest.param(lambda rng, shape: np.where(rng.random(shape) < 0.5, -1.0, 1.0), 0.0, id="both ends"),
        pytest.param(lambda rng, shape: rng.normal(0.05, 0.03, shape), 0.05, id="smooth"),
    ],
)
def test_a_model_at_its_limit_passes_and_fails_no_more_often_than_stated_however_often_one_looks(draw, mean, n):
    values = draw(np.random.default_rng(n), (RUNS, n))
    passed = (log_money(values, mean, 1.0, running=True) >= math.log(20)).any(axis=1)
    failed = (log_money(-values, -mean, 1.0, running=True) >= math.log(20)).any(axis=1)

    assert passed.mean() <= MORE_THAN_CHANCE
    assert failed.mean() <= MORE_THAN_CHANCE


def test_values_without_a_known_end_have_no_bound_there_and_the_reader_is_told():
    interval = betting_interval(np.array([0.1, 0.4, 3.0]), 0.0, math.inf)

    assert interval.high == math.inf
    assert 0 <= interval.low < 3
    assert "above" in interval.warning
    assert not betting_interval(np.zeros(3), -1.0, 1.0).warning


@pytest.mark.parametrize("values", [[], [math.nan], [0.0, math.inf], [0.0, 1.1]])
def test_values_that_cannot_be_bet_on_are_refused(values):
    with pytest.raises(ValueError, match=r"finite|beyond"):
        betting_interval(np.array(values), -1.0, 1.0)
    with pytest.raises(ValueError, match=r"finite|beyond"):
        running_bounds(np.array(values), -1.0, 1.0)


def test_a_mean_of_ones_may_be_one_by_its_last_bit():
    assert upper_bound(np.array([1 + 2.3e-16, 1 + 2.3e-16]), 1.0) == 1.0


def test_an_interval_of_sixty_patients_takes_milliseconds():
    import time

    values = np.random.default_rng(9).normal(0.02, 0.03, 60)
    start = time.perf_counter()
    betting_interval(values, -1.0, 1.0)
    assert time.perf_counter() - start < 0.2
