import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_segrobust.perturbations.point import Point
from pytest_segrobust.requirements.requirement import Domain, Measure, Options, Range, Requirement
from pytest_segrobust.verification.draws import drawn
from pytest_segrobust.verification.search import search
from pytest_segrobust.verification.space import STEPS, Space

SIGMA = Domain("gaussian noise", (Range("sigma", 0.0, 0.1),))
GAMMA = Domain("gamma", (Range("gamma", 0.7, 1.5),))
FLIP = Domain("flip", (Options("axis", ("left-right", "first", "second")),))


def space(*domains):
    return Space.of(Requirement("R", Measure("dsc", "drop"), "below", 0.05, domains))


def on_cube(where, function):
    """A badness from a function of the unit cube."""

    def badness(points):
        badness.calls.append(len(points))
        cubes = [np.array(where.position(point)) / STEPS for point in points]
        return [{"organ": float(function(cube))} for cube in cubes]

    badness.calls = []
    return badness


def best(where, function, seed, budget=30):
    return max(trial.worst for trial in search(where, on_cube(where, function), budget=budget, seed=seed))


PLANE = space(SIGMA, GAMMA)


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_model_that_is_bad_in_one_corner_alone_is_found_by_every_seed(corner):
    for seed in range(20):
        found = best(PLANE, lambda cube: np.abs(cube - corner).max() < 0.01, seed, budget=12)
        assert found == 1


def test_a_ridge_inside_the_domain_is_found_by_most_seeds():
    def ridge(cube):
        return np.exp(-((cube[0] - cube[1] - 0.17) ** 2) / 0.005) * np.exp(-((cube[0] - 0.6) ** 2) / 0.08)

    found = [best(PLANE, ridge, seed) for seed in range(20)]
    assert np.mean(found) > 0.85
    assert np.quantile(found, 0.1) > 0.55


def test_a_bump_inside_the_plane_is_found_by_most_seeds():
    found = [
        best(PLANE, lambda c: np.exp(-((c[0] - 0.3) ** 2 + (c[1] - 0.55) ** 2) / 0.01), seed) for seed in range(20)
    ]
    assert np.quantile(found, 0.1) > 0.9


def test_a_bump_in_one_dimension_is_found_by_every_seed():
    line = space(SIGMA)
    found = [best(line, lambda cube: np.exp(-((cube[0] - 0.37) ** 2) / 0.003), seed) for seed in range(20)]
    assert min(found) > 0.9


def test_the_worst_of_an_edge_of_three_parameters_is_found_by_every_seed():
    room = space(SIGMA, GAMMA, Domain("bias field", (Range("strength", 0.0, 0.5),)))

    def edge(cube):
        return cube[0] ** 2 * np.exp(-((cube[1] - 0.35) ** 2) / 0.05) * (0.5 + 0.5 * cube[2])

    assert min(best(room, edge, seed) for seed in range(8)) > 0.95


def test_the_same_seed_tries_the_same_points_and_another_seed_others():
    def tried(seed):
        return [str(t.point) for t in search(PLANE, on_cube(PLANE, np.sum), budget=24, seed=seed)]

    assert tried(5) == tried(5)
    assert tried(5) != tried(6)


def test_what_is_known_in_advance_is_one_batch_and_the_budget_is_kept():
    badness = on_cube(PLANE, np.sum)
    trials = search(PLANE, badness, budget=30, seed=0)

    assert len(trials) == sum(badness.calls) == 30
    assert badness.calls[0] >= 12
    assert len({trial.point for trial in trials}) == 30
    assert all(call == 1 for call in badness.calls[1:])


def test_last_runs_failing_points_come_first_and_foreign_ones_are_passed_over():
    failed = Point.of("gaussian noise", sigma=0.0123) | Point.of("gamma", gamma=1.1)
    trials = search(PLANE, on_cube(PLANE, np.sum), budget=12, seed=0, first=[Point.of("gamma", gamma=9.0), failed])

    assert trials[0].point == failed
    assert len(trials) == 13
    without = search(PLANE, on_cube(PLANE, np.sum), budget=12, seed=0)
    assert trials[1:] == without


def test_a_space_of_words_is_tried_whole_and_ends():
    words = space(FLIP)
    trials = search(words, lambda points: [{"organ": 0.0} for _ in points], budget=50, seed=0)
    assert {str(trial.point) for trial in trials} == {f"flip(axis={w})" for w in ("left-right", "first", "second")}


def test_words_and_numbers_are_searched_together():
    both = space(SIGMA, FLIP)

    def badness(points):
        values = [{k: v for step in point.steps for k, v in step.parameters} for point in points]
        return [
            {"organ": (v["axis"] == "second") * float(np.exp(-((v.get("sigma", 0) - 0.062) ** 2) / 2e-5))}
            for v in values
        ]

    found = [max(t.worst for t in search(both, badness, budget=40, seed=seed)) for seed in range(5)]
    assert min(found) > 0.9


def test_a_fixed_point_is_tried_once():
    fixed = space(Domain("gaussian noise", (Range("sigma", 0.1, 0.1),)))
    assert len(search(fixed, lambda points: [{"organ": 0.0} for _ in points], budget=30, seed=0)) == 1


def test_a_constant_badness_is_no_reason_to_stop():
    assert len(search(PLANE, lambda points: [{"organ": 0.0} for _ in points], budget=30, seed=0)) == 30


def test_hypothesis_draws_different_points_of_the_grid():
    points = drawn(PLANE, 20, seed=1)

    assert len(set(points)) == len(points) == 20
    assert all(0 <= place <= STEPS and place == int(place) for position in points for place in position)


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 3))
def test_a_search_may_run_inside_a_users_given(seed):
    assert len(search(PLANE, on_cube(PLANE, np.sum), budget=12, seed=seed)) == 12


def test_draws_do_not_depend_on_constants_in_the_users_modules(tmp_path):
    (tmp_path / "local_constants.py").write_text("VALUES = [101, 202, 303, 404, 505, 606, 707, 808]\n")
    script = """
import sys
{}
from pytest_segrobust.requirements.requirement import *
from pytest_segrobust.verification.draws import drawn
from pytest_segrobust.verification.space import Space
domains = (Domain("gaussian noise", (Range("sigma", 0.0, 0.1),)), Domain("gamma", (Range("gamma", 0.7, 1.5),)))
print(drawn(Space.of(Requirement("R", Measure("dsc"), "below", 1, domains)), 60, seed=3))
"""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script.format(first)], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for first in ("", "import local_constants")
    }
    assert len(outputs) == 1
    assert not (tmp_path / ".hypothesis").exists()
