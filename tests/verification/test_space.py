import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.errors import SpecError
from pytest_segrobust.perturbations.catalogue import Parameter
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.requirement import Domain, Measure, Options, Range, Requirement
from pytest_segrobust.verification.space import STEPS, Continuous, Space


def space(*domains):
    return Space.of(Requirement("R", Measure("dsc", "drop"), "below", 0.05, domains))


SIGMA = Domain("gaussian noise", (Range("sigma", 0.0, 0.1),))
SNR = Domain("gaussian noise", (Range("snr", 10.0, math.inf),))
GAMMA = Domain("gamma", (Range("gamma", 0.7, 1.5),))
FLIP = Domain("flip", (Options("axis", ("left-right", "first")),))


def test_both_ends_of_a_range_are_exact():
    for domain, name, low, high in [(SIGMA, "sigma", 0.0, 0.1), (GAMMA, "gamma", 0.7, 1.5)]:
        axis = space(domain).axes[0]
        assert (axis.value(0), axis.value(STEPS)) == (low, high)
        assert space(domain).point((float(STEPS),)) == Point.of(domain.perturbation, **{name: high})


def test_decibels_run_evenly_in_amplitude():
    axis = space(SNR).axes[0]

    assert axis.value(STEPS) == math.inf
    assert axis.value(500) == pytest.approx(10 + 20 * math.log10(2))  # half the noise amplitude


def test_gamma_runs_evenly_in_its_logarithm():
    assert space(GAMMA).axes[0].value(500) == pytest.approx(math.sqrt(0.7 * 1.5))


def test_a_point_with_every_parameter_at_identity_is_clean():
    assert space(SIGMA).point((0.0,)) == CLEAN
    assert space(SNR).point((float(STEPS),)) == CLEAN
    assert space(SIGMA, GAMMA).identity() == CLEAN


def test_only_the_steps_at_identity_are_left_out():
    both = space(SIGMA, GAMMA)

    assert both.point((0.0, float(STEPS))) == Point.of("gamma", gamma=1.5)
    assert both.point((500.0, 0.0)) == Point.of("gaussian noise", sigma=0.05) | Point.of("gamma", gamma=0.7)


@pytest.mark.parametrize(("position", "left_out"), [((0, 0), True), ((9, 0), False), ((0, 9), False), ((9, 9), False)])
def test_a_step_of_two_parameters_is_left_out_only_where_both_are_at_identity(position, left_out):
    axes = tuple(Continuous(0, Parameter(name, 0.0, 0.0, 10.0), 0.0, 5.0) for name in ("rotation", "translation"))
    motion = Space((("motion", None),), axes)

    assert (motion.point(position) == CLEAN) == left_out
    assert motion.position(motion.point(position)) == position


def test_words_are_never_left_out():
    assert space(FLIP).identity() == Point.of("flip", axis="left-right")
    assert [str(space(FLIP).point(p)) for p in space(FLIP).corners(8)] == ["flip(axis=left-right)", "flip(axis=first)"]


def test_the_identity_inside_a_range_is_its_mildest_point():
    assert space(GAMMA).identity() == CLEAN


def test_a_range_without_its_identity_is_mildest_where_it_is_nearest():
    above = space(Domain("gaussian noise", (Range("sigma", 0.05, 0.1),)))
    assert above.identity() == Point.of("gaussian noise", sigma=0.05)


def test_a_fixed_value_is_the_only_point():
    fixed = space(Domain("gaussian noise", (Range("sigma", 0.1, 0.1),)))

    assert fixed.free == ()
    assert fixed.corners(8) == [(0.0,)]
    assert fixed.identity() == fixed.point((0.0,)) == Point.of("gaussian noise", sigma=0.1)


def test_a_perturbation_keeps_to_its_structure():
    local = space(Domain("gaussian noise", (Range("sigma", 0.0, 0.1),), on="anterior"))
    assert str(local.point((1000.0,))) == "gaussian noise(sigma=0.1) on anterior"


@given(st.tuples(*[st.integers(0, STEPS)] * 2, st.integers(0, 1)))
def test_every_position_leads_to_a_point_and_back(position):
    for all_of_them in (space(SIGMA, GAMMA, FLIP), space(SNR, GAMMA, FLIP)):
        there = all_of_them.point(tuple(map(float, position)))
        assert all_of_them.point(all_of_them.position(there)) == there
        assert all_of_them.position(Point.from_json(there.to_json())) is not None


@pytest.mark.parametrize(
    "point",
    [
        Point.of("gaussian noise", sigma=0.2),
        Point.of("gaussian noise", snr=20.0),
        Point.of("gamma", gamma=1.2),
        Point.of("gaussian noise", sigma=0.05, on="organ"),
        Point.of("gaussian noise", sigma=0.05) | Point.of("gamma", gamma=1.2),
    ],
)
def test_a_point_outside_the_space_has_no_position(point):
    assert space(SIGMA).position(point) is None


def test_corners_are_all_ends_in_all_combinations_the_most_severe_first():
    points = [str(space(SIGMA, GAMMA).point(p)) for p in space(SIGMA, GAMMA).corners(8)]

    assert sorted(points) == sorted(
        [
            "gaussian noise(sigma=0.1) | gamma(gamma=1.5)",
            "gaussian noise(sigma=0.1) | gamma(gamma=0.7)",
            "gamma(gamma=1.5)",
            "gamma(gamma=0.7)",
        ]
    )
    assert all("noise" in point for point in points[:2])


def test_in_many_dimensions_corners_are_capped_to_the_worst_and_each_end_alone():
    many = space(*[Domain("gaussian noise", (Range("sigma", 0.0, 0.1),))] * 6)
    corners = many.corners(16)

    assert many.corner_count == 64
    assert len(corners) == len(set(corners)) == 16
    assert corners[0] == (1000.0,) * 6
    for axis in range(6):
        assert tuple(1000.0 if i == axis else 0.0 for i in range(6)) in corners


def test_every_word_meets_the_most_severe_values_even_when_corners_are_capped():
    words = space(SIGMA, GAMMA, FLIP)
    points = {str(words.point(p)) for p in words.corners(4)}
    assert any("sigma=0.1" in p and "left-right" in p for p in points)
    assert any("sigma=0.1" in p and "first" in p for p in points)
    for most in (1, 2, 4, 8):  # the cap is of the ranges' ends
        assert {int(position[-1]) for position in words.corners(most)} == set(range(words.word_count))
        assert len(words.corners(most)) == min(most + words.word_count - 1, words.corner_count)


def test_the_even_spread_leaves_no_large_hole_and_follows_its_seed():
    plane = space(SIGMA, GAMMA)

    def first(seed, n=64):
        spread = plane.spread(seed)
        return [next(spread) for _ in range(n)]

    assert first(1) == first(1) != first(2)
    for x in range(4):
        for y in range(4):  # 64 points, 16 boxes: none is empty
            assert any(x * 250 <= a <= (x + 1) * 250 and y * 250 <= b <= (y + 1) * 250 for a, b in first(3))


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        (Domain("gaussian nose", (Range("sigma", 0, 0.1),)), "gaussian nose"),
        (Domain("gaussian noise", (Range("gamma", 0, 0.1),)), "gamma"),
        (Domain("flip", (Range("axis", 0, 1),)), "axis"),
        (Domain("gamma", (Range("gamma", 0.0, 1.5),)), "no end"),
        (Domain("gaussian noise", (Range("sigma", 0.0, math.inf),)), "no end"),
    ],
)
def test_a_domain_that_cannot_be_searched_is_a_spec_error_that_names_it(domain, says):
    with pytest.raises(SpecError, match=says) as error:
        space(domain)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("R: ")
