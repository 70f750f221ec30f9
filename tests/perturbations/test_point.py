"""Points are exact, have one text each, and survive JSON."""

from __future__ import annotations

import json
import math
from functools import reduce
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.perturbations.point import CLEAN, Point

numbers = st.floats(allow_nan=False, width=64).map(lambda v: abs(v) if math.isinf(v) else v)
steps = st.builds(
    lambda name, on, parameters: Point.of(name, on=on, **parameters),
    st.sampled_from(["gaussian noise", "gamma", "flip"]),
    st.none() | st.sampled_from(["tumour", "left lung"]),
    st.dictionaries(st.sampled_from(["sigma", "snr", "axis"]), numbers | st.sampled_from(["rows", "left-right"])),
)
points = st.lists(steps, max_size=3).map(lambda parts: reduce(or_, parts, CLEAN))


@given(points)
def test_json_gives_the_same_point_back(point):
    plain = json.loads(json.dumps(point.to_json(), allow_nan=False))
    assert Point.from_json(plain) == point
    assert Point.from_json(json.dumps(plain)) == point


@given(points, points)
def test_equal_points_and_only_they_have_equal_texts(one, other):
    assert (one == other) == (str(one) == str(other))


def test_values_have_nine_digits_and_their_order_does_not_matter():
    assert Point.of("x", a=0.1 + 0.2, b=1) == Point.of("x", b=1.0, a=0.3)
    assert str(Point.of("brightness", shift=-0.0)) == "brightness(shift=0)"
    assert str(Point.of("gaussian noise", sigma=1 / 3, on="tumour")) == "gaussian noise(sigma=0.333333333) on tumour"


def test_points_are_read_from_left_to_right():
    first, second = Point.of("gamma", gamma=2), Point.of("flip", axis="rows")
    assert str(first | second) == "gamma(gamma=2) | flip(axis=rows)"
    assert first | CLEAN == CLEAN | first == first
    assert str(CLEAN) == "clean"


@pytest.mark.parametrize("value", [math.inf, 1e-300, 12345678.9])
def test_extreme_numbers_are_kept(value):
    (step,) = Point.of("x", snr=value).steps
    assert step.parameters == (("snr", value),)
