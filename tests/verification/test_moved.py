"""What a drop under movement compares, and what it leaves to interpolation."""

from __future__ import annotations

import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.estimate import Estimate
from pytest_segrobust.metrics.catalogue import CEILING, IN_VIEW, IN_VIEW_FAILURE, OUT_OF_VIEW
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement
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
        explained, partly = cohort.moving(turned, "organ")
        return found.values[0], (explained.mean(), partly), found.cases[0]

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
    relative, (explained, _), _ = value(Measure("dsc", "relative drop"), {"dsc": 0.9}, scores)
    assert relative == pytest.approx(expected / 0.9)
    assert explained == pytest.approx((0.9 - after - expected) / 0.9)


def test_an_increase_likewise_and_what_is_asked_absolutely_not_at_all(value):
    scores = {"hd95": 5.0, "dsc": 0.7, CEILING + "hd95": 1.0, CEILING + "dsc": 0.9}
    assert value(Measure("hd95", "increase"), {"hd95": 2.0}, scores)[0] == pytest.approx(2.0)
    assert value(Measure("dsc", "value"), {"dsc": 0.9}, scores)[0] == 0.7
    signed = {"volume_bias": 0.3, CEILING + "volume_bias": 0.1}
    assert value(Measure("volume_bias", "increase"), {"volume_bias": 0.0}, signed)[0] == pytest.approx(0.3)


def test_a_failure_is_explained_by_nothing(value):
    scores = {"dsc": 0.0, CEILING + "dsc": 0.9}
    assert value(Measure("dsc", "drop"), {"dsc": 0.9}, scores, failure="missed")[0] == pytest.approx(0.9)


def test_a_prediction_of_which_nothing_is_right_is_explained_by_nothing(value):
    """Something was found, so it is no failure; but it lies elsewhere, and a low ceiling would excuse it."""
    scores = {"dsc": 0.0, CEILING + "dsc": 0.3}
    assert value(Measure("dsc", "drop"), {"dsc": 0.9}, scores)[0] == pytest.approx(0.9)


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


@pytest.fixture
def turning(fake):
    """turning(model, limit): what is said of a drop under rotation."""

    def run(model, limit, **others):
        requirement = Requirement(
            id="R",
            measure=Measure("dsc", "drop"),
            comparison="below",
            limit=limit,
            domains=(Domain("rotation", (Range("angle", -10, 10),)),),
            **others,
        )
        return verify(requirement, fake(model, n=60), decision=DecisionSettings(), budget=PROFILES["smoke"], seed=0)

    return run


@pytest.mark.parametrize(("lost", "verdict"), [(0.04, "passed"), (0.3, "not_evaluable")])
@pytest.mark.parametrize("others", [{}, {"patients": 0.9}])
def test_nothing_passes_by_a_subtraction_that_is_larger_than_the_limit(turning, lost, verdict, others):
    """A model that loses 0.3 of DSC does not meet 0.05 because small structures have a low ceiling."""

    def model(values, patient, _):
        dsc = 0.9 + 0.001 * patient
        return {"dsc": dsc} if not values else {"dsc": dsc - lost, CEILING + "dsc": 0.6}

    found = turning(model, 0.05, **others)
    assert found.verdict == verdict
    if verdict != "passed":
        assert "0.3 on average was subtracted for interpolation, more than the limit" in found.reason


def test_the_largest_subtraction_is_said_even_where_it_leaves_the_smaller_drop(turning):
    def model(values, patient, _):
        dsc = 0.9 + 0.001 * patient
        if not values:
            return {"dsc": dsc}
        severe = abs(values["angle"]) == 10
        return {"dsc": dsc - (0.08 if severe else 0.02), CEILING + "dsc": 0.9 if severe else 1.0}

    found = turning(model, 0.1)
    assert found.verdict == "passed"
    assert "angle=10" not in found.worst["text"]
    assert "0.08 of the mean drop of organ was subtracted at rotation(angle=" in " ".join(found.search["caveats"])


@pytest.mark.parametrize(("lost", "holds"), [(0.04, True), (0.3, False)])
def test_an_estimate_holds_by_no_subtraction_that_is_larger_than_the_limit_either(measured, lost, holds):
    def rows(point, dsc, **scores):
        return tuple(measured(f"c{i}", f"p{i}", point, "organ", {"dsc": dsc + 0.001 * i, **scores}) for i in range(60))

    drop = Estimate(
        measure=Measure("dsc", "drop"),
        point=TURNED,
        structure=None,
        clean=rows(CLEAN, 0.9),
        perturbed=rows(TURNED, 0.9 - lost, **{CEILING + "dsc": 0.6}),
        decision=DecisionSettings(),
        confidence=0.95,
        seed=0,
    )
    assert (drop < 0.05) is holds
    assert ("more was subtracted" in drop.explain_comparison("<", 0.05)[1]) is not holds
