import json
import math
from dataclasses import replace

import numpy as np
import pytest

from pytest_segrobust.errors import DataError, PerturbationError
from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Options, Range
from pytest_segrobust.verification.profiles import PROFILES, profile
from pytest_segrobust.verification.verify import verify

CI = profile("ci")


def run(requirement, evaluation, *, budget=CI, seed=0, **others):
    decision = DecisionSettings(**others.pop("decision", {}))
    return verify(requirement, evaluation, decision=decision, budget=budget, seed=seed, **others)


def steady(values, patient):
    """A drop of 0.1 at sigma 0.1, in proportion, the patients within a tenth of each other."""
    return values.get("sigma", 0) * (1 + 0.1 * math.sin(3 * patient))


def test_a_clear_requirement_passes_or_fails_and_one_at_the_limit_is_inconclusive(fake, dropping, noise):
    verdicts = {limit: run(noise(limit), fake(dropping(steady))).verdict for limit in (0.05, 0.1005, 0.2)}
    assert verdicts == {0.05: "failed", 0.1005: "inconclusive", 0.2: "passed"}


def test_the_result_holds_everything_that_a_report_says(fake, dropping, noise):
    found = run(
        noise(0.05, statement="a sentence", rationale="because", risks=("H-3",), tags=("mri",)), fake(dropping(steady))
    )

    assert (found.id, found.statement, found.rationale, found.risks, found.tags) == (
        "R",
        "a sentence",
        "because",
        ["H-3"],
        ["mri"],
    )
    assert (found.measure, found.comparison, found.limit, found.unit, found.confidence) == (
        "DSC drop",
        "below",
        0.05,
        "",
        0.95,
    )
    assert found.two_sided[0] < found.interval[0] < found.estimate < found.interval[1] < found.two_sided[1]
    assert (found.n_patients, found.n_cases) == (20, 20)
    assert found.worst == {
        "parameters": Point.of("gaussian noise", sigma=0.1).to_json(),
        "text": "gaussian noise(sigma=0.1)",
        "structure": "organ",
    }
    assert found.breaking_point.severity == pytest.approx(0.5, abs=0.02)
    assert found.breaking_point.interval[0] < 0.5 < found.breaking_point.interval[1]
    assert found.gross_failures.count == 0
    assert [case.case for case in found.cases] == [f"p{i:02d}-0" for i in range(20)]
    assert found.curve[0].severity == 0
    assert found.curve[-1].severity == 1
    assert found.curve[-1].strength == {"changed": 1.0}
    assert found.structures[0]["verdict"] == "failed"
    assert found.search["points_tried"] == len(found.search["trials"]) == CI.points
    assert found.search["screening_patients"] == 6
    assert found.search["failing_points"][0] == Point.of("gaussian noise", sigma=0.1).to_json()
    assert found.search["units"] == {"sigma": ""}
    assert "DSC drop of organ = 0.1" in found.reason
    assert "(20 patients, one-sided 95 %) is not below 0.05 at gaussian noise(sigma=0.1)" in found.reason
    assert "bootstrap over patients" in found.method


def test_the_result_survives_strict_json(fake, dropping, noise):
    snr = noise(0.05, domains=(Domain("gaussian noise", (Range("snr", 10.0, math.inf),)),))
    found = run(snr, fake(dropping(lambda v, p: 10 ** (-v["snr"] / 20) * 0.3)))

    text = json.dumps(found.to_json(), allow_nan=False)
    assert RequirementResult.from_json(json.loads(text)) == found


@pytest.mark.parametrize("name", PROFILES)
def test_the_same_inputs_give_byte_equal_results_under_every_profile(fake, dropping, noise, name):
    def plain():
        found = run(noise(0.0999), fake(dropping(steady)), budget=profile(name), seed=7)
        return json.dumps(found.to_json())

    assert plain() == plain()


def test_the_corners_the_screened_worst_and_the_curve_are_measured_on_all_patients(fake, dropping, noise):
    domains = (Domain("gaussian noise", (Range("sigma", 0, 0.1),)), Domain("gamma", (Range("gamma", 0.7, 1.5),)))

    def bump(values, _):
        return 0.02 * math.exp(
            -((values.get("sigma", 0) - 0.06) ** 2) / 1e-4 - (values.get("gamma", 1) - 1.2) ** 2 / 0.02
        )

    evaluation = fake(dropping(bump))
    found = run(noise(0.2, domains=domains), evaluation)
    everyone = {point for point, screening in evaluation.asked if not screening}
    screened = max(found.search["trials"], key=lambda trial: trial["excess"])["point"]

    assert found.verdict == "passed"
    assert {"clean", screened} <= everyone
    for corner in ("gamma(gamma=0.7)", "gamma(gamma=1.5)", "gaussian noise(sigma=0.1) | gamma(gamma=0.7)",
                   "gaussian noise(sigma=0.1) | gamma(gamma=1.5)"):  # fmt: skip
        assert corner in everyone
    assert {point.point for point in found.curve} <= everyone
    assert found.search["decided_points"] >= 4 + CI.worst + CI.curve_points - 2


def test_a_point_that_turns_out_worse_on_all_patients_decides(fake, dropping, noise):
    """The screening patients are well everywhere; the others fail in the middle of the range, on the curve alone."""

    def hidden(values, patient):
        return 0.5 * (patient >= 6) * math.exp(-((values.get("sigma", 0) - 0.06) ** 2) / 1e-5)

    found = run(noise(0.05), fake(dropping(hidden)))
    assert found.verdict == "failed"
    assert found.worst["text"] == "gaussian noise(sigma=0.06)"


def test_every_trial_decides_where_screening_took_all_patients(fake, dropping, noise):
    evaluation = fake(dropping(steady), n=8, screening=8)
    found = run(noise(0.5), evaluation)
    assert found.search["decided_points"] >= found.search["points_tried"]


def test_each_structure_has_its_own_worst_point_and_the_worst_structure_decides(fake, noise):
    def model(values, patient, structure):
        gamma = values.get("gamma", 1.0)
        lost = max(0, gamma - 1) * 0.05 if structure == "left" else max(0, 1 - gamma) * 0.8
        return {"dsc": 0.9 - lost - 0.001 * patient * (gamma != 1)}

    gamma = (Domain("gamma", (Range("gamma", 0.7, 1.5),)),)
    found = run(noise(0.1, domains=gamma), fake(model, structures=("left", "right")))

    assert found.verdict == "failed"
    assert found.worst["structure"] == "right"
    by_name = {row["structure"]: row for row in found.structures}
    assert by_name["left"]["verdict"] == "passed"
    assert by_name["left"]["worst"]["text"] == "gamma(gamma=1.5)"
    assert by_name["right"]["worst"]["text"] == "gamma(gamma=0.7)"
    assert {point.structure for point in found.curve} == {"left", "right"}


def test_a_named_structure_alone_is_judged(fake, noise):
    evaluation = fake(
        lambda v, p, s: {"dsc": 0.9 - 0.5 * bool(v) * (s == "right") - 0.001 * p * bool(v)},
        structures=("left", "right"),
    )

    assert run(noise(0.1, structure="left"), evaluation).verdict == "passed"
    assert run(noise(0.1), evaluation).verdict == "failed"
    unknown = run(noise(0.1, structure="middle"), evaluation)
    assert unknown.verdict == "not_evaluable"
    assert "no structure 'middle'" in unknown.reason


def test_an_average_is_one_claim_about_all_structures(fake, noise):
    evaluation = fake(
        lambda v, p, s: {"dsc": 0.9 - 0.18 * bool(v) * (s == "right") - 0.0001 * p * bool(v)},
        structures=("left", "right"),
    )
    found = run(noise(0.1, average=True), evaluation)

    assert (found.verdict, found.measure) == ("passed", "mean DSC drop")
    assert found.estimate == pytest.approx(0.09, abs=0.002)


def test_a_claim_on_clean_images_searches_nothing(fake, dropping, noise):
    evaluation = fake(dropping(steady))
    found = run(noise(0.85, domains=(), measure=Measure("dsc"), comparison="at least"), evaluation)

    assert found.verdict == "passed"
    assert evaluation.asked == [("clean", False)]
    assert found.worst["text"] == "clean"
    assert found.reason.endswith("is at least 0.85 on clean images")
    assert found.breaking_point is None
    assert found.curve == []


def test_a_pass_says_how_far_it_held(fake, dropping, noise):
    found = run(noise(0.5), fake(dropping(steady)))

    assert found.breaking_point.severity is None
    assert found.breaking_point.words == "the estimate held to gaussian noise(sigma=0.1), the largest stated"


def test_a_claim_about_one_value_is_decided_there_alone_and_shows_the_way_to_it(fake, dropping, noise):
    """Between clean and 0.1 this model is worse than allowed, but the claim is about 0.1."""
    found = run(
        noise(0.05, sigma=(0.1, 0.1)), fake(dropping(lambda v, p: 0.3 if 0 < v["sigma"] < 0.1 else 0.01 + 1e-4 * p))
    )

    assert found.verdict == "passed"
    assert found.worst["text"] == "gaussian noise(sigma=0.1)"
    assert max(point.estimate for point in found.curve) > 0.25
    assert found.search["points_tried"] == 1


def test_words_alone_have_no_breaking_point_and_all_of_them_decide(fake, dropping, noise):
    flips = (Domain("flip", (Options("axis", ("first", "second", "left-right")),)),)
    found = run(noise(0.05, domains=flips), fake(dropping(lambda v, p: 0.3 * (v["axis"] == "second") + 0.001 * p)))

    assert (found.verdict, found.worst["text"]) == ("failed", "flip(axis=second)")
    assert found.breaking_point is None
    assert found.search["decided_points"] == 3


def test_a_share_of_patients_is_reported_as_a_share(fake, dropping, noise):
    one_bad = fake(dropping(lambda v, p: 0.2 if p == 40 else 0.01), n=59)
    found = run(noise(0.05, patients=0.9), one_bad)

    assert found.verdict == "passed"
    assert (found.estimate, found.limit, found.comparison) == (58 / 59, 0.9, "at least")
    assert found.measure == "share of patients with DSC drop below 0.05"
    assert run(noise(0.05, patients=0.95), one_bad).verdict == "inconclusive"


def test_a_gross_failure_rate_is_searched_decided_and_bounded_exactly(fake, noise):
    rate = noise(0.1, measure=Measure("gross_failure_rate"))
    sound = fake(lambda v, p, s: {"dsc": 0.9 - v.get("sigma", 0)}, n=40)
    frail = fake(
        lambda v, p, s: "missed" if v.get("sigma", 0) > 0.08 and p % 2 else {"dsc": 0.9 - v.get("sigma", 0)}, n=40
    )

    assert run(rate, sound).verdict == "passed"
    found = run(rate, frail)
    assert (found.verdict, found.estimate, found.gross_failures.count) == ("failed", 0.5, 20)
    assert found.breaking_point.severity == pytest.approx(0.8, abs=0.02)


def test_too_few_patients_are_not_evaluable(fake, dropping, noise):
    found = run(noise(0.5), fake(dropping(steady), n=4, screening=3))

    assert found.verdict == "not_evaluable"
    assert "4 patients can be judged for organ, 5 are needed" in found.reason


def test_a_structure_that_no_reference_has_is_not_evaluable_even_if_the_other_passes(fake, dropping, noise):
    def empty(m):
        return replace(m, reference_voxels=0) if m.structure == "tumour" else m

    evaluation = fake(dropping(steady), structures=("organ", "tumour"), change=empty)
    found = run(noise(0.5), evaluation)
    assert found.verdict == "not_evaluable"
    assert "0 patients can be judged for tumour" in found.reason
    assert any("tumour: 20 cases are not in its n (empty reference)" in warning for warning in found.warnings)
    assert run(noise(0.05), evaluation).verdict == "failed"  # the other fails for certain


def test_cases_without_a_label_are_not_evaluable_but_for_agreement(fake, noise):
    evaluation = fake(
        lambda v, p, s: {"dsc": 0.9, "agreement": 0.98 - 0.001 * p if v else 1.0},
        change=lambda m: replace(m, reference_voxels=None, predicted_voxels=90),
    )
    agreement = noise(0.9, measure=Measure("agreement"), comparison="at least")
    assert run(agreement, evaluation).verdict == "passed"
    found = run(noise(0.05), evaluation, first_points=[Point.of("gaussian noise", sigma=0.05)])
    assert (found.verdict, any("no label" in warning for warning in found.warnings)) == ("not_evaluable", True)


@pytest.mark.parametrize("error", [PerturbationError, DataError, OSError, MemoryError])
def test_a_fault_of_data_perturbation_or_machine_is_invalid(fake, noise, error):
    def model(values, patient, _):
        if values and patient == 11:
            raise error("case p11:\nsomething is wrong")
        return {"dsc": 0.9}

    found = run(noise(0.5), fake(model))
    assert found.verdict == "invalid"
    assert found.reason == "no result: case p11: something is wrong"
    assert found.estimate is None


@pytest.mark.parametrize("lost", ["p11-0", "p03-0"])
def test_a_measurement_that_is_missing_is_invalid_never_a_smaller_n(fake, dropping, noise, lost):
    evaluation = fake(dropping(steady), change=lambda m: None if m.case == lost and m.point != "clean" else m)
    assert run(noise(0.5), evaluation).verdict == "invalid"


def test_noise_is_drawn_as_often_as_asked_and_only_where_there_is_chance(fake, dropping, noise):
    draws = set()

    def note(m):
        draws.add((m.point == str(CLEAN), m.realisation))
        return m

    random = run(noise(0.5), fake(dropping(steady), change=note), decision={"realisations": 3})
    assert draws == {(True, 0), (False, 0), (False, 1), (False, 2)}
    assert random.search["realisations"] == 3
    blur = noise(0.5, domains=(Domain("gamma", (Range("gamma", 0.7, 1.5),)),))
    assert run(blur, fake(dropping(steady)), decision={"realisations": 3}).search["realisations"] == 1


def test_last_runs_failing_points_are_tried_first(fake, dropping, noise):
    failed = Point.of("gaussian noise", sigma=0.0321)
    found = run(noise(0.05), fake(dropping(steady)), first_points=[failed])
    assert found.search["trials"][0]["point"] == str(failed)


def test_what_failed_last_time_is_decided_on_all_patients_even_if_screening_finds_it_harmless(fake, dropping, noise):
    def rare(values, patient):
        return 0.5 * (patient >= 6) * (values.get("sigma") == 0.0321)

    failed = Point.of("gaussian noise", sigma=0.0321)
    assert run(noise(0.05), fake(dropping(rare))).verdict == "passed"
    assert run(noise(0.05), fake(dropping(rare)), first_points=[failed]).verdict == "failed"


def test_a_second_run_that_begins_with_the_failures_of_the_first_gives_the_same_numbers(fake, dropping, noise):
    first = run(noise(0.05), fake(dropping(steady)))
    again = run(
        noise(0.05), fake(dropping(steady)), first_points=[Point.from_json(p) for p in first.search["failing_points"]]
    )

    assert again.estimate == first.estimate
    assert again.interval == first.interval
    assert again.curve == first.curve
    assert again.breaking_point == first.breaking_point
    assert again.reason == first.reason


def test_a_structure_that_no_screening_patient_has_is_searched_on_all_patients(fake, noise):
    def model(values, patient, structure):
        near = math.exp(-((values.get("sigma", 0) - 0.033) ** 2) / 1e-5) if structure == "tumour" else 0
        return {"dsc": 0.9 - 0.5 * near - 0.001 * patient}

    rare = fake(
        model,
        structures=("organ", "tumour"),
        change=lambda m: replace(m, reference_voxels=0) if m.structure == "tumour" and m.patient < "p10" else m,
    )
    found = run(noise(0.1), rare)
    assert (found.verdict, found.worst["structure"], found.search["screening_patients"]) == ("failed", "tumour", 20)


def test_progress_is_told_by_stage_and_ends_full(fake, dropping, noise):
    told = []
    run(noise(0.05), fake(dropping(steady)), progress=lambda *step: told.append(step))

    assert {stage for stage, _, _ in told} == {"searching", "deciding", "degradation curve", "breaking point"}
    for stage in ("searching", "deciding", "degradation curve", "breaking point"):
        done, total = [step[1:] for step in told if step[0] == stage][-1]
        assert done == total


def test_what_is_measured_on_all_patients_is_asked_in_few_calls(fake, dropping, noise):
    evaluation = fake(dropping(steady))
    run(noise(0.5), evaluation)
    assert sum(1 for _, screening in evaluation.asked if screening) == CI.points + 1
    assert evaluation.calls <= CI.points + 6


def test_an_inconclusive_result_says_how_many_patients_would_settle_it(fake, dropping, noise):
    found = run(noise(0.103), fake(dropping(lambda v, p: v.get("sigma", 0) * (1 + math.sin(3 * p)))))

    assert found.verdict == "inconclusive"
    assert "patients would settle it if these are typical" in found.reason
    assert "amended requirement" in found.reason


def test_capped_corners_are_admitted(fake, dropping, noise):
    many = tuple(Domain("gaussian noise", (Range("sigma", 0, 0.02),)) for _ in range(5))
    found = run(noise(0.5, domains=many), fake(dropping(steady)))
    assert found.search["caveats"] == ["8 of the domain's 32 corners were measured on all patients"]
    assert set(found.search["caveats"]) < set(found.warnings)  # what is said of any 20 patients is no caveat


def test_no_bound_is_shown_that_the_metric_cannot_be(fake, noise):
    def model(values, patient, _):
        lost = 0.3 * (patient == 3) if values else 0.0
        return {"dsc": 1 - lost, "agreement": 1 - lost, "hd95": 100 * lost}

    agreement = run(noise(0.8, measure=Measure("agreement"), comparison="at least"), fake(model, n=6))
    assert agreement.interval[0] < 0.9
    assert agreement.interval[1] == agreement.two_sided[1] == 1
    assert agreement.structures[0]["interval"][1] == 1
    assert max(point.interval[1] for point in agreement.curve) == 1
    assert ", 1] (6 patients" in agreement.reason
    distance = run(noise(60.0, measure=Measure("hd95"), comparison="below"), fake(model, n=6))
    assert distance.interval[0] == 0
    drop = run(noise(0.8), fake(model, n=6))
    assert drop.interval[0] < 0  # a drop may be a gain


def test_a_pass_shows_a_perturbed_point_and_its_small_sample_warning_not_the_drop_of_clean_images(fake, noise):
    def better(values, patient, _):
        return {"dsc": 0.8 + 0.1 * values.get("sigma", 0) * (1 + 0.1 * math.sin(patient))}

    found = run(noise(0.05), fake(better))
    assert found.verdict == "passed"
    assert found.worst["text"].startswith("gaussian noise(")
    assert found.structures[0]["worst"] == {k: v for k, v in found.worst.items() if k != "structure"}
    assert found.estimate < 0
    assert any("20 patients: below 100" in warning for warning in found.warnings)


AXES = ("rows", "columns", "slices", "left-right", "anterior-posterior", "superior-inferior")


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("axis", AXES)
def test_each_word_is_measured_on_all_patients_under_every_profile(fake, noise, name, axis):
    """The screening patients bear every word; the others are lost under one of them."""

    def sparing(values, patient, _):
        return {"dsc": 0.9 - 0.5 * (values.get("axis") == axis and patient >= 16) - 0.001 * patient}

    flip = (Domain("flip", (Options("axis", AXES),)),)
    evaluation = fake(sparing, n=40, screening=profile(name).screening_patients)
    found = run(noise(0.1, domains=flip), evaluation, budget=profile(name))
    assert (found.verdict, found.worst["text"]) == ("failed", f"flip(axis={axis})")


def test_more_combinations_of_words_than_are_measured_never_pass(fake, noise):
    flips = tuple(Domain("flip", (Options("axis", AXES),)) for _ in range(3))
    found = run(noise(0.5, domains=flips), fake(lambda v, p, s: {"dsc": 0.9 - 0.001 * p * bool(v)}))

    assert found.verdict == "inconclusive"
    assert "only 64 of 216 combinations of words were measured" in found.reason


def with_diagonal(short):
    """HD95 of a failed case is the diagonal: 80 mm, and `short` mm for the first half of the patients."""

    def change(m):
        diagonal = short if m.patient < "p10" else 80.0
        scores = {**m.scores, "diagonal_mm": diagonal}
        return replace(m, scores={**scores, "hd95": diagonal} if m.failure else scores)

    return change


@pytest.mark.parametrize("form", ["value", "increase"])
@pytest.mark.parametrize(
    "claim",
    [
        (100.0, None, "not_evaluable"),
        (65.0, None, "not_evaluable"),
        (50.0, None, "failed"),
        (45.0, 0.4, "not_evaluable"),
        (45.0, 0.9, "failed"),
    ],
)
def test_a_distance_limit_that_nothing_could_exceed_is_not_evaluable(fake, noise, form, claim):
    """All cases lost would be 60 mm on average, and below 45 mm for the half of the patients with small images."""
    limit, patients, verdict = claim
    requirement = noise(limit, measure=Measure("hd95", form), patients=patients)
    model = fake(lambda v, p, s: "missed" if v else {"dsc": 0.9, "hd95": 1 + 0.01 * p}, change=with_diagonal(40.0))
    found = run(requirement, model)

    assert found.verdict == verdict
    assert ("diagonal (here 80 mm at most)" in found.reason) == (verdict == "not_evaluable")


def test_a_two_dimensional_hd95_claim_is_in_mm(fake, dropping, noise):
    found = run(noise(1.5, measure=Measure("hd95", "increase")), fake(dropping(steady)))

    assert (found.unit, found.verdict) == ("mm", "passed")
    assert found.estimate == pytest.approx(1.0, rel=0.02)
    assert " mm (20 patients" in found.reason
    assert np.isfinite(found.interval).all()


def test_a_gross_failure_rate_without_labels_is_not_evaluable(fake, noise):
    evaluation = fake(lambda v, p, s: {"dsc": 0.9}, n=60, change=lambda m: replace(m, reference_voxels=None))
    found = run(noise(0.05, measure=Measure("gross_failure_rate")), evaluation)

    assert found.verdict == "not_evaluable"
    assert "0 patients can be judged" in found.reason
    assert any("60 cases are not in its n (no label)" in warning for warning in found.warnings)


def test_what_no_gross_failure_rules_out_is_said_of_labelled_patients_alone(fake, dropping, noise):
    def half(m):
        return replace(m, reference_voxels=None) if m.patient < "p10" else m

    found = run(noise(0.5), fake(dropping(steady), change=half))
    assert found.gross_failures.n_patients == 10
    assert any("no gross failure in 10 patients rules out only rates above 25.9 %" in w for w in found.warnings)
    assert any("10 patients without a label" in warning for warning in found.warnings)


def test_noise_on_a_structure_counts_only_the_patients_who_have_it(fake, noise):
    """Unperturbed cases lose nothing: counted as 0, they would bring the mean of the perturbed ones below the limit."""

    def model(values, patient, structure):
        return {"dsc": 0.9 - (0.08 if values and patient >= 10 else 0.0) - 0.0001 * patient * bool(values)}

    def lacking(m):
        return replace(m, reference_voxels=0) if m.structure == "lesion" and m.patient < "p10" else m

    evaluation = fake(model, structures=("organ", "lesion"), screening=12, change=lacking)
    on_lesion = (Domain("gaussian noise", (Range("sigma", 0.1, 0.1),), on="lesion"),)
    found = run(noise(0.06, structure="organ", domains=on_lesion), evaluation)
    assert (found.verdict, found.n_patients) == ("failed", 10)
    assert any("organ: 10 cases are not in its n (nothing to perturb)" in warning for warning in found.warnings)
