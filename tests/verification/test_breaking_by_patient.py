"""Where single patients break, with known answers."""

import math

import pytest

from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Range
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.statistics import clopper_pearson
from pytest_segrobust.verification.verify import verify


def run(requirement, evaluation, name="ci", **decision):
    return verify(requirement, evaluation, decision=DecisionSettings(**decision), budget=profile(name), seed=0)


def breaking_at(threshold):
    """Patient i loses 0.3 from `threshold(i)` on."""

    def model(values, patient, _):
        return {"dsc": 0.9 - 0.001 * (patient % 5) - 0.3 * (values.get("sigma", 0) >= threshold(patient) > 0)}

    return model


def test_each_patient_breaks_between_the_right_severities_and_half_of_them_in_words(fake, noise):
    found = run(noise(0.05), fake(breaking_at(lambda i: 0.03 if i < 12 else 0.09), n=20)).breaking_by_patient

    for each in found["patients"]:
        true = 0.3 if int(each["patient"][1:]) < 12 else 0.9
        assert each["held_to"] < true <= each["breaks_by"]
    assert (found["steps"][0]["unbroken"], found["steps"][-1]["unbroken"]) == (20, 0)
    assert found["words"].startswith("half of the patients (12 of 20) break before sigma = 0.0")
    middle = next(step for step in found["steps"] if step["unbroken"] == 8)
    assert tuple(middle["interval"]) == clopper_pearson(8, 20)


def test_patients_who_hold_are_censored_at_the_last_severity(fake, noise):
    found = run(noise(0.2), fake(breaking_at(lambda i: 0.05 if i < 4 else 0), n=20))

    assert found.breaking_by_patient["words"].startswith(
        "4 of 20 patients are beyond the limit by sigma = 0.1, the largest tried"
    )
    held = [each for each in found.breaking_by_patient["patients"] if each["breaks_by"] is None]
    assert len(held) == 16
    assert {each["held_to"] for each in held} == {1.0}


def test_patients_bad_on_clean_images_break_at_once(fake, noise):
    from pytest_segrobust.requirements.requirement import Measure

    claim = noise(0.95, measure=Measure("dsc"), comparison="at least")
    found = run(claim, fake(breaking_at(lambda i: 0), n=20)).breaking_by_patient
    assert "are beyond the limit on clean images already" in found["words"]
    assert all(each["held_to"] is None for each in found["patients"])


def test_who_is_within_the_limit_again_is_said_and_stays_broken(fake, noise):
    def pocket(values, patient, _):
        return {"dsc": 0.9 - 0.001 * (patient % 5) - 0.3 * (0.03 < values.get("sigma", 0) < 0.07)}

    found = run(noise(0.05), fake(pocket, n=20)).breaking_by_patient
    assert "20 are within it again at a larger severity" in found["words"]
    shares = [step["unbroken"] for step in found["steps"]]
    assert shares == sorted(shares, reverse=True)


def test_the_safety_margin_is_breaking_point_over_what_is_required(fake, dropping, noise):
    broken = run(noise(0.05), fake(dropping(lambda v, p: v.get("sigma", 0)))).breaking_by_patient["margin"]
    assert broken["margin"] == pytest.approx(0.5, abs=0.03)
    assert (broken["required"], broken["at_least"]) == (0.1, False)
    assert broken["words"].startswith("safety margin 0.5")

    held = run(noise(0.5), fake(dropping(lambda v, p: v.get("sigma", 0)))).breaking_by_patient["margin"]
    assert (held["margin"], held["at_least"], held["breaks_at"]) == (1.0, True, None)
    assert "nothing beyond was tried" in held["words"]


def test_there_is_no_margin_where_the_identity_is_not_zero_or_several_parameters_move(fake, dropping, noise):
    snr = noise(0.05, domains=(Domain("gaussian noise", (Range("snr", 10.0, math.inf),)),))
    found = run(snr, fake(dropping(lambda v, p: 10 ** (-v.get("snr", math.inf) / 20) * 0.3))).breaking_by_patient
    assert found["margin"] is None


def test_the_report_draws_it(fake, dropping, noise):
    from pytest_segrobust.evidence.html.not_yet_broken import not_yet_broken

    found = run(noise(0.05), fake(dropping(lambda v, p: v.get("sigma", 0))), name="smoke")
    drawn = not_yet_broken(found, prefix="r1-broken")
    assert "half of the patients" in drawn
    assert "Share of 20 patients not yet beyond the limit" in drawn
