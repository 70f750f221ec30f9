"""An attack that something weaker outdoes says nothing, and a verdict that leans on it is invalid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_segrobust.perturbations.point import Point
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.sentence import parse
from pytest_segrobust.verification.masking import Check, attacks, masking_checks, with_checks
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.results import undecided
from pytest_segrobust.verification.verify import verify

PGD = Point.of("pgd", epsilon=0.02)
TARGETED = Point.of("targeted pgd", source="a", target="b", snr=20)


def measuring(measured, scores, asked=None, structures=("a", "b"), **others):
    """Measure points by the DSC that `scores` gives for the first attack's name; three patients."""

    def measure(points):
        rows = []
        for point in points:
            if asked is not None:
                asked.append(str(point))
            for patient in range(3):
                for structure in structures:
                    acting = [
                        s for s in point.steps if any(v not in (0.0, "a", "b", float("inf")) for _, v in s.parameters)
                    ]
                    found = scores.get(acting[-1].name if acting else "clean", 0.9)
                    value = found(structure) if callable(found) else found
                    rows.append(measured(f"c{patient}", f"p{patient}", point, structure, {"dsc": value}, **others))
        return rows

    return measure


def by_name(checks):
    return {check.name: check.held for check in checks}


def test_an_attack_that_harms_most_passes_every_check(measured):
    scores = {"pgd": 0.2, "fgsm": 0.4, "random perturbation": 0.85, "square attack": 0.5, "transfer attack": 0.7}
    checks = masking_checks(PGD, measuring(measured, scores), structures=(), surrogate=True)
    assert by_name(checks) == dict.fromkeys(
        ["the same attack at radius 0", "fgsm", "a random perturbation", "a square attack", "a transfer attack"], True
    )


@pytest.mark.parametrize("weaker", ["fgsm", "random perturbation", "square attack", "transfer attack"])
def test_each_weaker_attack_that_harms_more_is_told(measured, weaker):
    scores = {"pgd": 0.6, "fgsm": 0.8, "random perturbation": 0.85, "square attack": 0.7, "transfer attack": 0.7}
    checks = masking_checks(PGD, measuring(measured, scores | {weaker: 0.5}), structures=(), surrogate=True)
    assert [check.name for check in checks if not check.held] == [weaker if weaker == "fgsm" else f"a {weaker}"]


def test_a_radius_of_0_that_changes_a_score_is_told(measured):
    def measure(points):
        return [measured("c", "p", point, "a", {"dsc": 0.8 if "epsilon=0)" in str(point) else 0.9}) for point in points]

    checks = masking_checks(PGD, measure, structures=(), surrogate=False)
    assert not by_name(checks)["the same attack at radius 0"]


def test_the_norm_is_the_same_and_what_comes_before_the_attack_stays(measured):
    asked = []
    point = Point.of("gamma", gamma=1.3) | Point.of("pgd", l2=0.01)
    masking_checks(point, measuring(measured, {}, asked), structures=(), surrogate=False)
    assert asked == [
        "gamma(gamma=1.3) | pgd(l2=0)",
        "gamma(gamma=1.3)",
        "gamma(gamma=1.3) | pgd(l2=0.01)",
        "gamma(gamma=1.3) | fgsm(l2=0.01)",
        "gamma(gamma=1.3) | random perturbation(l2=0.01)",
        "gamma(gamma=1.3) | square attack(l2=0.01)",
    ]


def test_a_targeted_attack_that_reaches_nothing_is_not_masked_for_that(measured):
    """Told the right answer everywhere else, it may even improve a segmentation: pgd without a target stands for it."""
    asked = []
    harmed = {
        "targeted pgd": 0.95,
        "pgd": lambda s: 0.1 if s in ("a", "b") else 0.9,
        "fgsm": lambda s: 0.5 if s in ("a", "b") else 0.9,
        "random perturbation": lambda s: 0.8 if s in ("a", "b") else 0.0,  # harms a structure that is neither
    }
    measure = measuring(measured, harmed, asked, structures=("a", "b", "c"))
    assert all(check.held for check in masking_checks(TARGETED, measure, structures=("c",), surrogate=True))
    assert set(asked) == {
        "targeted pgd(snr=20, source=a, target=b)",
        "targeted pgd(snr=inf, source=a, target=b)",
        "clean",
        "fgsm(snr=20)",
        "random perturbation(snr=20)",
        "pgd(snr=20)",
        "square attack(snr=20)",
        "transfer attack(snr=20)",
    }


@pytest.mark.parametrize("stronger", ["fgsm", "random perturbation", "square attack", "transfer attack"])
def test_gradients_that_are_masked_for_a_target_are_told_by_attacks_without_one(measured, stronger):
    """A targeted attack is weaker than a free one by its task, so that pgd without a target stands for it."""
    scores = {"targeted pgd": 0.85, "fgsm": 0.85, "pgd": 0.8, "square attack": 0.8, "transfer attack": 0.8}
    held = masking_checks(TARGETED, measuring(measured, scores), structures=(), surrogate=True)
    assert all(check.held for check in held)
    checks = masking_checks(TARGETED, measuring(measured, scores | {stronger: 0.5}), structures=(), surrogate=True)
    assert [(check.name, check.attack, check.other) for check in checks if not check.held] == [
        (
            f"{'' if stronger == 'fgsm' else 'a '}{stronger}, both without a target",
            pytest.approx(0.8),
            pytest.approx(0.5),
        )
    ]


def test_each_of_several_attacks_is_checked(measured):
    """Noise of an attack's norm comes first and has little to prove; pgd after it is masked all the same."""
    point = Point.of("random perturbation", epsilon=0.01) | PGD
    scores = {"pgd": 0.85, "fgsm": 0.85, "square attack": 0.4, "random perturbation": 0.88}
    checks = masking_checks(point, measuring(measured, scores), structures=(), surrogate=False)
    assert [check.name for check in checks if not check.held] == ["a square attack, in place of pgd"]
    assert len({check.name for check in checks}) == len(checks)


def test_without_labels_agreement_tells(measured):
    def measure(points):
        harm = {"pgd": 0.6, "random perturbation": 0.2}
        return [
            measured("c", "p", p, "a", {"dsc": float("nan"), "agreement": harm.get(p.steps[-1].name if p.steps else "", 1.0)},
                     reference_voxels=None)
            for p in points
        ]  # fmt: skip

    checks = by_name(masking_checks(PGD, measure, structures=(), surrogate=False))
    assert not checks["a random perturbation"]
    assert checks["fgsm"]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [("passed", "invalid"), ("inconclusive", "invalid"), ("failed", "failed"), ("invalid", "invalid")],
)
def test_nothing_passes_on_a_check_that_did_not_hold(verdict, expected):
    requirement = replace(parse("DSC drop under pgd with epsilon <= 0.02 is below 5 %"), id="R")
    found = undecided(requirement, verdict, "because")
    broken = [
        Check("fgsm", held=True, attack=0.5, other=0.6),
        Check("a square attack", held=False, attack=0.8, other=0.3),
    ]
    changed = with_checks(found, broken, ["a note"])
    assert changed.verdict == expected
    assert changed.search["attack_checks"][1] == {"name": "a square attack", "held": False, "attack": 0.8, "other": 0.3}
    assert changed.warnings[:2] == [
        "a note",
        "gradients masked? mean score 0.8 under the attack, 0.3 under a square attack",
    ]
    assert ("gradients masked?" in changed.reason) == (verdict != expected)
    assert with_checks(found, broken[:1], []).verdict == verdict


def test_what_attacks():
    assert attacks(PGD)
    assert attacks(Point.of("gamma", gamma=2) | TARGETED)
    assert not attacks(Point.of("gamma", gamma=2))


@pytest.mark.parametrize(("masked", "verdict"), [(False, "passed"), (True, "invalid")])
def test_a_model_that_hides_its_gradients_never_passes(fake, measured, masked, verdict):
    """Under pgd it seems unharmed, under a black-box search of the same norm it is not."""

    class Attacked(fake):
        attack_notes = ()
        has_surrogate = False

        def measure(self, points, *, screening=False, realisations=1):
            rows = []
            for point in points:
                square = any(step.name == "square attack" for step in point.steps)
                for patient in range(self.screening if screening else self.n):
                    dsc = 0.9 + 0.001 * (patient % 3) - (0.6 if masked and square else 0.0)
                    name = f"p{patient:02d}"
                    rows.append(measured(name, name, point, "organ", {"dsc": dsc}, strength={"changed": 1.0}))
            return rows

    requirement = replace(parse("DSC drop under pgd with epsilon <= 0.02 is below 5 %"), id="R")
    found = verify(requirement, Attacked(lambda *_: {}), decision=DecisionSettings(), budget=profile("smoke"), seed=0)
    assert found.verdict == verdict
    assert ("gradients masked?" in found.reason) == masked


class Adversarial:
    """What an evaluation of attacks has besides its measurements."""

    attack_notes = ()
    has_surrogate = False


def measuring_all(fake, measured, change, **others):
    """A fake evaluation in which every case keeps its DSC; `change(patient)` is the share of voxels that an attack changed."""

    class Attacked(Adversarial, fake):
        def measure(self, points, *, screening=False, realisations=1):
            return [
                measured(f"p{i:02d}", f"p{i:02d}", point, structure, {"dsc": 0.9 + 0.001 * (i % 3)},
                         strength={"changed": change(i) if point.steps else 0.0}, **(others.get("row") or (lambda *_: {}))(i, structure))
                for point in points for i in range(self.screening if screening else self.n) for structure in self.structures
            ]  # fmt: skip

    return Attacked


def test_an_attack_that_leaves_an_image_as_it_is_has_found_nothing_worse(fake, measured):
    requirement = replace(parse("DSC drop under pgd with epsilon <= 0.02 is below 5 %"), id="R")
    evaluation = measuring_all(fake, measured, lambda i: 0.0 if i == 4 else 1.0)(lambda *_: {})
    found = verify(requirement, evaluation, decision=DecisionSettings(), budget=profile("smoke"), seed=0)
    assert found.verdict == "passed"
    assert found.n_patients == 20


def test_an_attack_that_leaves_every_image_as_it_is_shows_nothing(fake, measured):
    """A radius that rounding swallows, or an attack that is none."""
    requirement = replace(parse("DSC drop under pgd with epsilon <= 1e-9 is below 5 %"), id="R")
    evaluation = measuring_all(fake, measured, lambda i: 0.0)(lambda *_: {})
    found = verify(requirement, evaluation, decision=DecisionSettings(), budget=profile("smoke"), seed=0)
    assert found.verdict == "not_evaluable"
    assert "changed a single voxel of 20 of 20 cases" in found.reason


def test_a_case_without_the_source_says_nothing_of_a_targeted_attack(fake, measured):
    requirement = replace(
        parse("DSC drop of b under targeted pgd from a to b with epsilon <= 0.02 is below 5 %"), id="R"
    )
    row = lambda i, structure: {"reference_voxels": 0 if i < 2 and structure == "a" else 100}  # noqa: E731
    evaluation = measuring_all(fake, measured, lambda i: 1.0, row=row)(lambda *_: {}, structures=("a", "b"))
    found = verify(requirement, evaluation, decision=DecisionSettings(), budget=profile("smoke"), seed=0)
    assert found.n_patients == 18
