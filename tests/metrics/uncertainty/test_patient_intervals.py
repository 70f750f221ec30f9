"""Bounds of statistics of all patients: resamples as if drawn patient by patient, coverage, and what few may claim."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_segrobust.metrics.uncertainty.area_errors import Area
from pytest_segrobust.metrics.uncertainty.intervals import clustered_interval
from pytest_segrobust.metrics.uncertainty.patient_intervals import patient_interval, patient_statistic
from pytest_segrobust.metrics.uncertainty.patient_statistics import (
    EarlyWarningShare,
    FailureAuroc,
    FailureRecall,
    PatientStatistic,
    RiskCoverageArea,
    newcombe_interval,
    share_interval,
)

Columns = tuple[np.ndarray, np.ndarray]
AREAS = (RiskCoverageArea("aurc"), RiskCoverageArea("e_aurc"), RiskCoverageArea("n_aurc"))
FLAT = (*AREAS, FailureAuroc(0.5), FailureRecall(0.5, 0.3))


def drawn_one_by_one(statistic: PatientStatistic, columns: tuple[np.ndarray, np.ndarray], counts: np.ndarray) -> float:
    rows = np.repeat(np.arange(counts.size), counts.astype(int))
    value = statistic.of(columns[0][rows], columns[1][rows]).value
    return math.nan if value is None else value


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(FLAT), st.sampled_from([2, 4, 1000]))
def test_a_resample_is_the_statistic_of_the_drawn_patients(seed: int, statistic: PatientStatistic, levels: int) -> None:
    rng = np.random.default_rng(seed)
    u, quality = rng.integers(0, levels, 8) / levels, rng.integers(0, levels, 8) / levels
    draws = rng.multinomial(8, np.full(8, 1 / 8), 6).astype(float)

    found = statistic.drawn(u, quality)(draws)

    for counts, value in zip(draws, found, strict=True):
        assert value == pytest.approx(drawn_one_by_one(statistic, (u, quality), counts), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("area", ["aurc", "e_aurc", "n_aurc"])
@pytest.mark.parametrize("copies", [False, True])
def test_the_errors_of_areas_are_those_of_leaving_patients_out(area: Area, copies: bool) -> None:
    rng = np.random.default_rng(3)
    statistic = RiskCoverageArea(area)
    for n in (12, 30):
        u, risks = rng.random(n), rng.beta(2, 5, n)
        counts = rng.multinomial(n, np.full(n, 1 / n)) if copies else np.ones(n, int)
        rows = np.repeat(np.arange(n), counts)
        left_out = [statistic.of(*(np.delete(column[rows], i) for column in (u, risks))).value for i in range(n)]
        spread = np.square(np.array(left_out) - np.mean(left_out)).sum()
        errors = statistic.errors(u, risks)
        assert errors is not None
        # nAURC's is to first order; tied copies stand one after the other here, and share their place there
        near = 0.12 if copies or area == "n_aurc" else 1e-9
        assert errors(counts[None].astype(float))[0] == pytest.approx(math.sqrt((n - 1) / n * spread), rel=near)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_a_resample_of_early_warnings_is_that_of_the_drawn_patients(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.random((7, 4)), rng.random((7, 4))
    statistic = EarlyWarningShare(alarm=0.7, drop=0.3)
    draws = rng.multinomial(7, np.full(7, 1 / 7), 6).astype(float)

    found = statistic.drawn(*columns)(draws)

    for counts, value in zip(draws, found, strict=True):
        assert value == pytest.approx(drawn_one_by_one(statistic, columns, counts), nan_ok=True)


@pytest.mark.parametrize("statistic", FLAT, ids=str)
def test_bounds_hold_the_estimate_and_repeat(statistic: PatientStatistic) -> None:
    rng = np.random.default_rng(2)
    quality = rng.random(40)
    columns = 1 - quality + rng.normal(0, 0.3, 40), quality if statistic not in AREAS else 1 - quality

    once, again, other = (patient_interval(statistic, columns, seed=seed) for seed in (1, 1, 2))

    assert once == again
    assert once.estimate == statistic.of(*columns)
    assert once.low is not None
    assert once.high is not None
    assert once.low < (once.estimate.value or 0) < once.high
    assert statistic not in AREAS or once != other
    wider = patient_interval(statistic, columns, seed=1, confidence=0.99)
    assert wider.low is not None
    assert wider.low < once.low


def false_passes(statistics: Sequence[PatientStatistic], world: Callable[[int], Columns], *, patients: int) -> int:
    """In how many of 200 draws a bound lies on the good side of the truth; of the statistic that does so most often."""
    truth = {statistic: statistic.of(*world(200_000)).value or 0 for statistic in statistics}
    false = dict.fromkeys(statistics, 0)
    for seed in range(200):
        columns = world(patients)
        for statistic in statistics:
            found = patient_interval(statistic, columns, resamples=400, seed=seed)
            if statistic in AREAS[:2]:  # the smaller the better
                false[statistic] += found.high is not None and found.high < truth[statistic]
            else:
                false[statistic] += found.low is not None and found.low > truth[statistic]
    return max(false.values())


def test_a_bound_of_an_area_passes_falsely_no_oftener_than_stated() -> None:
    rng = np.random.default_rng(4)

    def world(n: int) -> Columns:
        risk = rng.beta(2, 5, n)
        return risk + rng.normal(0, 0.15, n), risk

    assert false_passes(AREAS, world, patients=25) <= 18  # 5 % of 200 and 2.5 standard errors


def test_a_bound_of_an_area_of_skewed_errors_is_not_far_from_what_is_stated() -> None:
    """Uncertainty that knows nothing: AURC is the mean error then, of which few patients show too little."""
    rng = np.random.default_rng(6)

    def world(n: int) -> Columns:
        return rng.random(n), np.minimum(rng.lognormal(math.log(0.15), 0.7, n), 1)

    assert (
        false_passes(AREAS[:2], world, patients=15) <= 24
    )  # as stated, 12 % of 200; 29 and 33 without the bootstrap-t


def test_a_bound_of_failure_detection_passes_falsely_no_oftener_than_stated() -> None:
    rng = np.random.default_rng(5)

    def world(n: int) -> Columns:
        failed = rng.random(n) < 0.2
        return rng.normal(0, 1, n) + 1.8 * failed, np.where(failed, 0.2, 0.9)

    assert false_passes((FailureAuroc(0.5), FailureRecall(0.5, 0.25)), world, patients=30) <= 18


@pytest.mark.parametrize("statistic", FLAT[2:], ids=str)
def test_an_oracle_passes_and_few_patients_claim_less(statistic: PatientStatistic) -> None:
    quality = np.linspace(0, 1, 60)
    second = 1 - quality if statistic in AREAS else quality

    many = patient_interval(statistic, (1 - quality, second))
    few = patient_interval(statistic, (1 - quality[::10], second[::10]))

    if not isinstance(statistic, FailureRecall):
        assert many.estimate.value == pytest.approx(1)
        assert few.estimate.value == pytest.approx(1)
        assert (many.low or 0) > 0.9
    assert (few.low or 0) < 0.75
    assert (few.low or 0) < (many.low or 0)


def test_equal_errors_leave_room_for_patients_that_were_missed() -> None:
    u, nothing_wrong = np.linspace(0, 1, 20), np.zeros(20)
    found = patient_interval(RiskCoverageArea("aurc"), (u, nothing_wrong))
    assert found.estimate.value == 0
    assert found.low == 0
    missed = 1 - 0.05 ** (1 / 20)
    assert found.high == pytest.approx(missed - missed * math.log(missed), abs=0.01)  # ∫ of 1 up to it, then missed / c
    assert "same error" in found.method


def test_constant_uncertainty_has_no_bound_and_says_why() -> None:
    found = patient_interval(RiskCoverageArea("n_aurc"), (np.ones(20), np.linspace(0, 1, 20)))
    assert found.low is None
    assert "same for all 20 cases" in found.reason
    few = patient_interval(FailureAuroc(0.5), (np.arange(4.0), np.array([0, 1, 1, 0.0])))
    assert few.estimate.value is not None
    assert "4 patients are too few" in few.reason


def test_resamples_without_a_failure_count_as_the_worst() -> None:
    quality = np.append(np.full(19, 0.9), 0.1)
    found = patient_interval(FailureAuroc(0.5), (1 - quality + 0.01 * np.arange(20), quality))
    assert found.undefined > 1000  # (19/20)^20 of the resamples lack the one failure
    assert found.low is not None
    assert found.low < 0.6


def test_early_warnings_of_all_that_fell_have_the_bound_of_a_share() -> None:
    u = np.tile([0.0, 1.0, 1.0], (10, 1))
    quality = np.tile([0.9, 0.9, 0.1], (10, 1))
    quality[7:] = 0.9
    found = patient_interval(EarlyWarningShare(alarm=0.5, drop=0.3), (u, quality))
    assert found.estimate.value == 1
    assert found.low == pytest.approx(0.05 ** (1 / 7))
    assert found.high == 1


def test_shares_and_scores_are_the_textbooks() -> None:
    assert share_interval(0, 10, 0.95) == (0.0, pytest.approx(1 - 0.05**0.1))
    assert share_interval(10, 10, 0.95) == (pytest.approx(0.05**0.1), 1.0)
    low, high = newcombe_interval(1.0, 5, 45, 0.95)
    assert low == pytest.approx(0.85, abs=0.01)
    assert high == 1
    lower, upper = newcombe_interval(0.3, 20, 30, 0.95)
    mirrored = newcombe_interval(0.7, 20, 30, 0.95)
    assert (1 - upper, 1 - lower) == pytest.approx(mirrored)


@pytest.mark.parametrize("kind", ["spearman", "pearson", "kendall"])
@pytest.mark.parametrize("which", ["pooled", "within"])
def test_all_three_correlations_have_bounds_across_and_within(kind, which) -> None:
    rng = np.random.default_rng(9)
    e = rng.random(60)
    found = clustered_interval(e + rng.normal(0, 0.1, 60), e, np.repeat(np.arange(12), 5).tolist(), kind, which=which)
    assert found.low is not None
    assert 0.2 < found.low < (found.estimate.value or 0) < (found.high or 0) <= 1


def test_500_patients_take_less_than_two_seconds() -> None:
    rng = np.random.default_rng(10)
    columns = rng.random(500), rng.random(500)
    for statistic in FLAT:
        start = time.process_time()
        patient_interval(statistic, columns)
        assert time.process_time() - start < 2


def test_a_key_finds_its_statistic_and_what_it_needs() -> None:
    assert patient_statistic("n_aurc") == RiskCoverageArea("n_aurc")
    assert patient_statistic("failure_auroc", failed_below=0.7) == FailureAuroc(0.7)
    assert patient_statistic("failure_recall", failed_below=0.7, referral_rate=0.2) == FailureRecall(0.7, 0.2)
    assert patient_statistic("early_warning", alarm=1.0, drop=0.1) == EarlyWarningShare(1.0, 0.1)
    with pytest.raises(ValueError, match="not stated"):
        patient_statistic("failure_recall", failed_below=0.7)
    with pytest.raises(ValueError, match="confidence"):
        patient_interval(RiskCoverageArea("aurc"), (np.arange(9.0), np.arange(9.0)), confidence=0.05)
