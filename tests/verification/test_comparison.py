"""Paired differences: orientation, bounds, margins, and what may be named one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.verification.comparison import (
    paired_difference,
    paired_share_difference,
    shown,
    worse_by,
)
from pytest_segrobust.verification.statistics import Interval

OLD = np.array([0.90, 0.85, 0.80, 0.95, 0.88, 0.91])


@pytest.mark.parametrize(
    ("better", "old", "new", "worse"),
    [
        ("higher", 0.9, 0.8, 0.1),
        ("lower", 3.0, 5.0, 2.0),
        ("zero", -0.1, 0.3, 0.2),
        ("zero", 0.3, -0.1, -0.2),
    ],
)
def test_positive_is_worse_whatever_the_metric(better, old, new, worse):
    assert worse_by(np.array([old]), np.array([new]), better)[0] == pytest.approx(worse)


def test_equal_models_differ_by_nothing_and_are_non_inferior_at_any_margin():
    found = paired_difference(OLD, OLD, "higher")

    assert (found.estimate, found.interval.low, found.interval.high) == (0, 0, 0)
    assert shown(0.0, found.interval) == "non-inferior"


def test_patients_are_paired_so_that_their_own_spread_does_not_count():
    shift = np.array([0.010, 0.012, 0.011, 0.009, 0.010, 0.008])

    found = paired_difference(OLD, OLD - shift, "higher")

    assert found.estimate == pytest.approx(shift.mean())
    assert found.interval.high - found.interval.low < 0.01 < OLD.std()
    assert shown(0.02, found.interval) == "non-inferior"
    assert shown(0.005, found.interval) == "worse"


def test_no_difference_seen_is_not_non_inferior_where_the_interval_holds_the_margin():
    noise = np.array([0.2, -0.2, 0.15, -0.15, 0.1, -0.1])

    found = paired_difference(OLD, OLD + noise, "higher")

    assert found.interval.low < 0 < found.interval.high
    assert shown(0.02, found.interval) == "open"


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=12), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_wider_margin_never_loses_what_a_narrower_one_shows(values, margin, more):
    old = np.zeros(len(values))
    interval = paired_difference(old, np.array(values), "lower").interval

    if shown(margin, interval) == "non-inferior":
        assert shown(margin + more, interval) == "non-inferior"
    if shown(margin + more, interval) == "worse":
        assert shown(margin, interval) == "worse"


def test_unpaired_numbers_of_patients_are_refused():
    with pytest.raises(ValueError, match="no pairs"):
        paired_difference(OLD, OLD[:-1], "higher")


def test_a_share_with_no_change_is_bounded_by_what_so_few_patients_rule_out():
    none = np.zeros(20)

    found = paired_share_difference(none, none)

    assert found.estimate == 0
    assert found.interval.high == pytest.approx(1 - 0.025 ** (1 / 20))  # half of the error to each kind of patient
    assert found.interval.low == -found.interval.high


def test_the_bounds_of_a_share_hold_at_least_as_often_as_stated():
    rng = np.random.default_rng(0)
    n, fresh, gone, runs = 25, 0.10, 0.04, 1500
    above = below = 0
    for _ in range(runs):
        draw = rng.random(n)
        old = (draw < gone).astype(float)
        new = ((draw >= gone) & (draw < gone + fresh)).astype(float)
        interval = paired_share_difference(old, new).interval
        above += interval.high < fresh - gone
        below += interval.low > fresh - gone

    assert above / runs <= 0.05
    assert below / runs <= 0.05


def test_an_interval_that_ends_at_the_margin_is_within_it():
    assert shown(0.02, Interval(-0.01, 0.02, "")) == "non-inferior"
