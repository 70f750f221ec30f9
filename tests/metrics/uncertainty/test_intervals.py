"""Bounds of correlations: resamples as if drawn cell by cell, coverage, and what few patients may claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_segrobust.metrics.uncertainty.correlation import KINDS, Kind, clustered, correlation
from pytest_segrobust.metrics.uncertainty.intervals import clustered_interval, correlation_interval, fisher_interval
from pytest_segrobust.metrics.uncertainty.resampled_correlation import drawn_coefficients


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 4))
def test_a_resample_is_the_coefficient_of_the_drawn_cells(seed: int, kind: Kind, severities: int) -> None:
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(6), severities)
    rng.shuffle(owner)
    u, e = rng.integers(0, 6, owner.size).astype(float), rng.integers(0, 6, owner.size).astype(float)
    draws = rng.multinomial(6, np.full(6, 1 / 6), 5).astype(float)
    found = drawn_coefficients(u, e, owner, kind)(draws)
    for counts, value in zip(draws, found, strict=True):
        rows = np.concatenate([np.flatnonzero(owner == p) for p, n in enumerate(counts) for _ in range(int(n))])
        if rows.size < 3:
            continue
        expected = correlation(u[rows], e[rows], kind).value
        if expected is None:
            assert math.isnan(value)
        else:
            assert value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_hold_the_estimate_and_repeat(kind: Kind) -> None:
    rng = np.random.default_rng(2)
    e = rng.random(40)
    u = e + rng.normal(0, 0.3, 40)
    once, again, other = (correlation_interval(u, e, kind, seed=seed) for seed in (1, 1, 2))
    assert once == again
    assert once != other
    assert once.estimate == correlation(u, e, kind)
    assert once.low is not None
    assert once.high is not None
    assert once.estimate.value is not None
    assert -1 <= once.low < once.estimate.value < once.high <= 1
    assert once.fisher is not None
    assert once.low == pytest.approx(once.fisher[0], abs=0.12)
    assert once.high == pytest.approx(once.fisher[1], abs=0.12)
    wider = correlation_interval(u, e, kind, seed=1, confidence=0.99)
    assert wider.low is not None
    assert wider.low < once.low


def test_fisher_is_the_textbook_interval() -> None:
    low, high = fisher_interval(0.5, 28, "pearson") or (0, 0)
    assert low == pytest.approx(math.tanh(math.atanh(0.5) - 1.6448536 / 5), abs=1e-6)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 28))
    theirs = stats.pearsonr(*x).confidence_interval(0.90)  # two-sided 90 % is one-sided 95 % on each side
    mine = fisher_interval(float(np.corrcoef(x)[0, 1]), 28, "pearson")
    assert mine == pytest.approx(tuple(theirs))
    assert fisher_interval(1.0, 28, "pearson") is None
    assert fisher_interval(0.5, 3, "spearman") is None
    assert high > low


def test_the_bound_passes_falsely_no_oftener_than_stated() -> None:
    rng = np.random.default_rng(4)
    truth = 6 / math.pi * math.asin(0.5 / 2)  # Spearman of a bivariate normal with correlation 0.5
    false = 0
    for seed in range(200):
        x = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 25)
        low = correlation_interval(x[:, 0], x[:, 1], resamples=500, seed=seed).low
        assert low is not None
        false += low > truth
    assert false <= 18  # 5 % of 200 and 2.5 standard errors


def test_an_oracle_passes_and_few_patients_claim_less() -> None:
    e = np.random.default_rng(5).random(20)
    many, few = correlation_interval(e, e), correlation_interval(e[:5], e[:5])
    assert many.low is not None
    assert few.low is not None
    assert many.low > 0.9
    assert few.low < 0.5
    assert "one swapped pair" in few.method
    opposite = correlation_interval(-e, e)
    assert opposite.high is not None
    assert opposite.high < 0
    assert opposite.low == -1


@pytest.mark.parametrize("kind", KINDS)
def test_no_bound_without_a_value_or_with_too_few(kind: Kind) -> None:
    flat = correlation_interval(np.ones(9), np.arange(9.0), kind)
    assert flat.low is None
    assert "uncertainty is the same" in flat.reason
    few = correlation_interval(np.arange(4.0), np.array([1.0, 0, 2, 3]), kind)
    assert few.low is None
    assert few.estimate.value is not None
    assert "4 patients are too few" in few.reason


def test_resamples_without_a_value_count_as_the_worst() -> None:
    u = np.array([1.0, 0, 0, 0, 0, 0])
    found = correlation_interval(u, u + np.array([0, 0, 0, 0, 0, 0.1]), "pearson")
    assert found.undefined > 1000  # (5/6)^6 of resamples lack the one patient that differs
    assert found.low == -1


def test_patients_and_not_cells_decide_the_width() -> None:
    rng = np.random.default_rng(6)
    e = np.repeat(rng.random(12), 8)
    u = e + np.repeat(rng.normal(0, 0.3, 12), 8)
    who = np.repeat(np.arange(12), 8).tolist()
    pooled = clustered_interval(u + 1e-6 * rng.random(96), e + 1e-6 * rng.random(96), who, "pearson")
    single = correlation_interval(u[::8], e[::8], "pearson")
    naive = correlation_interval(u + 1e-6 * rng.random(96), e, "pearson")
    assert pooled.low is not None
    assert single.low is not None
    assert naive.low is not None
    assert pooled.low == pytest.approx(single.low, abs=0.02)
    assert pooled.low < naive.low - 0.1


def test_within_is_the_bootstrap_of_a_mean() -> None:
    rng = np.random.default_rng(7)
    e = np.tile(np.arange(6.0), 15)
    u = e + rng.normal(0, 3, 90)
    who = np.repeat(np.arange(15), 6).tolist()
    found = clustered_interval(u, e, who, which="within")
    assert found.estimate == clustered(u, e, who).within
    own = np.array([correlation(u[i : i + 6], e[i : i + 6]).value for i in range(0, 90, 6)], float)
    means = np.random.default_rng(0).choice(own, (9999, 15)).mean(axis=1)
    assert found.low is not None
    assert found.low == pytest.approx(np.quantile(means, 0.05), abs=0.05)
    assert found.low <= np.quantile(means, 0.05) + 0.005  # expanded for few patients
    assert found.fisher is None


def test_what_is_no_confidence_or_part_is_refused() -> None:
    e = np.arange(9.0)
    with pytest.raises(ValueError, match="confidence"):
        correlation_interval(e, e, confidence=0.05)
    with pytest.raises(ValueError, match="neither"):
        clustered_interval(e, e, list(range(9)), which="between")  # type: ignore[arg-type]
