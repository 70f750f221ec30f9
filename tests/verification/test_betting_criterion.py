"""[decision] method: a mean by betting where it can be bet on, and said where it cannot."""

import math

import numpy as np
import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.verification.betting import betting_interval
from pytest_segrobust.verification.betting_criterion import BettingCriterion, value_range
from pytest_segrobust.verification.decision import Criterion
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.verify import verify


def run(requirement, evaluation, **decision):
    settings = DecisionSettings(**decision)
    return verify(requirement, evaluation, decision=settings, budget=profile("smoke"), seed=0)


def little(values, patient):
    return 0.02 * values.get("sigma", 0) / 0.1 * (1 + 0.1 * math.sin(3 * patient))


def test_betting_decides_a_drop_only_with_many_patients_and_says_that_it_was_asked_for(fake, dropping, noise):
    few = run(noise(0.1), fake(dropping(little), n=20), method="betting")
    many = run(noise(0.1), fake(dropping(little), n=120), method="betting")

    assert (few.verdict, many.verdict) == ("inconclusive", "passed")
    assert "betting over patients (no assumption on the distribution), values from -1 to 1" in many.method
    assert '[decision] method = "betting"' in many.method
    assert "patients would settle it" in few.reason
    assert not any("approximate" in warning for warning in many.warnings)


def test_the_interval_is_that_of_the_bets(fake, dropping, noise):
    found = run(noise(0.1), fake(dropping(little), n=60), method="betting")
    expected = betting_interval(np.array([case.value for case in found.cases]), -1.0, 1.0, 0.95)

    assert found.interval == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("method", [None, "bootstrap"])
def test_without_it_a_mean_has_its_bootstrap_with_the_reason(fake, dropping, noise, method):
    found = run(noise(0.1), fake(dropping(little), n=20), **({} if method is None else {"method": method}))
    assert found.verdict == "passed"
    assert "BCa and bootstrap-t (the default for a mean)" in found.method


def test_shares_keep_their_exact_bounds_and_within_is_two_one_sided_tests(fake, dropping, noise):
    share = run(noise(0.1, patients=0.5), fake(dropping(little), n=20), method="betting")
    assert share.verdict == "passed"
    assert "Clopper-Pearson) over patients (a share of patients has exact bounds" in share.method

    def biased(values, patient, _):
        return {"dsc": 0.9, "volume_bias": 0.01 * math.sin(patient)}

    bias = noise(0.05, measure=Measure("volume_bias"), comparison="within")
    assert "two one-sided tests (TOST)" in run(bias, fake(biased)).method


def test_values_without_an_end_are_not_evaluable_with_the_reason(fake, noise):
    def biased(values, patient, _):
        return {"dsc": 0.9, "volume_bias": 0.01 * math.sin(patient)}

    bias = noise(0.05, measure=Measure("volume_bias"), comparison="within")
    found = run(bias, fake(biased), method="betting")

    assert found.verdict == "not_evaluable"
    assert "needs values with a known end, and volume bias has none above" in found.reason


def test_distances_end_at_the_longest_diagonal(fake, noise):
    def model(values, patient, _):
        return {"dsc": 0.9, "hd95": 2 + 0.1 * math.sin(patient) + 5 * values.get("sigma", 0), "diagonal_mm": 20.0}

    found = run(noise(6.0, measure=Measure("hd95", "increase")), fake(model, n=60), method="betting")
    assert "values from -20 to 20" in found.method
    assert found.verdict == "passed"
    unknown = run(
        noise(6.0, measure=Measure("hd95", "increase")),
        fake(lambda v, p, s: {"dsc": 0.9, "hd95": 2.0}),
        method="betting",
    )
    assert unknown.verdict == "not_evaluable"


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (Measure("dsc"), (0, 1)),
        (Measure("dsc", "drop"), (-1, 1)),
        (Measure("dsc", "relative drop"), (-1, 1)),
        (Measure("over_segmentation", "increase"), (-1, 1)),
        (Measure("hd95"), (0, math.inf)),
        (Measure("ece"), (0, 1)),
        (Measure("delta_dsc"), (-1, 1)),
    ],
)
def test_the_range_of_a_value_is_that_of_its_metric(measure, expected):
    assert value_range(measure) == expected


def test_a_value_beyond_its_range_is_an_error_and_no_verdict(noise):
    criterion = BettingCriterion.instead(Criterion.of(noise(0.1), seed=0), [])
    assert isinstance(criterion, BettingCriterion)
    with pytest.raises(EvidenceError, match="beyond 1"):
        criterion.interval(np.array([0.1, 1.5]))


@pytest.mark.parametrize("comparison", ["below", "at least", "within"])
def test_the_patients_needed_are_those_that_then_decide(noise, comparison):
    from pytest_segrobust.verification.decision import decide

    values = np.tile([0.01, 0.02, 0.03], 3)
    limit = {"below": 0.1, "at least": -0.1, "within": 0.1}[comparison]
    criterion = BettingCriterion.instead(Criterion.of(noise(limit, comparison=comparison), seed=0), [])
    needed = criterion.patients_needed(values)
    interval = criterion.interval(np.tile([0.01, 0.02, 0.03], math.ceil(needed / 3) + 1))

    assert decide(comparison, limit, interval.low, interval.high) == "passed"
    assert needed > 20
