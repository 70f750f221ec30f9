"""From one structure towards another: the way must be the right one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.attacked import Effort
from pytest_segrobust.perturbations.point import Point


def three_kinds(room, dimensions=2, model=None):
    """Low is background, the middle organ, high tumour, and the model is right everywhere."""
    model = model or room.Softmax(room.linear((-20.0, 0.0, 20.0), (5.0, 0.0, -15.0)))
    batch = room.batch(model, dimensions=dimensions, effort=Effort(15))
    generator = torch.Generator().manual_seed(2)
    kinds = torch.randint(0, 3, batch.values[:, 0].shape, generator=generator)
    values = (0.1 + 0.4 * kinds).unsqueeze(1)
    structures = {"organ": kinds == 1, "tumour": kinds == 2}
    return replace(batch, values=values, attacked=replace(batch.attacked, structures=structures)), kinds


def found(batch, images):
    return batch.attacked.model.log_probabilities(images * 200 + 100, batch.frames)[0].argmax(1)


@pytest.mark.parametrize(("source", "target"), [("tumour", "organ"), ("organ", "tumour"), ("organ", "background")])
def test_the_source_becomes_the_target_and_nothing_else_changes_its_class(room, targeted, dimensions, source, target):
    batch, kinds = three_kinds(room, dimensions)
    number = {"background": 0, "organ": 1, "tumour": 2}
    images = room.run(targeted, batch, source=source, target=target, epsilon=0.3)
    here = kinds == number[source]
    expected = torch.where(here, number[target], kinds)
    assert torch.equal(found(batch, batch.values), kinds)
    assert torch.equal(found(batch, images), expected)
    way = (images - batch.values)[:, 0][here]
    assert bool((way * (number[target] - number[source]) > 0.29).all())


def test_the_loss_towards_the_target_falls(room, targeted):
    model = room.Softmax(room.convolutional(2))
    batch = room.batch(model, effort=Effort(10))
    structures = batch.attacked.structures
    renamed = {"organ": structures["organ"] | structures["tumour"], "tumour": structures["tumour"] & False}
    towards = replace(batch, attacked=replace(batch.attacked, structures=renamed))
    images = room.run(targeted, batch, epsilon=0.05)
    assert bool((room.common_loss(towards, images) < room.common_loss(towards, batch.values) - 0.05).all())


def test_a_region_bounds_where_the_image_changes_not_what_is_asked_for(room):
    batch, kinds = three_kinds(room)
    region = torch.zeros_like(kinds, dtype=torch.bool)
    region[:, :4] = True
    images = room.run("targeted pgd", replace(batch, region=region), epsilon=0.3)
    assert torch.equal(images[:, 0][~region], batch.values[:, 0][~region])
    assert torch.equal(found(batch, images)[region], torch.where(kinds == 2, 1, kinds)[region])


def test_a_case_without_the_source_stays_as_it_is_and_is_no_error(room, targeted):
    batch, _ = three_kinds(room)
    structures = {name: mask.clone() for name, mask in batch.attacked.structures.items()}
    structures["tumour"][0] = False
    attacked = replace(batch.attacked, structures=structures)
    point = Point.of(targeted, epsilon=0.1, source="tumour", target="organ")
    result = perturb(batch.values * 200 + 100, None, [point, point], batch.frames, attacked=attacked)
    assert [strength["changed"] > 0 for strength in result.strengths] == [False, True]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("tumor", "organ", "case case-0: .*'tumor': did you mean 'tumour'"),
        ("tumour", "orgn", "'orgn': did you mean 'organ'"),
        ("background", "organ", "needs a mask of 'background'"),
        ("organ", "organ", "from 'organ' to itself"),
    ],
)
def test_structures_that_there_are_not_are_errors(room, targeted, source, target, message):
    with pytest.raises(PerturbationError, match=message):
        room.run(targeted, three_kinds(room)[0], source=source, target=target, epsilon=0.1)


def test_a_sigmoid_network_loses_one_structure_and_gains_the_other(room, targeted):
    model = room.Sigmoid(lambda unit: torch.stack([40 * unit[:, 0] - 20, 40 * unit[:, 1] - 20], 1))
    batch = room.batch(model, channels=2, effort=Effort(10))
    structures = batch.attacked.structures
    values = 0.4 + 0.2 * torch.stack([structures["organ"], structures["tumour"]], 1).float()
    batch = replace(batch, values=values)
    images = room.run(targeted, batch, epsilon=0.2)
    assert torch.equal(images[:, 0] > 0.5, structures["organ"] | structures["tumour"])
    assert not bool((images[:, 1] > 0.5).any())


@pytest.mark.parametrize("value", ["", " ", 3.0])
def test_a_structure_s_name_is_a_word(value):
    from pytest_segrobust.perturbations.checks import checked

    with pytest.raises(PerturbationError, match="source must name a structure"):
        checked(Point.of("targeted pgd", epsilon=0.1, source=value, target="organ").steps[0])


def test_names_stay_on_the_way_to_the_identity_and_the_constructor_tells_of_them():
    from pytest_segrobust import perturbations

    point = perturbations.targeted_pgd(epsilon=0.2, source="tumour", target="organ")
    assert str(perturbations.towards_identity(point, 0.5)) == "targeted pgd(epsilon=0.1, source=tumour, target=organ)"
    assert perturbations.is_identity(perturbations.identity_point(point))
    assert "epsilon and source (a structure) and target (a structure)" in perturbations.targeted_pgd.__doc__
