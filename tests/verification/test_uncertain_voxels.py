"""Measures that each case has a number of, and that some cases have none of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement
from pytest_segrobust.verification.case_value import Scoring
from pytest_segrobust.verification.decision import judged, unsaid
from pytest_segrobust.verification.metric import bounds_of, level_of, metric_of, without_information
from pytest_segrobust.verification.patients import MEAN, Cohort
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.statistic_criterion import criterion_of
from pytest_segrobust.verification.verify import verify

NOISE = (Domain("gaussian noise", (Range("sigma", 0.0, 0.1),)),)
NO_WRONG, CONSTANT, NO_RIGHT = "no voxel is wrong", "uncertainty is constant", "no voxel is right"


def claim(metric="error_auroc", comparison="above", limit=0.6, form="value", domains=NOISE, **others):
    return Requirement("R", Measure(metric, form), comparison, limit, domains, **others)


def run(requirement, evaluation, **decision):
    return verify(requirement, evaluation, decision=DecisionSettings(**decision), budget=profile("ci"), seed=0)


def scored(auroc, dsc=0.8):
    return {"dsc": dsc, "uncertainty": 0.3, "error_auroc": auroc}


def auroc_of(values, patient, _):
    return scored(0.85 - values.get("sigma", 0) + 0.02 * np.sin(7 * patient))


def without(where, reason, dsc=1.0, key="error_auroc"):
    """The value is missing where `where(point, patient)` holds, with this reason and DSC."""

    def change(m):
        if not where(m.point, int(m.patient[1:])):
            return m
        scores = {k: v for k, v in m.scores.items() if k != key} | {"dsc": dsc}
        return replace(m, scores=scores, undefined={key: reason})

    return change


def test_the_mean_over_patients_is_judged_and_its_drop_too(fake):
    value = run(claim(limit=0.6), fake(auroc_of))
    drop = run(claim(form="drop", comparison="below", limit=0.2), fake(auroc_of))
    worse = run(claim(form="drop", comparison="below", limit=0.05), fake(auroc_of))

    assert (value.verdict, drop.verdict, worse.verdict) == ("passed", "passed", "failed")
    assert value.measure == "error detection AUROC"
    assert value.estimate == pytest.approx(0.75, abs=0.01)
    assert drop.estimate == pytest.approx(0.1)
    assert worse.breaking_point.severity == pytest.approx(0.5, abs=0.03)


def test_cases_without_a_value_leave_n_at_that_point_and_are_counted(fake):
    gone = without(lambda point, patient: point == "clean" and patient < 3, NO_WRONG)
    found = run(claim(), fake(auroc_of, change=gone))

    assert found.verdict == "passed"
    assert (found.n_patients, found.n_cases) == (20, 20)
    assert [point.n_patients for point in found.curve][:2] == [17, 20]
    assert any(
        w == f"organ: on clean images: 3 of 20 patients and 3 cases have no value ({NO_WRONG})"
        for w in found.search["caveats"]
    )


def test_a_change_needs_a_value_on_the_clean_image_and_the_perturbed_one(fake):
    gone = without(lambda point, patient: (point == "clean") == (patient < 3) and patient < 6, NO_WRONG)
    found = run(claim(form="drop", comparison="below", limit=0.2), fake(auroc_of, change=gone))
    assert (found.verdict, found.n_patients) == ("passed", 14)


PER_CASE = [key for key, measure in MEASURES.items() if measure.level == "voxels"]
LOST = [("crashed: out of memory", {}), ("missed", {}), (None, {"dsc": 0.4})]


@pytest.mark.parametrize("key", PER_CASE)
@pytest.mark.parametrize(("failure", "scores"), LOST)
def test_a_case_that_was_perfect_and_then_failed_counts_as_the_worst_change(measured, key, failure, scores):
    """It has no clean value, as nothing was wrong: without it, only those that never failed would be averaged."""
    clean = replace(measured("a", "a", CLEAN, "organ", {"dsc": 1.0}), undefined={key: NO_WRONG})
    lost = measured("a", "a", Point.of("gaussian noise", sigma=0.1), "organ", failure or scores)
    lost = lost if failure else replace(lost, undefined={key: NO_RIGHT})
    known = MEASURES[key]
    best = metric_of(key).best
    worst = abs(best - known.worst)
    change = Scoring(Measure(key, "drop" if known.better == "higher" else "increase"), "below")

    assert worst >= 1
    assert change.lacks(clean, lost) == ""
    assert change.value(clean, lost).value == worst
    assert change.change(clean, lost) == (worst, 0)
    assert change.unit(clean, lost) == 1
    assert Scoring(change.measure, "above").value(clean, lost).value == -worst
    assert Scoring(change.measure, "within").value(clean, lost).unsigned == worst
    if known.better == "higher":
        assert Scoring(Measure(key, "relative drop"), "below").value(clean, lost).value >= 1


@pytest.mark.parametrize(("key", "form"), [("error_auroc", "drop"), ("gap", "drop"), ("ece", "increase")])
def test_cases_that_were_perfect_and_then_crashed_fail_the_claim(fake, key, form):
    def model(values, patient, _):
        if values and patient < 8:
            return "crashed: out of memory"
        return {"dsc": 0.8, "uncertainty": 0.3, key: 0.5 + 0.001 * patient}

    gone = without(lambda point, patient: point == "clean" and patient < 8, NO_WRONG, key=key)

    def lost(m):
        return replace(m, scores={**m.scores, "uncertainty": 0.0, key: MEASURES[key].worst}) if m.failure else gone(m)

    found = run(claim(key, "below", 0.2, form), fake(model, change=lost))

    assert (found.verdict, found.n_patients) == ("failed", 20)
    assert found.estimate == pytest.approx(8 / 20 * (2 if key == "gap" else 1))
    assert {case.value for case in found.cases if case.failure} == {2.0 if key == "gap" else 1.0}


def test_a_point_with_few_values_is_not_passed_over(fake):
    gone = without(lambda point, patient: point == "clean" and patient >= 3, NO_WRONG)
    found = run(claim(), fake(auroc_of, change=gone))

    assert found.verdict == "not_evaluable"
    assert "organ at clean: 3 of 20 patients have a value, 5 are needed (the others: no voxel is wrong)" in found.reason
    assert found.structures[0]["verdict"] == "not_evaluable"


def test_a_point_at_which_nothing_is_wrong_in_anybody_is_left_out_and_said(fake):
    gone = without(lambda point, _: point == "clean", NO_WRONG)
    found = run(claim(), fake(auroc_of, change=gone))

    assert found.verdict == "passed"
    assert any("at clean nothing can be said: none of 20 patients has a value" in w for w in found.warnings)


def test_a_model_that_is_never_wrong_or_wrong_on_clean_images_alone_is_not_evaluable(fake):
    for where in (lambda *_: True, lambda point, _: point != "clean"):
        found = run(claim(), fake(auroc_of, change=without(where, NO_WRONG)))
        assert found.verdict == "not_evaluable"
        assert NO_WRONG in found.reason


def test_a_map_that_is_constant_everywhere_is_not_evaluable_whatever_the_number_of_patients(fake):
    for n in (4, 20):
        found = run(claim(), fake(auroc_of, n=n, change=without(lambda *_: True, CONSTANT, dsc=0.8)))
        assert found.verdict == "not_evaluable"
        assert f"uncertainty is constant in each of {n} cases with errors" in found.reason
        assert "needed" not in found.reason


def test_a_map_that_is_constant_at_one_point_blocks_a_pass(fake):
    change = without(lambda point, _: point == "gaussian noise(sigma=0.1)", CONSTANT, dsc=0.8)
    found = run(claim(), fake(auroc_of, change=change))
    assert found.verdict == "not_evaluable"
    assert "constant" in found.reason


def test_a_crash_beside_constant_maps_does_not_make_them_say_something(fake):
    def crash(values, patient, structure):
        return "crashed: x" if patient == 0 else auroc_of(values, patient, structure)

    def change(m):
        if m.failure:
            m.scores.update(error_auroc=0.0, uncertainty=0.0)
            return m
        return without(lambda *_: True, CONSTANT, dsc=0.8)(m)

    assert run(claim(), fake(crash, change=change)).verdict == "not_evaluable"


def test_some_constant_maps_know_nothing_and_count_as_that(fake):
    change = without(lambda _, patient: patient < 10, CONSTANT, dsc=0.8)
    found = run(claim(limit=0.72), fake(auroc_of, change=change))

    assert found.verdict == "failed"
    assert found.estimate == pytest.approx((0.5 + 0.75) / 2, abs=0.02)
    assert any("10 cases have errors and no value" in w for w in found.warnings)


def test_errors_without_a_value_count_as_the_worst(fake):
    """A prediction of which nothing is right has no AUROC: leaving it out would make the mean better."""
    change = without(lambda _, patient: patient < 10, NO_RIGHT, dsc=0.0)
    found = run(claim(), fake(auroc_of, change=change))
    assert (found.verdict, found.estimate) == ("failed", pytest.approx(0.75 / 2, abs=0.02))


def test_a_failed_prediction_scores_worst(fake):
    def half(values, patient, structure):
        return "missed" if patient % 2 else auroc_of(values, patient, structure)

    def worst(m):
        if m.failure:
            m.scores.update(error_auroc=0.0, uncertainty=0.1)
        return m

    found = run(claim(), fake(half, change=worst))
    assert (found.verdict, found.n_patients) == ("failed", 20)


def test_what_was_neither_measured_nor_undefined_is_invalid(fake):
    change = without(lambda point, patient: patient == 3 and point != "clean", "")
    found = run(claim(), fake(auroc_of, change=lambda m: replace(change(m), undefined={})))
    assert found.verdict == "invalid"


def test_the_breaking_point_is_of_those_who_have_a_value(fake):
    def falling(values, patient, _):
        return scored(0.9 - 6 * values.get("sigma", 0) + 0.01 * np.sin(7 * patient))

    change = without(lambda point, patient: point == "clean" and patient < 8, NO_WRONG)
    found = run(claim(limit=0.6), fake(falling, change=change))
    assert found.verdict == "failed"
    assert found.breaking_point.severity == pytest.approx(0.5, abs=0.04)
    assert found.breaking_point.interval[0] is not None


def test_a_negative_limit_is_not_mistaken_for_interpolation(fake):
    def gain(values, patient, _):
        return {"dsc": 0.8, "uncertainty": 0.3, "delta_dsc": 0.01 * np.sin(patient)}

    assert run(claim("delta_dsc", "above", -0.05), fake(gain)).verdict == "passed"


@pytest.fixture
def cohort(measured):
    def make(metric="error_auroc", form="value", **first):
        clean = [measured(f"p{i}", f"p{i}", CLEAN, s, scored(0.8)) for i in range(3) for s in ("a", "b")]
        return Cohort([replace(clean[0], **first), *clean[1:]], Measure(metric, form), "above")

    return make


@pytest.fixture
def rows(measured):
    point = Point.of("gaussian noise", sigma=0.1)
    return lambda **first: [
        replace(measured(f"p{i}", f"p{i}", point, s, scored(0.6 if s == "a" else 0.8)), **(first if (i, s) == (0, "a") else {}))
        for i in range(3)
        for s in ("a", "b")
    ]  # fmt: skip


def test_the_mean_of_structures_is_of_those_that_have_a_value(cohort, rows):
    lacking = {"scores": {"dsc": 1.0, "uncertainty": 0.1}, "undefined": {"error_auroc": NO_WRONG}}
    found = cohort().at(rows(**lacking), MEAN)

    assert found.values == pytest.approx([0.8, 0.7, 0.7])
    assert found.without == {}
    assert cohort().at(rows(**lacking), "a").without == {"p0": NO_WRONG}


def test_a_constant_clean_map_has_nothing_left_to_lose(cohort, rows):
    constant = {"scores": {"dsc": 0.8, "uncertainty": 0.1}, "undefined": {"error_auroc": CONSTANT}}
    found = cohort(form="drop", **constant).at(rows(), "a")
    assert found.values[1:] == pytest.approx([0.2, 0.2])
    assert abs(found.values[0]) == 1  # the worst drop there is


def test_a_missing_score_without_a_reason_is_refused(cohort, rows):
    with pytest.raises(EvidenceError, match="error_auroc was not measured"):
        cohort().at(rows(scores={"dsc": 0.5, "uncertainty": 0.1}), "a")


def test_metrics_of_masks_and_of_uncertainty_look_alike():
    assert (metric_of("dsc").better, metric_of("dsc").worst) == ("higher", 0)
    assert (metric_of("error_auroc").better, metric_of("error_auroc").best, metric_of("error_auroc").worst) == (
        "higher",
        1,
        0,
    )
    assert (metric_of("gap").best, metric_of("gap").worst) == (1, -1)
    assert (metric_of("nll").best, metric_of("nll").worst) == (0, 16.2)
    assert without_information("error_auroc") == 0.5
    assert without_information("ause") == 1
    assert [level_of(key) for key in ("dsc", "ece", "aurc", "severity_tau")] == [
        "cases",
        "voxels",
        "patients",
        "severities",
    ]
    assert bounds_of(Measure("spearman")) == (-1, 1)
    assert bounds_of(Measure("n_aurc")) == (-np.inf, 1)
    assert bounds_of(Measure("dsc")) == (0, 1)
    assert bounds_of(Measure("hd95")) == (0, np.inf)
    assert bounds_of(Measure("volume_bias")) == (-1, np.inf)
    assert bounds_of(Measure("volume_error")) == (0, np.inf)


@pytest.mark.parametrize(("dsc", "lacks"), [(1.0, NO_WRONG), (0.99, "")])
def test_only_where_nothing_is_wrong_a_value_may_lack(measured, dsc, lacks):
    m = replace(measured("a", "a", CLEAN, "organ", {"dsc": dsc}), undefined={"error_auroc": NO_WRONG})
    scoring = Scoring(Measure("error_auroc"), "above")
    assert scoring.lacks(m, m) == lacks
    if not lacks:
        assert scoring.score(m) == 0


def test_a_stress_test_does_not_hide_that_its_plausible_part_says_nothing(fake):
    wide = (Domain("gaussian noise", (Range("sigma", 0.0, 1.0),)),)
    constant = without(lambda point, _: point == "gaussian noise(sigma=0.1)", CONSTANT, dsc=0.8)
    requirement = claim(domains=wide, tier="stress", gates=False)
    found = run(requirement, fake(auroc_of, change=constant))

    assert (found.verdict, found.worst["text"], found.gates) == ("failed", "gaussian noise(sigma=1)", True)
    assert "within the plausible range: organ at gaussian noise(sigma=0.1): uncertainty is constant" in found.reason
    assert run(requirement, fake(auroc_of)).gates is False


def test_what_says_nothing_is_never_judged(cohort, rows):
    constant = {"scores": {"dsc": 0.8, "uncertainty": 0.1}, "undefined": {"error_auroc": CONSTANT}}
    values = cohort().at([replace(m, **constant) for m in rows()], "a")
    criterion = criterion_of(claim(limit=0.4), seed=0)

    assert values.constant
    with pytest.raises(EvidenceError, match="constant in each of 3 cases"):
        judged(criterion, values, "a point", "a", 2)
    nothing = unsaid(criterion, values, "a point", "a", 2)
    assert (nothing.blocks, nothing.reason) == (True, values.constant)
