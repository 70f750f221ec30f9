"""Convolution of Gaussian activations with Gaussian kernels, one variance for all weights of an output channel.

Source: SUPER-Net / variational density propagation. Kernel k ~ N(mu_k, sigma_k^2 I), sigma_k^2 = softplus(rho_k).
For independent activations of mean m and variance v the moments are exact:

    m'_k = mu_k * m
    v'_k = sigma_k^2 (1 * m^2) + mu_k^2 * v + sigma_k^2 (1 * v)

where * is the convolution and 1 a kernel of ones over the window and all input channels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from pytest_segrobust.reference_networks.dimensions import CONVOLVE
from pytest_segrobust.reference_networks.gaussian import Gaussian

if TYPE_CHECKING:
    from pytest_segrobust.reference_networks.unet import Role

RHO = {"hidden": (-12.0, -4.6), "up": (-4.6, -2.2), "last": (-4.6, -2.2)}
"""Range from which rho starts, uniformly: sigma^2 from 6e-6 to 0.01, and from 0.01 to 0.1."""

MU = 0.1  # standard deviation of the truncated normal distribution of the starting means


class PropagatingConvolution(nn.Module):
    """A convolution that keeps the grid; outside the image activations are certainly 0.

    (The authors' code pads the decoder's variances with a hand-set constant, which is left out here: padding is known.)
    A bias is deterministic: it moves the mean alone.
    """

    def __init__(self, dimensions: int, channels: int, filters: int, size: int, role: Role = "hidden") -> None:
        super().__init__()
        self.dimensions = dimensions
        self.padding = size // 2
        self.weight = nn.Parameter(torch.empty(filters, channels, *(size,) * dimensions))
        self.rho = nn.Parameter(torch.empty(filters))
        self.bias = nn.Parameter(torch.zeros(filters)) if role == "last" else None
        nn.init.trunc_normal_(self.weight, std=MU, a=-2 * MU, b=2 * MU)
        nn.init.uniform_(self.rho, *RHO[role])

    @property
    def variance(self) -> torch.Tensor:
        """sigma_k^2 of each output channel's weights, (filters,)."""
        return functional.softplus(self.rho)

    def forward(self, activation: Gaussian) -> Gaussian:
        """(N, channels, *spatial) to (N, filters, *spatial)."""
        convolve = CONVOLVE[self.dimensions]
        mean = convolve(activation.mean, self.weight, self.bias, padding=self.padding)
        # 1 * (m^2 + v) is alike for all output channels: a sum over channels, then over one window
        second_moment = (activation.mean.square() + activation.variance).sum(1, keepdim=True)
        around = convolve(second_moment, torch.ones_like(self.weight[:1, :1]), padding=self.padding)
        own = self.variance.reshape(-1, *(1,) * self.dimensions) * around
        passed = convolve(activation.variance, self.weight.square(), padding=self.padding)
        return Gaussian(mean, own + passed)

    def divergence(self) -> torch.Tensor:
        """KL divergence of the weights from N(0, I): 1/2 sum_k [d (sigma_k^2 - 1 - log sigma_k^2) + |mu_k|^2]."""
        count = self.weight[0].numel()
        return 0.5 * (count * self._spread().sum() + self.weight.square().sum())

    def scaled_divergence(self) -> torch.Tensor:
        """The divergence as the authors' code weighs it: window^dimensions mean_k(...) instead of d sum_k(...)."""
        window = math.prod(self.weight.shape[2:])
        return 0.5 * (window * self._spread().mean() + self.weight.square().sum())

    def _spread(self) -> torch.Tensor:
        variance = self.variance
        return variance - 1 - variance.log()
