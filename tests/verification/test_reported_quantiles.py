"""The median and the claimed quantile beside a decision: order statistics, on the side that the claim is about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_segrobust.evidence.html.sections.requirement import _facts
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.verification.order_statistics import quantile_interval
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.verify import verify


def run(requirement, evaluation):
    return verify(requirement, evaluation, decision=DecisionSettings(), budget=profile("smoke"), seed=0)


def own(found):
    return np.array([case.value for case in found.cases])


def losing(values, patient):
    return values["sigma"] * (0.1 + 0.01 * patient % 0.3)


def test_a_mean_has_the_median_beside_it_by_order_statistics_and_the_page_shows_it(fake, dropping, noise):
    found = run(noise(0.1), fake(dropping(losing), n=20))
    (median,) = found.quantiles
    expected = quantile_interval(own(found), 0.5)

    assert median["share"] == 0.5
    assert median["interval"] == [expected.low, expected.high]
    assert median["estimate"] == pytest.approx(np.median(own(found)))
    assert "order statistics over patients" in median["words"]
    assert ("over patients", median["words"]) in _facts(found)


@pytest.mark.parametrize("limit", [0.008, 0.02, 0.035, 0.05])
def test_for_95_percent_of_patients_passes_where_the_bound_of_the_quantile_meets_the_limit(
    fake, dropping, noise, limit
):
    found = run(noise(limit, patients=0.95), fake(dropping(losing), n=60))
    claimed = found.quantiles[1]

    assert claimed["share"] == 0.95
    assert (found.verdict == "passed") == (claimed["interval"][1] is not None and claimed["interval"][1] < limit)


def test_of_a_score_that_must_stay_above_it_is_the_low_quantile_from_below(fake, dropping, noise):
    asked = replace(noise(0.85), measure=Measure("dsc", "value"), comparison="at least", patients=0.95)
    found = run(asked, fake(dropping(losing), n=60))
    claimed = found.quantiles[1]

    assert claimed["share"] == pytest.approx(0.05)
    assert claimed["interval"][0] == own(found).min()
    assert found.verdict == "passed"
    assert claimed["interval"][0] >= 0.85


def test_too_few_patients_have_no_bound_and_the_words_say_so(fake, dropping, noise):
    claimed = run(noise(0.1, patients=0.95), fake(dropping(losing), n=20)).quantiles[1]

    assert claimed["interval"][1] is None
    assert "no bound" in claimed["words"]
    assert "by 59 at the least" in claimed["words"]


def test_rates_of_failures_have_no_quantiles(fake, dropping, noise):
    asked = replace(noise(0.2), measure=Measure("gross_failure_rate", "value"))
    assert run(asked, fake(dropping(losing), n=20)).quantiles == []
