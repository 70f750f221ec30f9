"""What a drop under movement compares, and what it leaves to interpolation."""

from __future__ import annotations

import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.metrics.catalogue import CEILING, IN_VIEW, IN_VIEW_FAILURE, OUT_OF_VIEW
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement
from pytest_segrobust.requirements.settings import DecisionSettings
from pytest_segrobust.verification.patients import MEAN, Cohort
from pytest_segrobust.verification.profiles import PROFILES
from pytest_segrobust.verification.verify import verify

TURNED = Point.of("rotation", angle=10)


@pytest.fixture
def value(measured):
    """value(measure, clean scores, perturbed scores): the one case's value, and what of it was explained."""

    def make(measure, before, after, **others):
        clean = [measured("a", "a", CLEAN, "organ", before)]
        turned = [measured("a", "a", TURNED, "organ", after, **others)]
        cohort = Cohort(clean, measure, "below")
        found = cohort.at(turned, "organ")
        return found.values[0], cohort.moving(turned, "organ"), found.cases[0]

    return make


@pytest.mark.parametrize(
    ("after", "ceiling", "expected"),
    [
        (0.7, 0.95, 0.15),  # 0.2 lost, of which moving explains 0.05
        (0.88, 0.95, 0.0),  # 0.02 lost: explained, and no gain is made of it
        (0.95, 0.95, -0.05),  # a gain stays what it is
        (0.7, 1.0, 0.2),
    ],
)
def test_a_drop_is_what_moving_alone_does_not_explain(value, after, ceiling, expected):
    scores = {"dsc": after, CEILING + "dsc": ceiling}
    found, (explained, partly), case = value(Measure("dsc", "drop"), {"dsc": 0.9}, scores)
    assert found == pytest.approx(expected)
    assert explained == pytest.approx(0.9 - after - expected)
    assert partly == 0
    assert (case.clean, case.perturbed) == (0.9, after)
    relative, _, _ = value(Measure("dsc", "relative drop"), {"dsc": 0.9}, scores)
    assert relative == pytest.approx(expected / 0.9)


def test_an_increase_likewise_and_what_is_asked_absolutely_not_at_all(value):
    scores = {"hd95": 5.0, "dsc": 0.7, CEILING + "hd95": 1.0, CEILING + "dsc": 0.9}
    assert value(Measure("hd95", "increase"), {"hd95": 2.0}, scores)[0] == pytest.approx(2.0)
    assert value(Measure("dsc", "value"), {"dsc": 0.9}, scores)[0] == 0.7
    signed = {"volume_bias": 0.3, CEILING + "volume_bias": 0.1}
    assert value(Measure("volume_bias", "increase"), {"volume_bias": 0.0}, signed)[0] == pytest.approx(0.3)


def test_a_failure_is_explained_by_nothing(value):
    scores = {"dsc": 0.0, CEILING + "dsc": 0.9}
    assert value(Measure("dsc", "drop"), {"dsc": 0.9}, scores, failure="missed")[0] == pytest.approx(0.9)


def test_the_clean_score_is_that_of_the_part_still_seen(value):
    scores = {"dsc": 0.6, IN_VIEW + "dsc": 0.7}
    found, (_, partly), case = value(Measure("dsc", "drop"), {"dsc": 0.9}, scores)
    assert found == pytest.approx(0.1)
    assert partly == 1
    assert case.clean == 0.7


@pytest.mark.parametrize(
    ("measure", "before", "worst", "value_of_the_worst"),
    [(Measure("dsc", "drop"), 0.9, 0.0, 1.0), (Measure("hd95", "increase"), 2.0, 80.0, 80.0)],
)
def test_a_clean_prediction_that_fails_in_view_had_nothing_to_lose(value, measure, before, worst, value_of_the_worst):
    scores = {measure.metric: worst, IN_VIEW + measure.metric: worst, IN_VIEW_FAILURE: 1.0}
    assert value(measure, {measure.metric: before}, scores)[0] == value_of_the_worst


def test_agreement_with_a_clean_prediction_that_is_not_in_view_is_none(value):
    scores = {"agreement": 1.0, IN_VIEW + "dsc": 0.0, IN_VIEW_FAILURE: 1.0}
    assert value(Measure("agreement", "value"), {"dsc": 0.9}, scores)[0] == 0.0


@pytest.mark.parametrize("metric", ["dsc", "gross_failure_rate"])
def test_a_structure_that_left_the_view_cannot_be_judged_and_is_never_left_out(measured, metric):
    def rows(point, organ, lesion):
        return [
            measured(case, case, point, structure, scores)
            for case in "ab"
            for structure, scores in (("organ", organ), ("lesion", lesion if case == "b" else organ))
        ]

    cohort = Cohort(rows(CLEAN, {"dsc": 0.9}, {"dsc": 0.9}), Measure(metric, "value"), "below")
    turned = rows(TURNED, {"dsc": 0.9}, {"dsc": 1.0, OUT_OF_VIEW: 1.0})
    assert len(cohort.at(turned, "organ").values) == 2
    for structure in ("lesion", MEAN):
        with pytest.raises(EvidenceError, match=r"case b: nothing of lesion is left .* rotation.* milder range"):
            cohort.at(turned, structure)


def test_a_verdict_says_how_much_was_subtracted_even_where_it_passed(fake):
    def model(values, patient, _):
        dsc = 0.9 + 0.001 * patient
        return {"dsc": dsc} if not values else {"dsc": dsc - 0.03, CEILING + "dsc": 0.98, IN_VIEW + "dsc": dsc}

    requirement = Requirement(
        id="R",
        measure=Measure("dsc", "drop"),
        comparison="below",
        limit=0.02,
        domains=(Domain("rotation", (Range("angle", -10, 10),)),),
    )
    found = verify(requirement, fake(model), decision=DecisionSettings(), budget=PROFILES["smoke"], seed=0)
    assert found.verdict == "passed"
    assert found.estimate == pytest.approx(0.01)
    said = " ".join(found.search["caveats"])
    assert "0.02 of the mean drop at the worst point was subtracted" in said
    assert "20 cases are compared, clean and perturbed, in the part of the image that stays in view alone" in said
