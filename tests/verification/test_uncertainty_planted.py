"""Models whose uncertainty is known: what must pass passes, what must fail fails, what says nothing is not evaluable."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.verify import verify

NOISE = (Domain("gaussian noise", (Range("sigma", 0.0, 0.1),)),)
FORTH = {"spearman": 0.4, "pearson": 0.4, "kendall": 0.3, "n_aurc": 0.4, "failure_auroc": 0.7, "failure_recall": 0.6}


def requirement(metric="spearman", comparison="above", limit=0.4, domains=NOISE, **others):
    needs = {"failure_auroc": {"dsc_below": 0.75}, "failure_recall": {"dsc_below": 0.6, "referral": 0.65},
             "silent_failure_rate": {"dsc_below": 0.7}, "early_warning": {"fall": 0.1}}  # fmt: skip
    given = {key: others.pop(key) for key in ("form",) if key in others}
    measure = Measure(metric, **{**needs.get(metric, {}), **given})
    return Requirement("R", measure, comparison, limit, domains, **others)


def run(claim, evaluation, name="ci", seed=0, **decision):
    return verify(claim, evaluation, decision=DecisionSettings(**decision), budget=profile(name), seed=seed)


def errors(values, patient, spread=0.3):
    """Patients differ, all get worse with sigma."""
    own = (patient * 0.618) % 1  # an even spread of patients
    return 0.1 + spread * own + 2.5 * values.get("sigma", 0) * (0.3 + own)


def model(uncertainty, error=errors, **scores):
    def of(values, patient, _):
        e = error(values, patient)
        return {"dsc": 1 - e, "uncertainty": uncertainty(e, values, patient), **scores}

    return of


def oracle(e, *_):
    return e


def noisy(e, values, patient):
    return e + 0.09 * math.sin(12.9898 * patient + 78.233 * values.get("sigma", 0) * 100)


@pytest.mark.parametrize("metric", FORTH)
def test_uncertainty_that_is_the_error_passes(fake, metric):
    found = run(requirement(metric, limit=FORTH[metric]), fake(model(oracle), n=30))

    assert (found.verdict, found.estimate) == ("passed", pytest.approx(1, abs=0.05))
    assert found.interval[0] > FORTH[metric]
    assert found.two_sided[0] <= found.interval[0]
    assert (found.n_patients, found.n_cases) == (30, 30)
    assert "30 patients" in found.reason


@pytest.mark.parametrize("metric", FORTH)
def test_uncertainty_against_the_error_fails(fake, metric):
    found = run(requirement(metric, limit=FORTH[metric]), fake(model(lambda e, *_: 1 - e), n=30))
    assert found.verdict == "failed"


@pytest.mark.parametrize(
    "metric", [*FORTH, "aurc", "severity_tau", "spearman_across", "spearman_within", "early_warning"]
)
def test_a_constant_uncertainty_is_not_evaluable_and_says_so(fake, metric):
    comparison = "below" if metric == "aurc" else "above"
    found = run(requirement(metric, comparison, 0.5), fake(model(lambda *_: 0.3), n=30))

    assert found.verdict == "not_evaluable"
    assert "uncertainty is the same" in found.reason
    assert "needed" not in found.reason


def test_areas_are_judged_downwards(fake):
    good = run(requirement("e_aurc", "below", 0.05), fake(model(oracle), n=30))
    bad = run(requirement("e_aurc", "below", 0.05), fake(model(lambda e, *_: 1 - e), n=30))
    assert (good.verdict, bad.verdict) == ("passed", "failed")


def test_few_patients_are_inconclusive_and_fewer_not_evaluable(fake):
    few = run(requirement(limit=0.6), fake(model(noisy), n=10))
    fewer = run(requirement(), fake(model(noisy), n=4))

    assert few.verdict == "inconclusive"
    assert "patients would settle it" in few.reason
    assert fewer.verdict == "not_evaluable"
    assert "4 patients can be judged for organ, 5 are needed" in fewer.reason


def test_a_correlation_that_holds_on_clean_images_and_not_at_the_worst_severity_fails_there(fake):
    def fading(e, values, patient):
        share = values.get("sigma", 0) / 0.1
        return (1 - share) * e + share * (1 - e)

    found = run(requirement(), fake(model(fading), n=30))

    assert found.verdict == "failed"
    assert found.worst["text"] == "gaussian noise(sigma=0.1)"
    assert found.curve[0].estimate == pytest.approx(1)
    assert found.curve[-1].estimate == pytest.approx(-1)
    assert 0.4 < found.breaking_point.severity < 0.6
    assert found.breaking_point.interval == (None, None)
    assert found.breaking_point.words.startswith("fails from gaussian noise")


def test_every_point_is_measured_on_all_patients_and_nothing_is_screened(fake):
    domains = (*NOISE, Domain("gamma", (Range("gamma", 0.7, 1.5),)))
    evaluation = fake(model(oracle), n=30)
    found = run(requirement(domains=domains), evaluation)
    asked = {point for point, _ in evaluation.asked}

    assert not any(screening for _, screening in evaluation.asked)
    assert {
        "clean",
        "gaussian noise(sigma=0.1) | gamma(gamma=0.7)",
        "gaussian noise(sigma=0.1) | gamma(gamma=1.5)",
    } <= asked
    assert found.search["decided_points"] >= 4 + profile("ci").points // 6
    assert (found.search["points_tried"], found.search["screening_patients"]) == (0, 0)


def test_an_interior_point_decides(fake):
    """Between all corners uncertainty turns round."""
    domains = (*NOISE, Domain("gamma", (Range("gamma", 0.5, 2.0),)))

    def turning(e, values, patient):
        inside = 0.005 < values.get("sigma", 0) < 0.095 and "gamma" in values
        return 1 - e if inside else e

    assert run(requirement(domains=domains), fake(model(turning), n=30)).verdict == "failed"


def test_a_crash_without_a_warning_counts_against_the_model(fake):
    def crashing(count):
        def of(values, patient, structure):
            if values and patient < count:
                return "crashed: out of memory"
            return model(oracle)(values, patient, structure)

        return of

    def silent(m):
        if m.failure:
            m.scores["uncertainty"] = 0.0
        return m

    whole, broken = (run(requirement(limit=0.7), fake(crashing(k), n=30, change=silent)) for k in (0, 9))
    assert (whole.verdict, broken.verdict) == ("passed", "failed")
    assert broken.gross_failures.count == 9
    assert [case["failure"] for case in broken.uncertainty["scatter"]["cases"] if case["error"] == 1] == [
        "crashed: out of memory"
    ] * 9


def test_noise_draws_are_averaged_and_structures_decided_each_or_as_their_mean(fake):
    def two(values, patient, structure):
        e = errors(values, patient)
        return {"dsc": 1 - e, "uncertainty": e if structure == "left" else 1 - e}

    each = run(requirement(), fake(two, n=30, structures=("left", "right")), name="evidence")
    one = run(requirement(structure="left"), fake(two, n=30, structures=("left", "right")))
    mean = run(requirement(average=True), fake(two, n=30, structures=("left", "right")))

    assert (each.verdict, each.worst["structure"]) == ("failed", "right")
    assert [s["verdict"] for s in each.structures] == ["passed", "failed"]
    assert each.search["realisations"] == 3
    assert one.verdict == "passed"
    assert mean.verdict == "not_evaluable"  # e and 1 - e: their mean is the same for all
    assert "mean of structures at " in mean.reason


def test_cases_of_a_patient_are_averaged(fake):
    found = run(requirement(), fake(model(oracle), n=30, cases_per_patient=2))
    assert (found.n_patients, found.n_cases, found.verdict) == (30, 60, "passed")


def test_a_point_at_which_nothing_is_wrong_is_left_out_and_said(fake):
    def perfect_when_clean(values, patient):
        return 10 * values.get("sigma", 0) * (0.1 + (patient * 0.618) % 1) / 2

    found = run(requirement(), fake(model(oracle, perfect_when_clean), n=30))
    assert found.verdict == "passed"
    assert any("at clean nothing can be said: nothing is wrong in any of 30 patients" in w for w in found.warnings)
    assert found.search["caveats"][0] in found.warnings


def test_a_model_that_is_never_wrong_cannot_be_evaluated(fake):
    found = run(requirement(), fake(model(oracle, lambda *_: 0.0), n=30))
    assert found.verdict == "not_evaluable"
    assert "nothing is wrong in any of 30 patients" in found.reason


def test_what_holds_on_clean_images_alone_is_not_shown_under_noise(fake):
    def better_with_noise(values, patient):
        return 0.0 if values.get("sigma", 0) else 0.1 + 0.01 * patient

    found = run(requirement(), fake(model(oracle, better_with_noise), n=30))
    assert found.verdict == "not_evaluable"


def test_failures_that_nobody_has_at_mild_severities_are_left_out_there(fake):
    found = run(
        requirement("failure_auroc", limit=0.7, domains=NOISE),
        fake(model(oracle, lambda v, p: errors(v, p, 0.1)), n=30),
    )
    assert found.verdict == "passed"
    assert any("no failure to find" in warning for warning in found.warnings)


def test_a_constant_map_at_one_point_blocks_a_pass(fake):
    found = run(requirement(), fake(model(lambda e, v, _: 0.3 if v.get("sigma", 0) == 0.1 else e), n=30))
    assert found.verdict == "not_evaluable"
    assert "organ at gaussian noise(sigma=0.1): uncertainty is the same for all 30 patients" in found.reason


def test_silent_failures_are_counted_with_exact_bounds(fake):
    def failing(share):
        def of(values, patient, _):
            failed = values.get("sigma", 0) > 0.05 and patient < share
            return {"dsc": 0.4 if failed else 0.9, "uncertainty": 0.1 + 0.001 * patient}

        return of

    rare = run(requirement("silent_failure_rate", "below", 0.2), fake(failing(0), n=30))
    many = run(requirement("silent_failure_rate", "below", 0.2), fake(failing(15), n=30))

    assert (rare.verdict, many.verdict) == ("passed", "failed")
    assert (rare.estimate, many.estimate) == (0, 0.5)
    assert rare.interval[1] == pytest.approx(1 - 0.05 ** (1 / 30))
    assert "Clopper-Pearson" in many.method
    assert many.uncertainty["silent"] == {"count": 15, "n": 30}
    assert many.breaking_point.severity == pytest.approx(0.5, abs=0.03)
    assert many.breaking_point.interval[0] is not None


def test_failures_that_raise_the_alarm_are_not_silent(fake):
    def warning(values, patient, _):
        failed = values.get("sigma", 0) > 0.05 and patient < 15
        return {"dsc": 0.4 if failed else 0.9, "uncertainty": 0.9 if failed else 0.1 + 0.001 * patient}

    assert run(requirement("silent_failure_rate", "below", 0.2), fake(warning, n=30)).estimate == 0


@pytest.mark.parametrize("share", [0, 0.2, 1])
def test_alarms_that_warned_of_nothing_are_told_of_beside_a_pass(fake, share):
    """5 of 30 fail, all with an alarm; of the others a share raises it, too."""

    def alarming(values, patient, _):
        hit = values.get("sigma", 0) > 0.05
        lost = hit and patient < 5
        alarmed = values.get("sigma", 0) > 0.03 and (patient < 5 or patient < 5 + 25 * share)
        return {"dsc": 0.4 if lost else 0.9, "uncertainty": 0.9 if alarmed else 0.1 + 0.001 * (patient % 7)}

    silent = run(requirement("silent_failure_rate", "below", 0.2), fake(alarming, n=30))
    early = run(requirement("early_warning", limit=0.5), fake(alarming, n=30))

    assert (silent.verdict, early.verdict) == ("passed", "passed")
    for found, who in ((silent, "did not fail"), (early, "lost no more than that")):
        told = [words for words in found.search["caveats"] if "raised the alarm" in words]
        if not share:
            assert told == []
            continue
        assert told[0].startswith(f"{round(25 * share)} of 25 patients who {who} raised the alarm ")
        assert ("nearly always tells nothing" in told[0]) == (share == 1)


@pytest.mark.parametrize(
    "metric", ["severity_tau", "spearman_across", "spearman_within", "kendall_within", "early_warning"]
)
def test_uncertainty_that_rises_with_severity_passes_and_one_that_falls_fails(fake, metric):
    good = run(requirement(metric, limit=0.5), fake(model(oracle, lambda v, p: errors(v, p, 0.05)), n=30))
    bad = run(requirement(metric, limit=0.5), fake(model(lambda e, *_: 1 - e), n=30))

    if metric == "early_warning":  # the alarm comes with the first fall, not before it, where uncertainty is the error
        assert bad.verdict == "failed"
    else:
        assert (good.verdict, bad.verdict) == ("passed", "failed")
        assert good.worst["text"] == "gaussian noise(sigma=0.1)"
        assert "over 6 severities up to gaussian noise(sigma=0.1)" in good.reason
        assert len(good.uncertainty["by_severity"]) == 6
    assert not good.curve


def test_an_alarm_before_the_fall_is_early(fake):
    def early(values, patient, _):
        sigma = values.get("sigma", 0)
        return {
            "dsc": 0.9 - (0.3 if sigma > 0.05 else 0),
            "uncertainty": 0.1 + 0.001 * patient + (1 if sigma > 0.03 else 0),
        }

    found = run(requirement("early_warning", limit=0.8), fake(early, n=30))
    assert (found.verdict, found.n_patients) == ("passed", 30)
    assert found.estimate == pytest.approx(
        29 / 30
    )  # one patient is above the alarm on its clean image: no early warning


def test_nothing_that_falls_is_nothing_to_warn_of_and_few_falls_are_too_few(fake):
    def falling(count):
        def of(values, patient, _):
            lost = 0.3 if patient < count and values.get("sigma", 0) > 0.05 else 0
            return {"dsc": 0.9 - lost, "uncertainty": 0.1 + 0.001 * patient + 5 * values.get("sigma", 0)}

        return of

    none, few = (run(requirement("early_warning", limit=0.5), fake(falling(k), n=30)) for k in (0, 3))
    assert none.verdict == few.verdict == "not_evaluable"
    assert "none of 30 patients has a value (its DSC never fell by more than 0.1)" in none.reason
    assert "3 of 30 patients have a value, 5 are needed" in few.reason


def test_the_worst_line_decides(fake):
    gamma = (Domain("gamma", (Range("gamma", 0.5, 2.0),)),)

    def one_way(values, patient, _):
        g = values.get("gamma", 1.0)
        e = 0.1 + 0.005 * patient + 0.2 * abs(math.log(g))
        return {"dsc": 1 - e, "uncertainty": e if g > 1 else 0.5 - e}

    found = run(requirement("severity_tau", limit=0.5, domains=gamma), fake(one_way, n=30))
    assert (found.verdict, found.worst["text"]) == ("failed", "gamma(gamma=0.5)")


def test_a_range_that_begins_above_the_identity_still_has_the_clean_image(fake):
    claim = requirement("severity_tau", limit=0.5, domains=(Domain("gaussian noise", (Range("sigma", 0.05, 0.1),)),))
    evaluation = fake(model(oracle), n=30)
    found = run(claim, evaluation)

    assert found.verdict == "passed"
    points = [row["point"] for row in found.uncertainty["by_severity"]]
    assert points[0] == "clean"
    assert all(float(point.partition("sigma=")[2][:-1]) >= 0.05 for point in points[1:])


def test_a_fixed_strength_is_a_line_of_two_severities(fake):
    claim = requirement("spearman_across", limit=0.4, domains=(Domain("gaussian noise", (Range("sigma", 0.1, 0.1),)),))
    found = run(claim, fake(model(oracle), n=30))
    assert (found.verdict, [row["severity"] for row in found.uncertainty["by_severity"]]) == ("passed", [0.0, 1.0])


def test_without_a_perturbation_there_is_no_severity(fake):
    found = run(requirement("severity_tau", domains=()), fake(model(oracle), n=30))
    assert found.verdict == "not_evaluable"
    assert "no severity that could grow" in found.reason


def test_the_clean_point_alone_is_decided_where_there_is_no_perturbation(fake):
    found = run(requirement(domains=()), fake(model(oracle), n=30))
    assert (found.verdict, found.worst["text"]) == ("passed", "clean")
    assert "on clean images" in found.reason


def test_a_failure_in_the_plausible_part_of_a_stress_test_gates(fake):
    def turning(e, values, _):
        return 1 - e if values.get("sigma", 0) == 0.1 else e

    for metric in ("spearman", "spearman_across"):
        wide = (Domain("gaussian noise", (Range("sigma", 0.0, 0.3),)),)
        claim = requirement(metric, limit=0.9, domains=wide, tier="stress", gates=False)
        found = run(claim, fake(model(turning, lambda v, p: errors(v, p) / 2), n=30))
        assert found.plausible_part["text"] == "gaussian noise(sigma=0.1)"
        assert (found.plausible_part["verdict"], found.gates) == ("failed", True)


@pytest.mark.parametrize("key", ["dsc", "uncertainty"])
def test_what_was_not_measured_is_invalid(fake, key):
    def lost(m):
        if m.point != "clean" and m.case == "p03-0":
            del m.scores[key]
        return m

    found = run(requirement(), fake(model(oracle), n=30, change=lost))
    assert found.verdict == "invalid"
    assert "was not measured" in found.reason


@pytest.mark.parametrize("metric", ["spearman", "silent_failure_rate", "early_warning", "severity_tau", "n_aurc"])
def test_results_survive_strict_json_and_repeat(fake, metric):
    def once():
        comparison = "below" if metric == "silent_failure_rate" else "above"
        return run(requirement(metric, comparison, 0.5), fake(model(noisy), n=20), seed=3)

    found = once()
    text = json.dumps(found.to_json(), allow_nan=False)
    assert RequirementResult.from_json(json.loads(text)) == found
    assert text == json.dumps(once().to_json(), allow_nan=False)


def test_pearson_is_warned_of(fake):
    assert any("should name Spearman" in w for w in run(requirement("pearson"), fake(model(oracle), n=30)).warnings)


def test_a_severity_claim_needs_no_label(fake):
    def unlabelled(m):
        from dataclasses import replace

        return replace(m, reference_voxels=None, scores={"uncertainty": m.scores["uncertainty"]})

    evaluation = fake(model(oracle), n=30, change=unlabelled)
    assert run(requirement("severity_tau", limit=0.5), evaluation).verdict == "passed"
    assert run(requirement("spearman"), evaluation).verdict == "not_evaluable"


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50])
def test_a_correlation_exactly_at_the_limit_passes_no_more_often_than_1_less_the_confidence(n):
    from pytest_segrobust.verification.all_patients import statistic

    rng = np.random.default_rng(n)
    rho = 0.5
    limit = 6 / math.pi * math.asin(rho / 2)  # Spearman's of a binormal with Pearson's rho
    passes = 0
    for _ in range(300):
        u = rng.normal(size=n)
        e = rho * u + math.sqrt(1 - rho**2) * rng.normal(size=n)
        found = statistic(Measure("spearman"), np.column_stack([np.exp(u), 0.5 + 0.1 * e]), resamples=1000)
        passes += found.interval.low > limit
    assert passes / 300 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)
