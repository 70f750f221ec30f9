"""SWAG: a Gaussian over the weights through which training passes at its end (Maddox et al. 2019).

Chosen before a Laplace approximation of the last layer because it needs gradients of training alone, works for any
network and loss, and speaks of all layers. Its covariance is half the diagonal of the snapshots' variance and half the
covariance of the last `rank` of them:

    w = mean + sqrt(scale) (sd * z1 + D z2 / sqrt(K - 1)),  scale = 1/2,  K columns in D, z1 and z2 standard normal.

Two departures from the paper, both for few snapshots: the columns of D are deviations from the mean of all snapshots
(there from the running mean, which makes the first one 0), and variances divide by one less than the count.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.func import functional_call

if TYPE_CHECKING:
    from collections.abc import Iterable

RANK = 10


class Swag(nn.Module):
    """Collects weights of a network in training, draws weights from their Gaussian, and is a network itself.

    Each forward pass has one draw of weights from torch's global generator, in training and at evaluation: stochastic
    by itself. Everything is in buffers, so that `state_dict` holds it. Batch norm's running statistics belong to the
    network that was collected last, not to a draw: call `renew_statistics`, or use instance norm, which has none.
    """

    mean: torch.Tensor
    squares: torch.Tensor
    snapshots: torch.Tensor
    count: torch.Tensor

    def __init__(self, network: nn.Module, rank: int = RANK, scale: float = 0.5) -> None:
        super().__init__()
        if rank < 2:
            raise ValueError(f"rank must be at least 2, not {rank}")
        self.network = copy.deepcopy(network).requires_grad_(requires_grad=False)
        self.scale = scale
        size = len(_flat(network))
        like = next(network.parameters())
        self.register_buffer("mean", torch.zeros(size, device=like.device))
        self.register_buffer("squares", torch.zeros(size, device=like.device))  # sum of squared deviations (Welford)
        self.register_buffer("snapshots", torch.zeros(rank, size, device=like.device))  # a ring of the last weights
        self.register_buffer("count", torch.tensor(0, device=like.device))

    @torch.no_grad()
    def collect(self, network: nn.Module) -> None:
        """Take the weights of the network as one more snapshot."""
        weights = _flat(network)
        self.snapshots[int(self.count) % len(self.snapshots)] = weights
        self.count += 1
        deviation = weights - self.mean
        self.mean += deviation / self.count
        self.squares += deviation * (weights - self.mean)
        own = dict(self.network.named_buffers())
        for name, value in network.named_buffers():
            own[name].copy_(value)

    @property
    def variance(self) -> torch.Tensor:
        """The snapshots' variance of each weight, (weights,)."""
        self._demand_snapshots()
        return self.squares / (self.count - 1)

    @property
    def deviations(self) -> torch.Tensor:
        """The last snapshots less the mean of all, (up to rank, weights)."""
        self._demand_snapshots()
        return self.snapshots[: min(int(self.count), len(self.snapshots))] - self.mean

    def sample(self, generator: torch.Generator | None = None) -> dict[str, torch.Tensor]:
        """The state of a network with weights drawn from the Gaussian; its buffers are the last snapshot's."""
        deviations = self.deviations
        own = torch.randn(self.mean.shape, generator=generator).to(self.mean)
        shared = torch.randn(len(deviations), generator=generator).to(self.mean)
        spread = self.variance.sqrt() * own + shared @ deviations / (len(deviations) - 1) ** 0.5
        return self._state(self.mean + self.scale**0.5 * spread)

    def mean_weights(self) -> dict[str, torch.Tensor]:
        """The state of a network with the mean weights (SWA)."""
        self._demand_snapshots()
        return self._state(self.mean)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """What the network makes of the image with one draw of weights."""
        output: torch.Tensor = functional_call(self.network, self.sample(), (image,))
        return output

    def _state(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        state = {name: value.clone() for name, value in self.network.state_dict().items()}
        place = 0
        for name, parameter in self.network.named_parameters():
            part = weights[place : place + parameter.numel()]
            state[name] = part.reshape(parameter.shape).to(parameter.dtype)
            place += parameter.numel()
        return state

    def _demand_snapshots(self) -> None:
        if self.count < 2:
            raise ValueError(f"{int(self.count)} snapshots collected: a Gaussian needs at least two")


@torch.no_grad()
def renew_statistics(network: nn.Module, images: Iterable[torch.Tensor]) -> None:
    """Give batch norms the statistics of batches of images (N, channels, *spatial) under the network's weights now."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]  # noqa: SLF001  all dimensions
    modes = {module: module.training for module in network.modules()}
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    for batch in images:
        network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for module, mode in modes.items():
        module.training = mode


def _flat(network: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().float() for parameter in network.parameters()])
