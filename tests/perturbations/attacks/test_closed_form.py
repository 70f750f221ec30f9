"""Models whose worst case in a ball is known: every search must find it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pytest_segrobust.perturbations.attacked import Effort


def weighted(dimensions, seed=3):
    """A model whose cross-entropy is the mean of w u exactly, and w."""
    from math import prod

    shape = {2: (9, 12), 3: (6, 7, 5)}[dimensions]
    weights = torch.randn(prod(shape), generator=torch.Generator().manual_seed(seed)).reshape(shape)
    return weights, lambda unit: torch.stack([-weights * unit[:, 0]] * 3, 1)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "apgd", "transfer attack"])
def test_a_linear_loss_is_worst_at_the_corner_of_the_l_infinity_ball(room, name, dimensions):
    weights, logits = weighted(dimensions)
    model = room.Raw(logits)
    batch = room.batch(model, dimensions=dimensions, cases=3, effort=Effort(12), surrogate=model)
    images = room.run(name, batch, epsilon=(0.01, 0.05, 0.1))
    for i, epsilon in enumerate((0.01, 0.05, 0.1)):
        torch.testing.assert_close(images[i, 0], batch.values[i, 0] + epsilon * weights.sign(), rtol=0, atol=2e-7)


@pytest.mark.parametrize(
    ("name", "tolerance"), [("fgsm", 1e-6), ("pgd", 2e-3), ("apgd", 2e-3), ("transfer attack", 2e-3)]
)
def test_a_linear_loss_is_worst_along_its_gradient_in_the_l2_ball(room, name, tolerance, dimensions):
    weights, logits = weighted(dimensions)
    model = room.Raw(logits)
    batch = room.batch(model, dimensions=dimensions, cases=2, effort=Effort(40), surrogate=model)
    images = room.run(name, batch, l2=(0.01, 0.02))
    for i, l2 in enumerate((0.01, 0.02)):
        rise = float((weights * (images[i, 0] - batch.values[i, 0])).sum())
        worst = l2 * weights.numel() ** 0.5 * float(weights.norm())  # Cauchy-Schwarz
        assert rise == pytest.approx(worst, rel=tolerance)
        assert rise <= worst * (1 + 1e-6)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "segpgd", "cospgd", "apgd", "sea"])
def test_two_classes_are_pushed_away_from_the_truth_at_every_voxel_that_can_be(room, name, dimensions):
    model = room.Softmax(lambda unit: torch.stack([0 * unit[:, 0], 5 * unit[:, 0] - 2.5, 0 * unit[:, 0] - 50], 1))
    batch = room.batch(model, dimensions=dimensions, effort=Effort(20))
    organ = batch.values[:, 0] > 0.5
    structures = {"organ": organ, "tumour": organ & ~organ}
    batch = replace(batch, attacked=replace(batch.attacked, structures=structures))
    images = room.run(name, batch, epsilon=0.05)
    worst = batch.values[:, 0] + 0.05 * (1 - 2.0 * organ)
    lost = (worst > 0.5) != organ
    assert 0 < int(lost.sum()) < lost.numel()
    if name == "sea":  # whose losses forget the voxels that are lost: it is right where no voxel is left to lose
        assert torch.equal((images[:, 0] > 0.5) != organ, lost)
    else:
        torch.testing.assert_close(images[:, 0], worst, rtol=0, atol=2e-7)


def test_the_image_s_own_range_of_intensities_is_a_wall(room):
    weights, logits = weighted(2)
    values = torch.zeros(1, 1, 9, 12)
    values[0, 0, 0] = -0.02
    batch = room.batch(room.Raw(logits), values=values)
    images = room.run("pgd", batch, epsilon=0.1)
    expected = torch.where(weights > 0, values[0, 0] + 0.1, torch.tensor(-0.02))
    torch.testing.assert_close(images[0, 0], expected, rtol=0, atol=1e-7)


def test_several_starts_are_as_many_random_ones_and_the_clean_image(room):
    seen = []

    def logits(unit):
        seen.append(unit.detach().clone())
        return room.linear()(unit)

    batch = room.batch(room.Softmax(logits), effort=Effort(steps=1, restarts=2))
    room.run("pgd", batch, epsilon=0.05)
    # clean and single step, then a start and its last image three times, the third start being the clean image
    assert len(seen) == 2 + 3 * 2
    first, second, third = seen[2], seen[4], seen[6]
    torch.testing.assert_close(third, batch.values, rtol=0, atol=1e-6)
    assert not torch.equal(first, second)
    spread = (first - batch.values) / 0.05
    assert float(spread.abs().max()) <= 1 + 1e-5
    assert float(spread.std()) == pytest.approx(3**-0.5, rel=0.1)


def test_all_steps_together_are_two_and_a_half_radii_long(room):
    seen = []

    def logits(unit):
        seen.append(unit.detach().clone())
        return torch.stack([-unit[:, 0], 0 * unit[:, 0], 0 * unit[:, 0]], 1)

    batch = room.batch(room.Raw(logits), cases=1, effort=Effort(steps=10))
    nothing = torch.zeros_like(batch.attacked.structures["organ"])
    batch = replace(batch, attacked=replace(batch.attacked, structures={"organ": nothing, "tumour": nothing}))
    room.run("pgd", batch, epsilon=0.08)
    step = (seen[3] - seen[2]).max()
    assert float(step) == pytest.approx(2.5 * 0.08 / 10, rel=1e-4)
