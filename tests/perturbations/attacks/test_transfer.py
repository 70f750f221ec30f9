"""An attack made on another model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pytest_segrobust.errors import PerturbationError


def test_it_is_pgd_on_the_surrogate_and_never_asks_the_model(room):
    model, other = room.Softmax(room.convolutional(2)), room.Softmax(room.convolutional(2, seed=1))
    batch = room.batch(model, surrogate=other)
    images = room.run("transfer attack", batch, epsilon=0.05)
    assert model.calls == 0
    on_other = room.batch(other)
    assert torch.equal(images, room.run("pgd", on_other, epsilon=0.05))
    white = room.run("pgd", batch, epsilon=0.05)
    assert bool((room.common_loss(batch, images) < room.common_loss(batch, white)).all())


def test_a_model_without_gradients_can_be_attacked_by_way_of_one_that_has_them(room):
    model = room.Softmax(room.linear(), differentiable=False)
    batch = room.batch(model, surrogate=room.Softmax(room.linear()))
    images = room.run("transfer attack", batch, epsilon=0.05)
    assert bool((room.common_loss(batch, images) > room.common_loss(batch, batch.values)).all())


def test_without_a_surrogate_it_says_what_is_missing(room):
    batch = room.batch(room.Softmax(room.linear()))
    with pytest.raises(PerturbationError, match="name a surrogate"):
        room.run("transfer attack", batch, epsilon=0.05)


def test_random_signs_are_fair_and_of_the_case_alone(room):
    batch = room.batch(room.Softmax(room.linear()), values=torch.full((1, 1, 40, 50), 0.5))
    change = room.run("random perturbation", batch, epsilon=0.05) - batch.values
    assert change.abs().min() > 0.0499
    assert float((change > 0).double().mean()) == pytest.approx(0.5, abs=0.05)
    elsewhere = replace(batch, values=batch.values + 0.1)
    again = room.run("random perturbation", elsewhere, epsilon=0.02) - elsewhere.values
    assert torch.equal(again.sign(), change.sign())
    assert batch.attacked.model.calls == 0
