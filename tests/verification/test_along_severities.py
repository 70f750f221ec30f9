"""Along a line of severities nobody who failed leaves n, and a reader is told what one coefficient hides."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement
from pytest_segrobust.verification.along_severities import statistic_along, values_along
from pytest_segrobust.verification.patients import Cohort
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.verify import verify

POINTS = [CLEAN, *(Point.of("gaussian noise", sigma=sigma) for sigma in (0.02, 0.05, 0.1))]
WITHIN, WARNING, TREND = Measure("spearman_within"), Measure("early_warning", fall=0.1), Measure("severity_tau")
N = 10


@pytest.fixture
def along(measured):
    """Values along the line: of `dsc` and `uncertainty` (patients, severities), a DSC of 0 is a missed structure."""

    def make(measure, dsc, uncertainty, *, crashed=False):
        line = [
            [
                measured(f"p{i}", f"p{i}", point, "organ", {"dsc": dsc[i][k], "uncertainty": uncertainty[i][k]},
                         failure=("crashed: x" if crashed else "missed") if dsc[i][k] == 0 else None)
                for i in range(len(dsc))
            ]
            for k, point in enumerate(POINTS)
        ]  # fmt: skip
        return values_along(Cohort(line[0], measure, "above"), line, "organ")

    return make


def following(n=N):
    """Falling DSC and uncertainty that rises with each fall."""
    dsc = np.array([[0.9, 0.85, 0.7, 0.5]] * n) - 0.002 * np.arange(n)[:, None]
    return dsc, 1 - dsc


@pytest.mark.parametrize("key", ["spearman_within", "pearson_within", "kendall_within"])
def test_a_patient_who_is_lost_at_every_severity_counts_as_0_within_patients(along, key):
    dsc, u = following()
    dsc[:4], u[:4] = 0.0, [0.1, 0.2, 0.3, 0.4]
    found = along(Measure(key), dsc, u)
    decided = statistic_along(Measure(key), found.values)

    assert (len(found.patients), found.of, found.without) == (N, N, {})
    assert decided.estimate == pytest.approx(0.6)
    assert decided.interval.low < 0.5
    assert "the error of 4 of 10 patients is the same at all severities" in decided.interval.warning


def test_only_patients_without_any_error_leave_n_and_are_named(along):
    dsc, u = following()
    dsc[:3] = 1.0
    found = along(WITHIN, dsc, u)

    assert found.patients == tuple(f"p{i}" for i in range(3, N))
    assert (found.values.shape, found.of, len(found.cases)) == ((7, 4, 2), N, 7)
    assert found.without == dict.fromkeys(["p0", "p1", "p2"], "nothing is wrong in it at any severity")
    assert statistic_along(WITHIN, found.values).estimate == pytest.approx(1)


def test_errors_that_never_change_block_and_no_errors_say_nothing(along):
    lost = along(WITHIN, np.zeros((N, 4)), following()[1])
    found = statistic_along(WITHIN, lost.values)
    assert (found.estimate, found.says_nothing) == (None, False)
    assert along(WITHIN, np.ones((N, 4)), following()[1]).patients == ()


def test_who_had_failed_on_the_clean_image_was_not_warned(along):
    u = np.array([[0.1, 0.1, 0.9, 0.9]] * N) + 0.001 * np.arange(N)[:, None]
    dsc = np.array([[0.9, 0.9, 0.9, 0.5]] * N)
    dsc[0] = 0.0  # missed, clean and noisy
    dsc[1] = [0.08, 0.08, 0.05, 0.01]  # so low that it cannot fall by 0.1
    dsc[2] = [0.0, 0.9, 0.9, 0.9]  # came back, too late for a warning
    dsc[3] = 0.9  # never fell
    found = along(WARNING, dsc, u)
    by_patient = dict(zip(found.patients, found.values, strict=True))

    assert by_patient == {"p0": 0, "p1": 0, "p2": 0, **{f"p{i}": 1 for i in range(4, N)}} | {"p9": by_patient["p9"]}
    assert found.without == {"p3": "its DSC never fell by more than 0.1"}
    assert found.assumed == dict.fromkeys(["p0", "p1", "p2"], "failed on the clean image, before any alarm")
    assert {case.case: case.value for case in found.cases} == by_patient


def test_the_alarm_of_early_warning_is_of_means_as_what_it_is_compared_with(measured):
    """Cases of a patient spread widely: its largest clean case lies above the mean of its noisy ones."""
    line = [
        [
            measured(f"p{i}-{c}", f"p{i}", point, "organ", {"dsc": (0.9, 0.9, 0.9, 0.5)[k], "uncertainty": 0.1 + c + 0.01 * i + 0.3 * (k > 0)})
            for i in range(N)
            for c in (0, 1)
        ]
        for k, point in enumerate(POINTS)
    ]  # fmt: skip
    found = values_along(Cohort(line[0], WARNING, "above"), line, "organ")
    assert found.values.tolist() == [1.0] * N


def test_flat_uncertainty_is_told_of(along):
    dsc, u = following()
    u[:2] = 0.3
    for measure in (TREND, WITHIN):
        found = statistic_along(measure, along(measure, dsc, u).values)
        assert found.estimate == pytest.approx(0.8)
        assert "uncertainty is the same at all severities in 2 of 10 patients, who count as 0" in found.interval.warning
    assert statistic_along(TREND, along(TREND, *following()).values).interval.warning == ""


@pytest.mark.parametrize("key", ["spearman_across", "spearman_within"])
def test_opposite_signs_across_and_within_are_told_of(along, key):
    """Worse patients are more uncertain, and each patient becomes surer as it gets worse (Simpson's paradox)."""
    error = 0.05 + 0.08 * np.arange(N)[:, None] + 0.01 * np.arange(4)
    u = 0.05 + 0.08 * np.arange(N)[:, None] - 0.01 * np.arange(4)
    found = statistic_along(Measure(key), along(Measure(key), 1 - error, u).values)

    assert "across severities the correlation is 0.9" in found.interval.warning
    assert "within patients -1: what differs between patients" in found.interval.warning
    assert "across" not in statistic_along(Measure(key), along(Measure(key), 1 - error, error).values).interval.warning


def test_what_a_coefficient_hides_is_in_the_caveats_of_a_pass_and_lost_patients_decide(fake):
    def model(lost, flat):
        def of(values, patient, _):
            sigma = values.get("sigma", 0)
            error = 1.0 if patient < lost else 0.1 + 0.002 * patient + 3 * sigma
            return {"dsc": 1 - error, "uncertainty": 0.3 if patient < flat else 0.1 + sigma}

        return of

    claim = Requirement("R", WITHIN, "above", 0.5, (Domain("gaussian noise", (Range("sigma", 0.0, 0.1),)),))
    some, many = (
        verify(claim, fake(model(*each), n=20), decision=DecisionSettings(), budget=profile("smoke"), seed=0)
        for each in ((0, 1), (16, 0))
    )
    assert (some.verdict, many.verdict) == ("passed", "failed")
    assert any("in 1 of 20 patients, who count as 0" in words for words in some.warnings)
    assert (many.n_patients, many.estimate) == (20, pytest.approx(0.2))
