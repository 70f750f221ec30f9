"""Every family learns a toy problem, the same one with the same seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from pytest_segrobust.reference_networks.bayes_by_backprop import MeanFieldUNet
from pytest_segrobust.reference_networks.elbo import elbo
from pytest_segrobust.reference_networks.super_unet import SuperUNet
from pytest_segrobust.reference_networks.swag import Swag
from pytest_segrobust.reference_networks.training import (
    build,
    segmentation_loss,
    train,
    train_means,
    variational_loss,
)
from pytest_segrobust.reference_networks.unet import UNet

FORM = {"filters": (8, 8), "convolutions": 1}
RATE = 3e-2
FAMILIES: dict[str, Callable[[int], nn.Module]] = {
    "deterministic": lambda dimensions: UNet(dimensions, **FORM),
    "dropout": lambda dimensions: UNet(dimensions, dropout=0.5, **FORM),
    "SUPER-Net": lambda dimensions: SuperUNet(dimensions, **FORM),
    "mean-field, local": lambda dimensions: MeanFieldUNet(dimensions, **FORM),
    "mean-field, weights": lambda dimensions: MeanFieldUNet(dimensions, estimator="weights", **FORM),
}


def accuracy(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The part of foreground voxels that get their label."""
    with torch.no_grad():
        output = network(images)
    scores = output[0] if isinstance(output, tuple) else output
    inside = labels > 0
    return (scores.argmax(1) == labels)[inside].float().mean().item()


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_falls_and_new_images_are_segmented(family: str, dimensions: int, toy_batches: Callable) -> None:
    network = build(lambda: FAMILIES[family](dimensions), 0)
    size = 16 if dimensions == 2 else 8
    batches = toy_batches(0, dimensions, size)
    if isinstance(network, SuperUNet):
        train_means(network, batches, iterations=30, seed=0, learning_rate=RATE)
    losses = train(network, batches, iterations=40, seed=0, learning_rate=RATE, warm_up=5)
    assert len(losses) == 40
    assert sum(losses[-5:]) / 5 < sum(losses[:5]) / 5 - 0.5
    assert not network.training
    assert accuracy(network, *next(toy_batches(1, dimensions, size))) > 0.8


def test_super_net_s_variance_is_larger_where_it_is_wrong(toy_batches: Callable) -> None:
    network = build(lambda: SuperUNet(2, **FORM), 0)
    batches = toy_batches()
    train_means(network, batches, iterations=30, seed=0, learning_rate=RATE)
    train(network, batches, iterations=40, seed=0, learning_rate=RATE)
    images, labels = next(toy_batches(1))
    with torch.no_grad():
        probabilities, variances = network(images)
    chosen = probabilities.argmax(1, keepdim=True)
    variance = variances.gather(1, chosen)[:, 0]
    wrong = chosen[:, 0] != labels
    assert 0 < wrong.sum() < 200
    assert variance[wrong].mean() > 2 * variance[~wrong].mean()


def test_training_the_means_leaves_the_variances_and_is_training_the_deterministic_network(
    toy_batches: Callable,
) -> None:
    network = build(lambda: SuperUNet(2, **FORM), 0)
    plain, before = network.deterministic(), network.last.rho.detach().clone()
    train_means(network, toy_batches(), iterations=5, seed=0)
    train(plain, toy_batches(), iterations=5, seed=0)
    assert torch.equal(network.last.rho, before)
    for name, value in network.deterministic().state_dict().items():
        assert torch.equal(value, plain.state_dict()[name])


def test_swag_collects_at_the_end_and_its_draws_segment(toy_batches: Callable) -> None:
    network = build(lambda: UNet(2, norm="instance", **FORM), 0)
    swag = Swag(network, rank=5)
    train(network, toy_batches(), iterations=60, seed=0, learning_rate=RATE, swag=swag, collect_every=2)
    assert swag.count == 8
    assert swag.variance.sqrt().mean() > 1e-4
    images, labels = next(toy_batches(1))
    torch.manual_seed(0)
    assert not torch.equal(swag(images), swag(images))
    assert accuracy(swag, images, labels) > 0.7


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_repeats_the_training_and_another_does_not(family: str, toy_batches: Callable) -> None:
    def weights(seed: int, noise: int = 0) -> torch.Tensor:
        torch.manual_seed(noise)  # what the global generator was before has no influence
        network = build(lambda: FAMILIES[family](2), seed)
        train(network, toy_batches(), iterations=3, seed=seed)
        return nn.utils.parameters_to_vector(network.parameters())

    first = weights(0)
    assert torch.equal(first, weights(0, noise=9))
    assert not torch.equal(first, weights(1))


@pytest.mark.parametrize("family", ["dropout", "mean-field, local"])
def test_the_seed_of_training_alone_makes_another_network_of_the_stochastic(family: str, toy_batches: Callable) -> None:
    trained = []
    for seed in (0, 1):
        network = build(lambda: FAMILIES[family](2), 0)
        train(network, toy_batches(), iterations=3, seed=seed)
        trained.append(nn.utils.parameters_to_vector(network.parameters()))
    assert not torch.equal(*trained)


def test_the_global_generator_is_left_as_it_was(toy_batches: Callable) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    network = build(lambda: UNet(2, dropout=0.5, **FORM), 0)
    train(network, toy_batches(), iterations=2, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_are_clipped_to_norm_one(toy_batches: Callable) -> None:
    network = build(lambda: UNet(2, **FORM), 0)
    train(network, toy_batches(), iterations=1, seed=0, loss=lambda *batch: 1e3 * segmentation_loss(*batch))
    norm = torch.stack([parameter.grad.norm() for parameter in network.parameters()]).norm()
    assert norm.item() == pytest.approx(1, abs=1e-4)


def test_the_loss_of_logits_is_cross_entropy_less_the_logarithm_of_dice() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 4, generator=generator)
    labels = torch.randint(3, (2, 4, 4), generator=generator)
    probabilities = logits.softmax(1)
    expected = (
        -sum(probabilities[n, labels[n, i, j], i, j].log() for n in range(2) for i in range(4) for j in range(4)) / 32
    )
    for label in (1, 2):
        here = labels == label
        found = probabilities[:, label]
        expected -= ((2 * found[here].sum() + 1) / (found.sum() + here.sum() + 1)).log() / 2
    torch.testing.assert_close(segmentation_loss(lambda _: logits, torch.empty(0), labels), expected)


def test_the_divergence_draws_weights_towards_the_prior(toy_batches: Callable) -> None:
    sizes = []
    for beta in (0.0, 1.0):
        network = build(lambda: MeanFieldUNet(2, **FORM), 0)
        loss = partial(variational_loss, beta=beta)
        train(network, toy_batches(), iterations=20, seed=0, learning_rate=1e-2, loss=loss)
        sizes.append(network.divergence().item())
    assert sizes[1] < 0.99 * sizes[0]
    network = build(lambda: SuperUNet(2, **FORM), 0)
    before = network.last.rho.detach().clone()
    train(network, toy_batches(), iterations=5, seed=0, loss=partial(elbo, beta=1.0))
    assert (network.last.rho > before).all()


@pytest.mark.parametrize("family", ["SUPER-Net", "mean-field, local"])
def test_rho_goes_at_its_own_rate_and_all_else_at_the_other(family: str, toy_batches: Callable) -> None:
    """Adam's first step is its learning rate, whatever the gradient."""
    network = build(lambda: FAMILIES[family](2), 0)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    train(network, toy_batches(), iterations=1, seed=0, learning_rate=1e-3, rho_rate=20)
    for name, value in network.named_parameters():
        step = 2e-2 if name.endswith(".rho") else 1e-3
        assert (value - before[name]).abs().max().item() == pytest.approx(step, rel=1e-2), name


def test_wrong_uses_are_refused(toy_batches: Callable) -> None:
    batches = [batch for batch, _ in zip(toy_batches(), range(2), strict=False)]
    with pytest.raises(ValueError, match="2 batches for 3 iterations"):
        train(UNet(2, **FORM), batches, iterations=3, seed=0)
    with pytest.raises(FloatingPointError, match="iteration 1"):
        train(UNet(2, **FORM), [(batches[0][0] * float("nan"), batches[0][1])], iterations=1, seed=0)
    with pytest.raises(TypeError, match="UNet has no random weights"):
        variational_loss(UNet(2, **FORM), *batches[0])
