"""The line from the identity to a point is even in severity."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.perturbations import CLEAN, identity_point, is_identity, towards_identity
from pytest_segrobust.perturbations.point import Point

NOISE = Point.of("gaussian noise", sigma=0.2)
SNR = Point.of("gaussian noise", snr=10, on="tumour")
GAMMA = Point.of("gamma", gamma=4)
FLIP = Point.of("flip", axis="rows")


def test_the_ends_of_the_line_are_the_identity_and_the_point():
    whole = NOISE | GAMMA | FLIP | SNR
    assert towards_identity(whole, 1) is whole
    still = (
        Point.of("gaussian noise", sigma=0)
        | Point.of("gamma", gamma=1)
        | Point.of("gaussian noise", snr=math.inf, on="tumour")
    )
    assert towards_identity(whole, 0) == identity_point(whole) == still
    assert identity_point(FLIP) == CLEAN
    assert identity_point(CLEAN) == CLEAN


def test_half_way_is_half_the_value_the_root_of_a_factor_and_half_the_amplitude():
    assert towards_identity(NOISE, 0.5) == Point.of("gaussian noise", sigma=0.1)
    assert towards_identity(GAMMA, 0.5) == Point.of("gamma", gamma=2)
    ((_, snr),) = towards_identity(SNR, 0.5).steps[0].parameters
    assert snr == pytest.approx(10 + 20 * math.log10(2))
    assert towards_identity(SNR, 0.5).steps[0].on == "tumour"


def test_words_stay_as_they_are_until_the_identity():
    assert towards_identity(FLIP | NOISE, 0.001).steps[0] == FLIP.steps[0]
    assert towards_identity(FLIP | NOISE, 0) == Point.of("gaussian noise", sigma=0)


def test_what_stands_at_its_identity_is_known():
    assert is_identity(CLEAN)
    assert is_identity(identity_point(NOISE | GAMMA | FLIP | SNR))
    assert not is_identity(FLIP)
    assert not is_identity(identity_point(NOISE) | GAMMA)


@given(st.floats(0, 1), st.floats(0, 1))
def test_severity_grows_along_the_line(s, t):
    a, b = (dict(towards_identity(GAMMA, x).steps[0].parameters)["gamma"] for x in sorted((s, t)))
    assert 1 <= a <= b <= 4


@pytest.mark.parametrize("t", [-0.1, 1.1, math.nan])
def test_beyond_the_line_there_is_nothing(t):
    with pytest.raises(ValueError, match="within 0 and 1"):
        towards_identity(NOISE, t)
