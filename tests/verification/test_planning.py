"""What a plan counts and foresees: windows, points, attacks, patients and power."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.sentence import parse
from pytest_segrobust.requirements.settings import AttackSettings
from pytest_segrobust.verification.planning import attack_passes, check_passes, least_patients, need, spending, windows
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.statistics import mean_interval, zero_failure_bound

ATTACK = AttackSettings(steps=10, restarts=2, queries=50)


def spent(sentence: str, name: str = "ci", **changes):
    given = {"structures": 2, "attack": ATTACK, **changes}
    return spending(parse(sentence), profile(name), given.pop("decision", DecisionSettings()), **given)


@pytest.mark.parametrize(
    ("shape", "window", "overlap"),
    [((40, 56, 40), (32, 32, 32), 0.5), ((33, 20), (32, 32), 0.25), ((100, 101), (32, 32), 0.0), ((64, 64), None, 0.5)],
)
def test_windows_are_those_of_monai(shape, window, overlap):
    from monai.data.utils import dense_patch_slices
    from monai.inferers.utils import _get_scan_interval

    if window is None:
        assert windows(shape, window, overlap) == 1
        return
    padded = tuple(max(size, width) for size, width in zip(shape, window, strict=True))
    interval = _get_scan_interval(padded, window, len(shape), (overlap,) * len(shape))
    assert windows(shape, window, overlap) == len(dense_patch_slices(padded, window, interval))


def test_a_clean_claim_measures_nothing_more_than_the_clean_images():
    assert spent("DSC is at least 0.9").images(20, 8) == 0


def test_noise_draws_multiply_what_is_measured_on_all_and_nothing_else():
    one = spent("DSC drop under gaussian noise with sigma <= 0.1 is below 5 %")
    three = spent(
        "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %", decision=DecisionSettings(realisations=3)
    )

    assert three.images(20, 8) - one.images(20, 8) == 2 * one.decided * 20
    assert spent("DSC drop under gamma with 0.7 <= gamma <= 1.5 is below 3 %", "evidence").realisations == 1


def test_each_structure_has_its_own_worst_points():
    sentence = "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %"

    assert spent(sentence, structures=5).decided - spent(sentence, structures=1).decided == 4 * profile("ci").worst


def test_a_fixed_strength_has_nothing_to_search():
    fixed = spent("DSC drop under gaussian noise with sigma = 0.1 is below 5 %")

    assert fixed.screened == 1
    assert fixed.decided < spent("DSC drop under gaussian noise with sigma <= 0.1 is below 5 %").decided


@pytest.mark.parametrize(
    ("name", "passes"), [("random perturbation", 0), ("fgsm", 1), ("square attack", 50), ("pgd", 2 + 3 * 12), ("sea", 2 + 3 * 4 * 16)]
)  # fmt: skip
def test_attacks_cost_steps_times_starts(name, passes):
    assert attack_passes(name, ATTACK) == passes


def test_a_surrogate_adds_a_transfer_attack_to_the_self_checks():
    with_surrogate = ATTACK.model_copy(update={"surrogate": "other.pt"})

    assert (
        check_passes("pgd", with_surrogate) - check_passes("pgd", ATTACK)
        == attack_passes("transfer attack", ATTACK) + 1
    )
    assert check_passes("targeted pgd", ATTACK) - check_passes("pgd", ATTACK) == attack_passes("pgd", ATTACK) + 1


def test_an_attack_costs_its_passes_at_every_image_and_fewer_points():
    attacked = spent("DSC drop under pgd with epsilon <= 2/255 is below 20 %")
    noisy = spent("DSC drop under gaussian noise with sigma <= 0.1 is below 5 %")

    assert attacked.screened < noisy.screened
    assert attacked.attack_images(20, 8) == 38 * attacked.images(20, 8) + attacked.checks * 8
    stochastic = spent("DSC drop under pgd with epsilon <= 2/255 is below 20 %", draws=8)
    assert stochastic.attack == 8 * attacked.attack


@pytest.mark.parametrize(
    ("sentence", "patients"),
    [
        ("DSC drop under gamma with 0.7 <= gamma <= 1.5 is below 3 % for 95 % of patients", 59),
        ("DSC drop under gamma with 0.7 <= gamma <= 1.5 is below 3 % for 90 % of patients", 29),
        ("gross failure rate under gaussian noise with sigma <= 0.1 is below 5 %", 59),
        ("DSC is at least 0.9", None),
    ],
)
def test_what_cannot_be_shown_by_fewer(sentence, patients):
    found = least_patients(parse(sentence))

    assert found.patients == patients
    if patients and "failure rate" in sentence:
        assert zero_failure_bound(patients) < 0.05 <= zero_failure_bound(patients - 1)


def drops(n: int, mean: float, sd: float) -> np.ndarray:
    values = np.random.default_rng(1).standard_normal(n)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


LIMIT = parse("DSC drop under gaussian noise with sigma <= 0.1 is below 5 %")


@pytest.mark.parametrize(("distance_in_sd", "patients"), [(0.2, 216), (0.3, 97), (0.5, 36), (0.8, 15), (1.0, 11)])
def test_patients_needed_are_those_of_the_t_test(distance_in_sd, patients):
    found = need(LIMIT, drops(20, 0.05 - 0.02 * distance_in_sd, 0.02), power=0.9, patients=20)

    assert found.patients == pytest.approx(patients, abs=1)


def test_the_foreseen_power_is_how_often_the_interval_passes():
    n, mean, sd, runs = 40, 0.04, 0.02, 400
    foreseen = need(LIMIT, drops(15, mean, sd), power=0.9, patients=n).power
    rng = np.random.default_rng(2)

    passed = sum(mean_interval(rng.normal(mean, sd, n), 0.95, resamples=1000).high < 0.05 for _ in range(runs))

    assert foreseen == pytest.approx(passed / runs, abs=0.06)


def test_needed_patients_have_the_wished_power():
    values = drops(15, 0.04, 0.02)
    wanted = need(LIMIT, values, power=0.8, patients=10).patients

    assert need(LIMIT, values, power=0.8, patients=wanted).power == pytest.approx(0.8, abs=0.02)


def test_a_pilot_that_does_not_meet_the_limit_promises_nothing():
    found = need(LIMIT, drops(10, 0.07, 0.02), power=0.9, patients=50)

    assert (found.patients, found.power) == (None, 0.0)
    assert "does not meet the limit" in found.words


def test_a_bias_is_measured_from_the_limit_on_its_own_side():
    within = parse("volume bias under bias field with strength <= 0.3 is within 5 %")

    left, right = (need(within, drops(12, mean, 0.01), power=0.9, patients=20) for mean in (-0.04, 0.04))

    assert left.patients == right.patients
    assert left.power == pytest.approx(right.power)


def test_a_share_needs_at_least_what_its_claim_needs():
    claim = parse("DSC drop under gamma with 0.7 <= gamma <= 1.5 is below 3 % for 95 % of patients")

    assert need(claim, np.full(10, 0.01), power=0.9, patients=10).patients == 59
    assert need(claim, np.r_[np.full(9, 0.01), 0.5], power=0.9, patients=10).patients is None
    assert need(replace(claim, confidence=0.9), np.full(10, 0.01), power=0.9, patients=10).patients == 45
