"""Training any of the families on batches that the caller makes, for a fixed number of iterations and with a seed.

The same seed and batches give the same weights on one machine and thread count; torch's global generator is left as it
was found. An ensemble is several seeds: `build` and `train` once for each.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.nn import functional

from pytest_segrobust.reference_networks.bayes_by_backprop import MeanFieldUNet
from pytest_segrobust.reference_networks.elbo import elbo
from pytest_segrobust.reference_networks.overlap import log_dice
from pytest_segrobust.reference_networks.super_unet import SuperUNet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import nn

    from pytest_segrobust.reference_networks.swag import Swag

    Batch = tuple[torch.Tensor, torch.Tensor]
    Loss = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]

Network = TypeVar("Network", bound="nn.Module")

LEARNING_RATE = 1e-3
CLIPPING = 1.0  # largest norm of the gradient of all weights together (the authors': of each tensor)
COLLECTING = 0.25  # last part of the iterations, in which SWAG collects


def build(make: Callable[[], Network], seed: int) -> Network:
    """A network whose starting weights depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def train(
    network: nn.Module,
    batches: Iterable[Batch],
    *,
    iterations: int,
    seed: int,
    learning_rate: float = LEARNING_RATE,
    warm_up: int = 0,
    rho_rate: float = 1.0,
    loss: Loss | None = None,
    swag: Swag | None = None,
    collect_every: int = 5,
) -> list[float]:
    """Train on images (N, channels, *spatial) and labels (N, *spatial); the loss of each iteration.

    Adam, whose learning rate rises over `warm_up` iterations and falls as a cosine. With `swag` it stays at half its
    height through the last quarter, where every `collect_every`-th weights are collected. `rho_rate` times the learning
    rate is that of rho, of which the deviations of random weights are made: it has units to go where weights have
    hundredths, and hardly leaves its start at the rate of weights. The network is left in evaluation mode. `loss` is the family's own where none is given: see `loss_of`.

    Raises:
        ValueError: fewer batches than iterations.
        FloatingPointError: the loss is no longer finite.
    """
    loss = loss or loss_of(network)
    optimiser = torch.optim.Adam(_groups(network, learning_rate, rho_rate))
    calm = iterations - math.ceil(COLLECTING * iterations) if swag else iterations

    def rate(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        part = (step - warm_up) / max(1, calm - warm_up)
        return 0.5 if swag and step >= calm else 0.5 * (1 + math.cos(math.pi * part * (0.5 if swag else 1)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    losses: list[float] = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # dropout, and draws of random weights
        network.train()
        remaining = iter(batches)
        for step in range(iterations):
            batch = next(remaining, None)
            if batch is None:
                raise ValueError(
                    f"{step} batches for {iterations} iterations: repeat them, or ask for fewer iterations"
                )
            value = loss(network, *batch)
            losses.append(value.item())
            if not math.isfinite(losses[-1]):
                raise FloatingPointError(f"the loss is {losses[-1]} in iteration {step + 1}: lower the learning rate")
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIPPING)
            optimiser.step()
            schedule.step()
            if swag and step >= calm and (step - calm) % collect_every == 0:
                swag.collect(network)
    network.eval()
    if swag:
        swag.eval()
    return losses


def _groups(network: nn.Module, learning_rate: float, rho_rate: float) -> list[dict[str, Any]]:
    """What Adam is given: rho apart from all other parameters, which come first."""
    parts: dict[bool, list[torch.Tensor]] = {False: [], True: []}
    for name, parameter in network.named_parameters():
        parts[name.endswith(".rho")].append(parameter)
    rates = {False: learning_rate, True: learning_rate * rho_rate}
    return [{"params": parts[rho], "lr": rates[rho]} for rho in parts if parts[rho]]


def train_means(
    network: SuperUNet,
    batches: Iterable[Batch],
    *,
    iterations: int,
    seed: int,
    learning_rate: float = LEARNING_RATE,
    warm_up: int = 0,
) -> list[float]:
    """Train the means of a SUPER-Net as the deterministic network that they are; call `train` after it.

    Train them until every structure is found: a structure that is missing then, `elbo` does not bring back, it calls it
    uncertain. A third of this learning rate or less does well for `train`.

    From random means the loss of `elbo` often gets stuck, or rises, on voxels that are wrong and sure: a saturated softmax
    gives neither their probability nor their variance a gradient. (A pitfall of Gaussian likelihoods with a variance of
    their own, Seitzer et al. 2022; the authors of SUPER-Net start from random means.)
    """
    plain = network.deterministic()
    losses = train(plain, batches, iterations=iterations, seed=seed, learning_rate=learning_rate, warm_up=warm_up)
    network.take_means(plain)
    return losses


def loss_of(network: nn.Module) -> Loss:
    """The family's loss with its usual weight of the divergence; wrap `elbo` or `variational_loss` for another."""
    if isinstance(network, SuperUNet):
        return elbo
    return variational_loss if isinstance(network, MeanFieldUNet) else segmentation_loss


def segmentation_loss(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy less the logarithm of soft Dice of logits.

    With 1 - Dice, or with cross-entropy alone, small U-Nets on the hippocampus lose one of its two structures for good.
    """
    logits: torch.Tensor = network(images)
    return functional.cross_entropy(logits, labels.long()) - log_dice(logits.softmax(1), labels)


def variational_loss(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, beta: float = 1e-6, prior: float = 1.0
) -> torch.Tensor:
    """The segmentation loss of one draw of weights plus beta times their divergence from N(0, prior^2).

    The segmentation loss is a mean over voxels: a beta of 1 / (voxels of all training images) weighs both as the
    evidence's lower bound does, up to the Dice term.
    """
    if not isinstance(network, MeanFieldUNet):
        raise TypeError(f"{type(network).__name__} has no random weights: use segmentation_loss")
    return segmentation_loss(network, images, labels) + beta * network.divergence(prior)
