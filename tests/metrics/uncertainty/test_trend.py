"""Uncertainty over severity: tau and isotonic fit by brute force, the size of the tests, and flat courses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, stats

from pytest_segrobust.metrics.uncertainty.trend import rising_fit, severity_trend

curves = hnp.arrays(float, st.integers(1, 9), elements=st.floats(-5, 5))


@settings(max_examples=60, deadline=None)
@given(curves)
def test_the_rising_fit_is_the_isotonic_regression(curve: np.ndarray) -> None:
    np.testing.assert_allclose(rising_fit(curve), optimize.isotonic_regression(curve).x, atol=1e-9)


def test_the_rising_fit_of_many_curves_is_that_of_each() -> None:
    many = np.random.default_rng(0).normal(size=(3, 4, 6))
    for at in itertools.product(range(3), range(4)):
        np.testing.assert_allclose(rising_fit(many)[at], rising_fit(many[at]))


def test_taus_are_those_of_scipy() -> None:
    u = np.random.default_rng(1).integers(0, 4, (30, 5)).astype(float)
    found = severity_trend(u, np.array([0.0, 0.1, 0.5, 0.7, 2.0]), permutations=10)
    expected = [0.0 if np.ptp(row) == 0 else stats.kendalltau(row, range(5)).statistic for row in u]
    np.testing.assert_allclose(found.taus, expected)
    assert found.mean_tau.value == pytest.approx(np.mean(expected))
    assert (found.rising, found.falling) == ((np.array(expected) > 0).sum(), (np.array(expected) < 0).sum())
    assert found.rising + found.flat + found.falling == 30


def test_a_rise_in_every_patient_is_one_and_a_fall_minus_one() -> None:
    u = np.random.default_rng(2).random((8, 1)) + np.arange(5.0) ** 2
    up, down = severity_trend(u, np.arange(5.0)), severity_trend(-u, np.arange(5.0))
    assert up.mean_tau.value == pytest.approx(1)
    assert up.isotonic.value == pytest.approx(1)
    assert up.p_value.value == pytest.approx(1 / 2001)
    assert up.largest_fall == 0
    assert down.mean_tau.value == pytest.approx(-1)
    assert down.p_value.value == 1
    assert down.isotonic.value == pytest.approx(0, abs=1e-12)
    assert down.isotonic_p.value == 1
    assert down.largest_fall == pytest.approx(16)


def test_the_p_value_is_that_of_all_permutations() -> None:
    u = np.array([[0.1, 0.3, 0.2], [0.5, 0.4, 0.9]])
    rows = [list(itertools.permutations(row)) for row in u]
    observed = severity_trend(u, np.arange(3.0)).mean_tau.value
    assert observed is not None
    taus = [np.mean([stats.kendalltau(row, range(3)).statistic for row in pair]) for pair in itertools.product(*rows)]
    exact = np.mean(np.array(taus) >= observed - 1e-9)
    assert severity_trend(u, np.arange(3.0), permutations=20_000).p_value.value == pytest.approx(exact, abs=0.01)


def test_the_tests_reject_no_oftener_than_stated() -> None:
    rng = np.random.default_rng(3)
    found = [
        severity_trend(rng.random((6, 1)) + rng.random((6, 5)), np.arange(5.0), permutations=99) for _ in range(300)
    ]
    for p in ("p_value", "isotonic_p"):
        assert np.mean([getattr(each, p).value <= 0.05 for each in found]) < 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 300)


def test_it_repeats_by_seed() -> None:
    u = np.random.default_rng(4).random((5, 4))
    once, again, other = (severity_trend(u, np.arange(4.0), seed=seed, permutations=200) for seed in (1, 1, 2))
    assert once.p_value == again.p_value
    assert (once.p_value, once.isotonic_p) != (other.p_value, other.isotonic_p)


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(float, (3, 4), elements=st.integers(0, 5).map(float)))
def test_taus_do_not_see_a_monotone_transform(u: np.ndarray) -> None:
    once, again = (severity_trend(values, np.arange(4.0), permutations=10) for values in (u, np.exp(u)))
    assert once.mean_tau == again.mean_tau


def test_flat_patients_count_as_zero_and_flat_models_have_no_trend() -> None:
    u = np.array([[0.0, 1, 2], [0.3, 0.3, 0.3 + 1e-16], [0.1, 0.1, 0.1]])
    found = severity_trend(u, np.arange(3.0))
    assert found.mean_tau.value == pytest.approx(1 / 3)
    assert (found.rising, found.flat) == (1, 2)
    nothing = severity_trend(u[1:], np.arange(3.0))
    for part in (nothing.mean_tau, nothing.p_value, nothing.isotonic, nothing.isotonic_p):
        assert part.value is None
        assert "all 2 patients" in part.reason


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="rise strictly"):
        severity_trend(np.ones((2, 3)), np.array([0.0, 1, 1]))
    with pytest.raises(ValueError, match="two severities"):
        severity_trend(np.ones((2, 1)), np.array([0.0]))
    with pytest.raises(ValueError, match="not finite"):
        severity_trend(np.array([[np.nan, 1]]), np.arange(2.0))


def test_a_rise_of_float32_rounding_is_none() -> None:
    level = 0.05 + 1e-7 * np.tile(np.arange(4.0), (6, 1))
    assert severity_trend(level, np.arange(4.0)).mean_tau.value is None
    assert severity_trend(1e-6 * (1 + np.tile(np.arange(4.0), (6, 1))), np.arange(4.0)).mean_tau.value == 1
