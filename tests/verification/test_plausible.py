from __future__ import annotations

import math

import pytest

from pytest_segrobust.perturbations.point import Point
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Options, Range, Requirement
from pytest_segrobust.verification.plausible import PlausiblePart
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.space import Space
from pytest_segrobust.verification.verify import verify


def run(requirement, evaluation, name="smoke"):
    return verify(requirement, evaluation, decision=DecisionSettings(), budget=profile(name), seed=0)


def stress(noise, sigma=(0.0, 1.0), **others):
    return noise(0.05, sigma, tier="stress", gates=False, **others)


@pytest.mark.parametrize("name", ["smoke", "ci"])
def test_the_end_of_the_plausible_range_is_measured_on_all_patients_and_decided(fake, dropping, noise, name):
    evaluation = fake(dropping(lambda values, _: 0.2 if values["sigma"] > 0.1 else 0.01))
    found = run(stress(noise), evaluation, name)

    assert (found.verdict, found.tier, found.gates) == ("failed", "stress", False)
    assert ("gaussian noise(sigma=0.1)", False) in evaluation.asked
    assert found.plausible_part is not None
    assert (found.plausible_part["verdict"], found.plausible_part["text"]) == ("passed", "gaussian noise(sigma=0.1)")
    assert "plausible" not in found.reason


def test_a_failure_in_the_plausible_range_gates(fake, dropping, noise):
    """Even where it fails worse outside, and nowhere between."""
    lost = {0.1: 0.1, 1.0: 0.5}
    found = run(stress(noise), fake(dropping(lambda values, _: lost.get(values["sigma"], 0.01))))

    assert (found.verdict, found.gates) == ("failed", True)
    assert found.worst["text"] == "gaussian noise(sigma=1)"
    assert found.plausible_part["verdict"] == "failed"
    assert (
        "it gates, although it is a stress test, since it is not shown to be met within the plausible range: DSC drop"
        in found.reason
    )
    assert found.reason.endswith("at gaussian noise(sigma=0.1)")


def test_what_is_inconclusive_in_the_plausible_range_gates_a_wider_range_must_not_turn_red_to_green(
    fake, dropping, noise
):
    found = run(
        stress(noise),
        fake(dropping(lambda values, i: 0.05 * (1 + math.sin(5 * i) / 5) if values["sigma"] <= 0.1 else 0.5)),
    )

    assert (found.plausible_part["verdict"], found.gates) == ("inconclusive", True)


def test_a_range_beyond_the_clinic_has_no_plausible_part(fake, dropping, noise):
    found = run(stress(noise, (0.5, 1.0)), fake(dropping(lambda *_: 0.2)))

    assert (found.verdict, found.gates, found.plausible_part) == ("failed", False, None)


def test_only_stress_tests_have_a_plausible_part(fake, dropping, noise):
    found = run(noise(0.05, (0.0, 0.1)), fake(dropping(lambda *_: 0.2)))

    assert (found.tier, found.gates, found.plausible_part) == ("plausible", True, None)


@pytest.mark.parametrize(("n", "verdict"), [(3, "not_evaluable"), (20, "failed")])
def test_a_stress_test_that_cannot_be_judged_gates(fake, dropping, noise, n, verdict):
    found = run(stress(noise), fake(dropping(lambda values, _: values["sigma"] ** 2), n=n))

    assert (found.verdict, found.gates) == (verdict, verdict == "not_evaluable")


def test_a_point_is_plausible_only_where_all_its_parameters_are(noise):
    both = (*stress(noise).domains, Domain("gamma", (Range("gamma", 0.5, 3.0),)))
    part = PlausiblePart.of(stress(noise, domains=both))

    assert part.space is not None
    inside = Point.of("gaussian noise", sigma=0.1) | Point.of("gamma", gamma=1.5)
    outside = Point.of("gaussian noise", sigma=0.1) | Point.of("gamma", gamma=1.6)
    assert part.space.position(inside) is not None
    assert part.space.position(Point.of("gamma", gamma=0.7)) is not None
    assert part.space.position(outside) is None
    assert inside in part.corners(100)


def test_a_targeted_attack_leads_from_one_structure_to_another():
    structures = (Options("source", ("anterior",)), Options("target", ("posterior",)))
    domain = Domain("targeted pgd", (Range("epsilon", 0.0, 2 / 255), *structures))
    space = Space.of(Requirement("R", Measure("dsc", "drop"), "below", 0.2, (domain,)))

    [strongest, *_] = space.corners(4)
    point = space.point(strongest)
    assert point == Point.of("targeted pgd", epsilon=2 / 255, source="anterior", target="posterior")
    assert space.position(point) == strongest
    assert space.free == (0,)
    assert space.word_count == 1
