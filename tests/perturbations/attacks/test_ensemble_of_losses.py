"""SEA's result is the worst of what its losses find."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pytest_segrobust.perturbations.attacked import Effort
from pytest_segrobust.perturbations.attacks.ensemble_of_losses import LOSSES, sea, stretches
from pytest_segrobust.perturbations.attacks.objective import away_from_truth


@pytest.mark.parametrize(("steps", "expected"), [(300, [90, 90, 120]), (20, [6, 6, 8]), (5, [1, 1, 3]), (1, [0, 0, 1])])
def test_the_radius_shrinks_after_30_30_and_40_percent(steps, expected):
    assert stretches(steps) == expected


def test_no_single_loss_finds_a_lower_dice_in_any_image(room, dimensions):
    network = room.convolutional(dimensions)
    batch = room.batch(room.Softmax(network), dimensions=dimensions, cases=2, effort=Effort(10))
    kinds = network(batch.values).argmax(1)
    batch = replace(batch, attacked=replace(batch.attacked, structures={"organ": kinds == 1, "tumour": kinds == 2}))

    def dices(losses):
        images = sea(batch, epsilon=(0.04, 0.06), losses=losses)
        assert float((images - batch.values).abs().max()) <= 0.06 * (1 + 1e-6)
        return [room.dice(kinds[i], network(images)[i].argmax(0)) for i in range(2)]

    worst = dices(LOSSES)
    singles = [dices((loss,)) for loss in LOSSES]
    assert all(worst[i] <= single[i] + 1e-6 for single in singles for i in range(2))
    assert all(worst[i] == pytest.approx(min(single[i] for single in singles)) for i in range(2))
    assert max(worst) < 0.9


def test_harm_is_lost_dice_of_the_structures_that_are_there_then_the_loss(room):
    batch = room.batch(room.Softmax(room.linear()), cases=3)
    tumour = batch.attacked.structures["tumour"].clone()
    tumour[1] = False
    organ = batch.attacked.structures["organ"]
    batch = replace(batch, attacked=replace(batch.attacked, structures={"organ": organ, "tumour": tumour}))
    objective = away_from_truth(batch)
    found = objective.harm(objective.look(batch.values))
    expected = [1e9 * lost + loss for lost, loss in room.harm(batch, batch.values)]
    assert found.tolist() == pytest.approx(expected, rel=1e-6)


def test_a_lost_structure_of_few_voxels_counts_more_than_many_voxels_of_background(room):
    """Why it is not accuracy that tells which image is worst."""
    batch = room.batch(room.Softmax(room.linear()), cases=1, values=torch.full((1, 1, 20, 20), 0.1))
    tumour = torch.zeros(1, 20, 20, dtype=torch.bool)
    tumour[0, 0, :2] = True
    batch = replace(batch, attacked=replace(batch.attacked, structures={"organ": tumour & False, "tumour": tumour}))
    objective = away_from_truth(batch)
    lost, noisy = batch.values, torch.where(tumour, 0.9, 0.1).reshape(1, 1, 20, 20).clone()
    noisy[0, 0, 10, :10] = 0.9
    assert objective.harm(objective.look(lost)) > objective.harm(objective.look(noisy)) > 0
