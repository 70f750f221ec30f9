import math

import pytest

from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Options, Range, Requirement
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.severity import SeverityLine
from pytest_segrobust.verification.space import Space
from pytest_segrobust.verification.verify import verify


def line(position, *domains):
    space = Space.of(Requirement("R", Measure("dsc", "drop"), "below", 0.05, domains))
    return SeverityLine.of(space, position)


SIGMA = Domain("gaussian noise", (Range("sigma", 0.0, 0.1),))
GAMMA = Domain("gamma", (Range("gamma", 0.7, 1.5),))


def test_severity_runs_from_clean_to_the_end_of_the_domain():
    found = line((1000.0,), SIGMA)

    assert found.point(0.0) == CLEAN
    assert found.point(0.5) == Point.of("gaussian noise", sigma=0.05)
    assert found.point(1.0) == Point.of("gaussian noise", sigma=0.1)
    assert found.severity == 1


def test_a_line_through_an_inner_point_goes_on_to_the_end_of_the_domain():
    found = line((400.0,), SIGMA)

    assert found.severity == pytest.approx(0.4)
    assert found.point(found.severity) == Point.of("gaussian noise", sigma=0.04)
    assert found.point(1.0) == Point.of("gaussian noise", sigma=0.1)


def test_a_two_sided_range_is_followed_to_the_side_of_the_worst_point():
    assert line((0.0,), GAMMA).point(1.0) == Point.of("gamma", gamma=0.7)
    assert line((1000.0,), GAMMA).point(1.0) == Point.of("gamma", gamma=1.5)


def test_several_parameters_grow_together_and_stop_at_the_first_end():
    found = line((1000.0, 0.0), SIGMA, GAMMA)
    half = line((500.0, 0.0), SIGMA, GAMMA)

    assert found.point(1.0) == Point.of("gaussian noise", sigma=0.1) | Point.of("gamma", gamma=0.7)
    assert half.point(1.0) == Point.of("gaussian noise", sigma=0.05) | Point.of("gamma", gamma=0.7)
    assert half.severity == 1


def test_decibels_grow_evenly_in_amplitude():
    found = line((0.0,), Domain("gaussian noise", (Range("snr", 10.0, math.inf),)))

    assert found.point(0.0) == CLEAN
    assert found.point(1.0) == Point.of("gaussian noise", snr=10.0)
    assert found.point(0.5) == Point.of("gaussian noise", snr=10 + 20 * math.log10(2))


def test_a_fixed_value_is_approached_from_the_identity_but_only_its_end_decides():
    found = line((0.0,), Domain("gaussian noise", (Range("sigma", 0.1, 0.1),)))

    assert found.point(0.5) == Point.of("gaussian noise", sigma=0.05)
    assert not found.decides(0.5)
    assert found.decides(1.0)


def test_a_range_that_leaves_out_the_identity_decides_from_its_low_end_on():
    found = line((1000.0,), Domain("gaussian noise", (Range("sigma", 0.05, 0.1),)))

    assert [found.decides(severity) for severity in (0.0, 0.4, 0.5, 0.75, 1.0)] == [False, False, True, True, True]


def test_words_stay_as_they_are():
    found = line((1000.0, 1.0), SIGMA, Domain("flip", (Options("axis", ("left-right", "first")),)))
    assert found.point(0.0) == Point.of("flip", axis="first")


def test_words_alone_have_no_severity():
    assert line((0.0,), Domain("flip", (Options("axis", ("left-right",)),))) is None


def test_no_line_leads_through_the_identity_alone():
    assert line((0.0,), SIGMA) is None


@pytest.mark.parametrize("wished", [True, False])
def test_a_single_strength_has_a_curve_that_decides_nothing_where_it_is_wished(fake, dropping, noise, wished):
    evaluation = fake(dropping(lambda values, _: values["sigma"]))
    found = verify(
        noise(0.05, sigma=(0.1, 0.1)),
        evaluation,
        decision=DecisionSettings(curve_of_single_strengths=wished),
        budget=profile("smoke"),
        seed=0,
    )
    assert found.verdict == "failed"
    measured = {point for point, screening in evaluation.asked if not screening}
    if wished:
        assert len(measured) > 4
        assert found.breaking_point.severity == pytest.approx(0.5, abs=0.15)
    else:
        assert measured == {"clean", "gaussian noise(sigma=0.1)"}
        assert found.breaking_point is None
        assert not found.curve


def test_a_range_keeps_its_curve_which_decides(fake, dropping, noise):
    found = verify(
        noise(0.05),
        fake(dropping(lambda values, _: values["sigma"])),
        decision=DecisionSettings(curve_of_single_strengths=False),
        budget=profile("smoke"),
        seed=0,
    )
    assert found.curve
    assert found.breaking_point.severity == pytest.approx(0.5, abs=0.1)
