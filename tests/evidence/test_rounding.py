"""Printed numbers never flatter a result."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.evidence.rounding import exact, interval_text, percent, rounded, signed

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "toward", "text"),
    [
        (0.04961, "nearest", "0.0496"),
        (0.04961, "up", "0.0497"),
        (0.04961, "down", "0.0496"),
        (-0.04961, "up", "-0.0496"),
        (-0.04961, "down", "-0.0497"),
        (0.8, "up", "0.800"),
        (0.9996, "up", "1.00"),
        (99.96, "up", "100"),
        (12345.6, "down", "12345"),
        (3, "nearest", "3.00"),
        (0.000012345, "up", "0.0000124"),
        (0.00000012345, "up", "1.24e-7"),
        (0.0, "up", "0"),
        (3e-17, "up", "0"),
        (math.inf, "nearest", "∞"),
        (-math.inf, "up", "-∞"),
        (math.nan, "up", "–"),
        (None, "up", "–"),
    ],
)
def test_three_digits_in_the_asked_direction(value, toward, text):
    assert rounded(value, toward) == text


@pytest.mark.parametrize("toward", ["nearest", "down", "up"])
def test_just_below_the_limit_never_prints_as_the_limit(toward):
    assert float(rounded(0.7996, toward, beside=0.80)) < 0.80
    assert float(rounded(0.79999999, toward, beside=0.80)) < 0.80


def test_a_bound_is_rounded_outwards():
    assert interval_text((0.7996, 0.8512)) == "[0.799, 0.852]"
    assert interval_text((None, 0.5)) == "[–, 0.500]"
    assert interval_text(None) == "–"


@given(FINITE)
def test_rounding_down_never_exceeds_and_up_never_undercuts(value):
    slack = 1e-12  # what counts as zero
    assert float(rounded(value, "down")) <= value + slack
    assert float(rounded(value, "up")) >= value - slack


@given(FINITE)
def test_three_digits_are_close(value):
    assert float(rounded(value).replace("–", "nan")) == pytest.approx(value, rel=0.006, abs=1e-11)


@given(FINITE, FINITE, st.sampled_from(["nearest", "down", "up"]))
def test_a_number_stays_on_its_own_side_of_the_limit(value, limit, toward):
    if abs(value) < 1e-12:
        return
    printed = float(rounded(value, toward, beside=limit))

    assert (printed > limit) == (value > limit)
    assert (printed < limit) == (value < limit)


def test_a_stated_number_is_printed_as_it_was_stated():
    assert [exact(v) for v in (0.05, 1.0, 15, 2 / 255, None, math.inf)] == [
        "0.05",
        "1",
        "15",
        "0.00784313725",
        "–",
        "∞",
    ]


def test_a_share_is_printed_in_percent():
    assert percent(0.1173, "up") == "11.8 %"
    assert percent(None) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5231, "+0.523"), (-0.5231, "-0.523"), (0.0, "0"), (1e-15, "0"), (None, "–"), (math.inf, "+∞")],
)
def test_a_signed_number_says_its_sign_above_zero_too(value, text):
    assert signed(value) == text
