from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements.quantity import percent, plain, read, with_unit

NUMBERS = st.floats(1e-29, 1e29) | st.floats(-1e29, -1e-29) | st.just(0.0)


@given(NUMBERS)
def test_a_number_reads_back_as_it_was_written(number):
    assert read(plain(number)).value == number


@given(NUMBERS.filter(lambda number: abs(number) < 1e27))
def test_a_percentage_reads_back_as_it_was_written(number):
    text, sign = percent(number).split()
    assert sign == "%"
    assert read(text, "%").value == number


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("2/255", "", 2 / 255),
        ("2 / 255", "", 2 / 255),
        ("5", "%", 0.05),
        ("7", "%", 0.07),
        ("8.1", "points", 0.081),
        ("1e-3", "", 0.001),
        (".5", "", 0.5),
        ("+5", "", 5),
        ("-5", "dB", -5),
        ("1.", "", 1),
    ],
)
def test_numbers_are_read_exactly(text, unit, value):
    assert read(text, unit).value == value


@pytest.mark.parametrize("text", ["1e400", "1e-400", "1e999999999", "1e-999999999", "1/1e99", "9" * 41])
def test_numbers_of_no_size_that_exists_are_refused_at_once(text):
    with pytest.raises(SpecError, match="is not a number that can be used here"):
        read(text)


def test_zero_is_zero_whatever_its_exponent():
    assert read("0e-999999999").value == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (10.0, "10"),
        (2 / 255, "2/255"),
        (8 / 255, "8/255"),
        (0.2, "0.2"),
        (math.inf, "inf"),
        (-0.05, "-0.05"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, text):
    assert plain(value) == text


def test_the_unit_stands_behind_the_number():
    assert with_unit(10, "dB") == "10 dB"
    assert with_unit(10, "") == "10"
    assert percent(0.975) == "97.5 %"
