"""Strategies draw exact points, on a grid, within the range."""

from __future__ import annotations

import math

import pytest
from hypothesis import find, given

from pytest_segrobust import perturbations, strategies
from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.catalogue import Parameter, StructureName, catalogue


@given(strategies.gaussian_noise(sigma=(0, 0.1)))
def test_numbers_stay_in_their_range(point) -> None:
    (step,) = point.steps
    assert step.name == "gaussian noise"
    assert 0 <= dict(step.parameters)["sigma"] <= 0.1


def test_simplest_failure_is_the_mildest_on_the_grid() -> None:
    point = find(strategies.gaussian_noise(sigma=(0, 0.1)), lambda p: dict(p.steps[0].parameters)["sigma"] > 0.0437)

    assert dict(point.steps[0].parameters)["sigma"] == pytest.approx(0.0438)


def test_decibels_run_from_no_noise_to_the_limit() -> None:
    mild = find(strategies.gaussian_noise(snr=(10, math.inf)), lambda p: True)
    severe = find(strategies.gaussian_noise(snr=(10, math.inf)), lambda p: dict(p.steps[0].parameters)["snr"] <= 10)

    assert dict(mild.steps[0].parameters)["snr"] == math.inf
    assert dict(severe.steps[0].parameters)["snr"] == 10


def test_gamma_range_on_both_sides_is_drawn_whole() -> None:
    strategy = strategies.gamma(gamma=(0.7, 1.5))

    assert (
        dict(find(strategy, lambda p: dict(p.steps[0].parameters)["gamma"] > 1.49).steps[0].parameters)["gamma"] > 1.49
    )
    assert (
        dict(find(strategy, lambda p: dict(p.steps[0].parameters)["gamma"] < 0.71).steps[0].parameters)["gamma"] < 0.71
    )


@given(strategies.compositions(strategies.gamma(gamma=(0.9, 1.1)), strategies.gaussian_noise(sigma=(0, 0.1))))
def test_compositions_keep_their_order(point) -> None:
    assert [step.name for step in point.steps] in ([], ["gamma"], ["gaussian noise"], ["gamma", "gaussian noise"])


def test_every_perturbation_of_the_catalogue_has_a_strategy() -> None:
    for perturbation in catalogue().values():
        group = perturbation.alternatives[0]
        stated = {p.name: (p.identity, p.identity) for p in group if isinstance(p, Parameter)}
        stated |= {p.name: "organ" for p in group if isinstance(p, StructureName)}
        point = find(getattr(strategies, perturbation.identifier)(**stated), lambda p: True)
        assert point == getattr(perturbations, perturbation.identifier)(**dict(point.steps[0].parameters))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: strategies.gaussian_noise(sigme=0.1), "no parameter 'sigme'"),
        (lambda: strategies.gaussian_noise(sigma=(-1, 0.1)), "impossible"),
        (lambda: strategies.gaussian_noise(sigma="much"), "a number or a pair"),
        (lambda: strategies.flip(axis="sideways"), "left-right"),
        (lambda: strategies.targeted_pgd(source=1, target="b", epsilon=(0, 0.1)), "name of a structure"),
        (lambda: strategies.points("guassian noise"), "gaussian noise"),
    ],
)
def test_impossible_ranges_are_errors_that_say_what_is_possible(make, words: str) -> None:
    with pytest.raises(PerturbationError, match=words):
        make()


@given(strategies.targeted_pgd(source="a", target=["b", "c"], epsilon=(0, 0.02)))
def test_structures_are_given_by_name(point) -> None:
    values = dict(point.steps[0].parameters)
    assert values["source"] == "a"
    assert values["target"] in ("b", "c")
    assert 0 <= values["epsilon"] <= 0.02
