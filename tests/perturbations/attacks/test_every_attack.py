"""What holds for every attack, whatever its search."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.attacked import Effort
from pytest_segrobust.perturbations.catalogue import StructureName, catalogue
from pytest_segrobust.perturbations.point import Point

RADII = {"epsilon": (0.02, 0.07), "snr": (30.0, 15.0), "l2": (0.01, 0.04)}


def with_surrogate(room, batch, dimensions):
    surrogate = room.Softmax(room.convolutional(dimensions, channels=batch.values.shape[1], seed=1))
    return replace(batch, attacked=replace(batch.attacked, surrogate=surrogate))


def test_each_sample_stays_in_its_own_ball_and_in_its_region(room, attack, radius, dimensions):
    generator = torch.Generator().manual_seed(5)
    shape = (2, 2, *((9, 12) if dimensions == 2 else (6, 7, 5)))
    values = -0.3 + 2 * torch.rand(shape, generator=generator)
    region = torch.rand(shape[0], *shape[2:], generator=generator) < 0.4
    model = room.Softmax(room.convolutional(dimensions, channels=2))
    batch = room.batch(model, dimensions=dimensions, channels=2, values=values, region=region, effort=Effort(3, 1, 40))
    batch = with_surrogate(room, batch, dimensions)
    images = room.run(attack, batch, **{radius: RADII[radius]})
    assert not torch.equal(images, values)
    assert images.shape == values.shape
    assert images.dtype == values.dtype
    for i, number in enumerate(RADII[radius]):
        change = (images[i].double() - values[i].double())[:, region[i]]
        inside = values[i].double()[:, region[i]]
        assert torch.equal(images[i][:, ~region[i]], values[i][:, ~region[i]])
        found = float(change.abs().max()) if radius != "l2" else float((change**2).mean().sqrt())
        allowed = number if radius != "snr" else float((inside**2).mean().sqrt()) * 10 ** (-number / 20)
        assert found <= allowed * (1 + 1e-6)
        assert not found or found > 0.3 * allowed  # 0 where nothing in the ball is worse than the image itself
        for channel in range(2):
            assert images[i, channel].min() >= min(float(values[i, channel].min()), 0)
            assert images[i, channel].max() <= max(float(values[i, channel].max()), 1)


def test_twice_is_the_same_and_a_sample_does_not_know_its_batch(room, attack, radius):
    batch = room.batch(
        room.Softmax(room.linear()), cases=3, effort=Effort(4, 2, 15), surrogate=room.Softmax(room.linear())
    )
    numbers = dict(
        zip(("epsilon", "snr", "l2"), ((0.03, 0.1, 0.05), (20.0, 12.0, 26.0), (0.02, 0.05, 0.1)), strict=True)
    )
    images = room.run(attack, batch, **{radius: numbers[radius]})
    assert torch.equal(images, room.run(attack, batch, **{radius: numbers[radius]}))
    for i in range(3):
        alone = room.run(attack, room.one_of(batch, i), **{radius: numbers[radius][i : i + 1]})
        assert torch.equal(alone[0], images[i])


def test_through_perturb_the_loss_rises_and_identity_stays(room, guided):
    model = room.Softmax(room.linear())
    batch = room.batch(model, cases=2, effort=Effort(4, 1, 30), surrogate=model)
    images = batch.values * 200 + 100
    points = [Point.of(guided, epsilon=0.05), Point.of(guided, epsilon=0.0)]
    result = perturb(images, None, points, batch.frames, attacked=batch.attacked)
    assert torch.equal(result.images[1], images[1])
    unit = (result.images - 100) / 200
    assert float((unit - batch.values)[0].abs().max()) == pytest.approx(0.05, rel=1e-4)
    assert room.common_loss(batch, unit)[0] > room.common_loss(batch, batch.values)[0]


def test_an_snr_is_what_is_measured_where_every_voxel_moves(room):
    model = room.Softmax(room.linear())
    batch = room.batch(model, cases=1)
    result = perturb(
        batch.values * 200 + 100, None, [Point.of("random perturbation", snr=25)], batch.frames, attacked=batch.attacked
    )
    assert result.strengths[0]["snr"] == pytest.approx(25, abs=0.01)
    assert result.strengths[0]["changed"] == 1


def test_an_attack_beats_random_perturbation_widely(room, guided, dimensions):
    network = room.convolutional(dimensions)
    batch = room.batch(
        room.Softmax(network), dimensions=dimensions, effort=Effort(10, 1, 150), surrogate=room.Softmax(network)
    )
    kinds = network(batch.values).argmax(1)  # right everywhere to begin with
    batch = replace(batch, attacked=replace(batch.attacked, structures={"organ": kinds == 1, "tumour": kinds == 2}))
    clean, random, worst = (
        room.common_loss(batch, images)
        for images in (
            batch.values,
            room.run("random perturbation", batch, epsilon=0.02),
            room.run(guided, batch, epsilon=0.02),
        )
    )
    factor = 2 if guided == "square attack" else 4
    assert bool((worst - clean > factor * (random - clean).abs()).all())


@pytest.mark.parametrize("radius_", [{"epsilon": 0.05}, {"l2": 0.03}])
def test_no_iterative_attack_is_weaker_than_the_single_step(room, iterative, dimensions, radius_):
    model = room.Softmax(room.convolutional(dimensions))
    batch = room.batch(model, dimensions=dimensions, effort=Effort(steps=1), surrogate=model)
    single = room.harm(batch, room.run("fgsm", batch, **radius_))
    found = room.harm(batch, room.run(iterative, batch, **radius_))
    assert all(one >= other for one, other in zip(found, single, strict=True))


def test_a_model_without_gradients_is_searched_by_squares(room, guided):
    model = room.Softmax(room.convolutional(2), differentiable=False)
    batch = room.batch(model, surrogate=model, effort=Effort(2, 1, 60))
    images = room.run(guided, batch, epsilon=0.05)
    assert model.calls == 60
    assert torch.equal(images, room.run("square attack", batch, epsilon=0.05))
    assert all(one > other for one, other in zip(room.harm(batch, images), room.harm(batch, batch.values), strict=True))


def test_a_targeted_attack_without_gradients_wins_the_target_by_squares(room, targeted):
    model = room.Softmax(room.linear(), differentiable=False)
    batch = room.batch(model, effort=Effort(2, 1, 120))
    wanted = (batch.attacked.structures["organ"] | batch.attacked.structures["tumour"]).long()
    images = room.run(targeted, batch, epsilon=0.2)
    for place in range(2):
        after, before = (
            room.dice(wanted[place], room.linear()(values)[place].argmax(0)) for values in (images, batch.values)
        )
        assert after > before


def test_a_model_whose_gradient_is_zero_is_shaken_at_random(room, attack):
    model = room.Softmax(lambda unit: torch.stack([0 * unit[:, 0] + k for k in range(3)], 1))
    batch = room.batch(model, surrogate=model, effort=Effort(2, 1, 5))
    images = room.run(attack, batch, epsilon=0.05)
    assert bool((images != batch.values).flatten(1).any(1).all())
    assert bool(torch.isfinite(images).all())


def test_a_gradient_that_is_not_finite_is_no_direction(room, attack):
    def logits(unit):
        smooth = torch.stack([-8 * unit[:, 0], 0 * unit[:, 0], 8 * unit[:, 0] - 4], 1)
        return smooth + (unit[:, :1] - unit[:, :1].detach()).abs().sqrt()  # its slope is infinite where it is 0

    model = room.Softmax(logits)
    batch = room.batch(model, surrogate=model, effort=Effort(3, 1, 5))
    assert bool(torch.isfinite(room.run(attack, batch, epsilon=0.05)).all())


def test_an_image_that_makes_the_model_answer_nan_is_the_worst(room, guided):
    def logits(unit):
        z = room.linear()(unit)
        return torch.where(unit[:, :1].amax(dim=(1, 2, 3), keepdim=True) > 0.95, torch.nan, z)

    model = room.Softmax(logits)
    batch = room.batch(model, effort=Effort(4, 1, 10), surrogate=model)
    images = room.run(guided, batch, epsilon=0.1)
    batch = replace(batch, values=batch.values * 0.9)
    assert bool(images.isfinite().all())
    assert bool((images.flatten(1).amax(1) > 0.95).all())


def test_ignored_voxels_push_nothing(room, guided):
    model = room.Softmax(room.linear())
    batch = room.batch(model, effort=Effort(3, 1, 30), surrogate=model)
    unknown = torch.zeros_like(batch.attacked.structures["organ"])
    unknown[:, :, :4] = True
    batch = replace(
        batch, attacked=replace(batch.attacked, structures={**batch.attacked.structures, "unknown": unknown})
    )
    images = room.run(guided, batch, epsilon=0.05)
    assert bool((room.common_loss(batch, images) > room.common_loss(batch, batch.values)).all())
    if guided == "fgsm":
        assert torch.equal(images[:, 0][unknown], batch.values[:, 0][unknown])
        assert bool((images[:, 0][~unknown] != batch.values[:, 0][~unknown]).all())


def test_nothing_is_known_of_any_voxel(room, attack):
    model = room.Softmax(room.linear())
    batch = room.batch(model, effort=Effort(2, 1, 5), surrogate=model)
    everything = torch.ones_like(batch.attacked.structures["organ"])
    structures = {**batch.attacked.structures, "unknown": everything}
    batch = replace(batch, attacked=replace(batch.attacked, structures=structures))
    if attack.startswith("targeted"):
        with pytest.raises(PerturbationError, match="no class of the model is 'organ' where 'tumour' was"):
            room.run(attack, batch, epsilon=0.05)
        return
    assert bool(torch.isfinite(room.run(attack, batch, epsilon=0.05)).all())


def test_attacks_work_where_gradients_are_switched_off_and_leave_none_behind(room, attack):
    model = room.Softmax(room.convolutional(2))
    batch = room.batch(model, effort=Effort(2, 1, 5), surrogate=model)
    expected = room.run(attack, batch, epsilon=0.05)
    with torch.no_grad():
        assert torch.equal(room.run(attack, batch, epsilon=0.05), expected)
    with torch.inference_mode():
        inside = room.batch(model, effort=Effort(2, 1, 5), surrogate=model)
        assert torch.equal(room.run(attack, inside, epsilon=0.05), expected)
    assert not expected.requires_grad


def test_an_attack_leaves_the_image_it_was_given(room, attack):
    model = room.Softmax(room.linear())
    batch = room.batch(model, effort=Effort(3, 1, 5), surrogate=model)
    before = batch.values.clone()
    room.run(attack, batch, epsilon=0.05)
    assert torch.equal(batch.values, before)


def test_two_heads_of_a_sigmoid_network_are_both_attacked(room, guided):
    model = room.Sigmoid(lambda unit: torch.stack([6 * unit[:, 0] - 3, 3 - 6 * unit[:, 1]], 1))
    batch = room.batch(model, channels=2, effort=Effort(6, 1, 80), surrogate=model)
    images = room.run(guided, batch, epsilon=0.05)
    organ, tumour = batch.attacked.structures["organ"], batch.attacked.structures["tumour"]
    assert bool((room.common_loss(batch, images) > room.common_loss(batch, batch.values)).all())
    if guided in ("fgsm", "pgd", "cospgd"):  # each channel decides one head: its worst case is known
        worst = torch.stack(
            [batch.values[:, 0] + 0.05 * (1 - 2.0 * organ), batch.values[:, 1] - 0.05 * (1 - 2.0 * tumour)], 1
        )
        torch.testing.assert_close(images, worst, rtol=0, atol=1e-6)


def test_the_catalogue_says_of_each_attack_that_it_is_one(attack):
    perturbation = catalogue()[attack]
    assert perturbation.modalities == ("any",)
    assert not perturbation.differentiable
    assert [next(p.name for p in group) for group in perturbation.alternatives] == ["epsilon", "snr", "l2"]
    words = [p.name for p in perturbation.parameters.values() if isinstance(p, StructureName)]
    assert words == (["source", "target"] if attack.startswith("targeted") else [])


def test_an_attack_needs_a_model(room):
    batch = replace(room.batch(room.Softmax(room.linear())), attacked=None)
    with pytest.raises(PerturbationError, match="needs the model under attack"):
        room.run("pgd", batch, epsilon=0.05)
