"""Stopping early by betting: bounds after each patient, and those of the mean of all who are enrolled."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_segrobust.verification.betting import first_decided, log_money, random_order, running_bounds, upper_bound

RUNS = 2000
MORE_THAN_CHANCE = 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)
drops = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=25).map(np.array)


def collapsing(rng, shape):
    return np.where(rng.random(shape) < 0.05, 0.8, rng.normal(0.01, 0.02, shape))


@pytest.mark.parametrize("n", [10, 30])
def test_the_mean_of_enrolled_patients_is_bounded_falsely_no_more_often_than_stated(n):
    rng = np.random.default_rng(n)
    enrolled = rng.permuted(np.tile(collapsing(rng, 40), (RUNS, 1)), axis=1)  # the same 40 in random orders
    mean = float(enrolled[0].mean())
    passed = (log_money(enrolled[:, :n], mean, 1.0, enrolled=40, running=True) >= math.log(20)).any(axis=1)
    failed = (log_money(-enrolled[:, :n], -mean, 1.0, enrolled=40, running=True) >= math.log(20)).any(axis=1)

    assert passed.mean() <= MORE_THAN_CHANCE
    assert failed.mean() <= MORE_THAN_CHANCE


@settings(deadline=None, max_examples=50)
@given(drops)
def test_when_all_enrolled_patients_were_seen_the_mean_is_known(values):
    low, high = running_bounds(values, -1.0, 1.0, enrolled=len(values))

    assert low[-1] == pytest.approx(values.mean(), abs=1e-9)
    assert high[-1] == pytest.approx(values.mean(), abs=1e-9)


def test_what_is_left_of_the_enrolled_can_only_be_so_bad():
    values = np.zeros(10)
    _, high = running_bounds(values, -1.0, 1.0, enrolled=12)

    assert high[-1] <= 2 / 12
    assert (high <= (12 - np.arange(1, 11)) / 12 + 1e-12).all()


def test_bounds_of_the_enrolled_are_within_those_of_the_population_in_the_end():
    values = collapsing(np.random.default_rng(6), 50)
    low, high = running_bounds(values, -1.0, 1.0)
    low_enrolled, high_enrolled = running_bounds(values, -1.0, 1.0, enrolled=60)

    assert low[-1] <= low_enrolled[-1] <= high_enrolled[-1] <= high[-1]


def test_running_bounds_never_widen_and_are_the_best_of_those_so_far():
    values = collapsing(np.random.default_rng(7), 80)
    low, high = running_bounds(values, -1.0, 1.0)

    assert (np.diff(high) <= 0).all()
    assert (np.diff(low) >= 0).all()
    alone = [upper_bound(values[:t], 1.0) for t in range(1, 81)]
    assert high == pytest.approx(np.minimum.accumulate(alone), abs=1e-9)


def test_an_order_that_was_not_random_ends_in_no_bound_rather_than_a_false_one():
    values = np.repeat([-1.0, 1.0], 60)
    low, high = running_bounds(values, -1.0, 1.0)

    assert high[59] < 0
    assert (low[-1], high[-1]) == (-1.0, 1.0)


def test_patients_are_added_in_groups_until_a_verdict_is_reached():
    def below(_, high):
        return high < 0.05

    low, high = running_bounds(np.zeros(100), -1.0, 1.0)

    assert first_decided(low, high, below) == 71
    assert first_decided(low, high, below, every=20) == 80
    assert first_decided(low[:75], high[:75], below, every=20) == 75
    assert first_decided(low[:50], high[:50], below) is None


def test_a_mean_beyond_the_limit_is_shown_to_fail():
    values = np.random.default_rng(8).normal(0.3, 0.1, 100)
    low, _ = running_bounds(values, -1.0, 1.0)

    assert first_decided(low, low, lambda lowest, _: lowest >= 0.05) < 40


def test_more_patients_than_were_enrolled_are_refused():
    with pytest.raises(ValueError, match="5 of 4 enrolled"):
        running_bounds(np.zeros(5), -1.0, 1.0, enrolled=4)


def test_the_random_order_depends_on_names_and_seed_alone():
    names = [f"p{i:02d}" for i in range(40)]

    assert random_order(names, 3) == random_order(names[::-1], 3)
    assert random_order(names, 3) != random_order(names, 4)
    assert sorted(random_order(names, 3)) == names
    assert random_order(names, 3) != tuple(names)
