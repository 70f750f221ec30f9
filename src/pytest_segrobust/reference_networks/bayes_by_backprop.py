"""Bayes by backprop: every weight of a convolution has its own Gaussian (Blundell et al. 2015), drawn at each pass.

w = mu + softplus(rho) noise. In training either the weights are drawn (one draw per pass), or each output is, from the
Gaussian that the weights give it (local reparametrisation, Kingma et al. 2015: less noise in the gradient). At
evaluation weights are always drawn: local noise is independent from voxel to voxel, whereas a kernel's is shared.

Draws come from torch's global generator, as dropout's do: the network is stochastic by itself, a seed repeats a pass.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, Unpack

import torch
from torch import nn
from torch.nn import functional

from pytest_segrobust.reference_networks.dimensions import CONVOLVE
from pytest_segrobust.reference_networks.unet import Form, Layers, Role, UNet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_segrobust.reference_networks.dimensions import Norm, Upsampling

Estimator = Literal["weights", "local"]
RHO = -5.0  # a standard deviation of 0.0067 to start with


class MeanFieldConvolution(nn.Module):
    """A convolution that keeps the grid, with independent Gaussian weights and a deterministic bias if it is the last."""

    def __init__(
        self, dimensions: int, channels: int, filters: int, size: int, role: Role = "hidden", *, local: bool = True
    ) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.padding = size // 2
        self.local = local
        self.sampling = True
        self.weight = nn.Parameter(torch.empty(filters, channels, *(size,) * dimensions))
        self.rho = nn.Parameter(torch.full_like(self.weight, RHO))
        self.bias = nn.Parameter(torch.zeros(filters)) if role == "last" else None
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # as torch's convolutions

    @property
    def deviation(self) -> torch.Tensor:
        """The standard deviation of each weight, of the weights' shape."""
        return functional.softplus(self.rho)

    def forward(self, activation: torch.Tensor) -> torch.Tensor:
        """(N, channels, *spatial) to (N, filters, *spatial)."""
        convolve = CONVOLVE[self.dimensions]
        if not self.sampling:
            return convolve(activation, self.weight, self.bias, padding=self.padding)
        if self.local and self.training:
            mean = convolve(activation, self.weight, self.bias, padding=self.padding)
            variance = convolve(activation.square(), self.deviation.square(), padding=self.padding)
            # the root has no derivative at 0, where the window is empty
            return mean + variance.clamp_min(1e-12).sqrt() * torch.randn_like(mean)
        weight = self.weight + self.deviation * torch.randn_like(self.weight)
        return convolve(activation, weight, self.bias, padding=self.padding)

    def divergence(self, prior: float = 1.0) -> torch.Tensor:
        """KL divergence of the weights from N(0, prior^2)."""
        ratio = self.deviation / prior
        return (0.5 * (ratio.square() + (self.weight / prior).square() - 1) - ratio.log()).sum()


class MeanFieldLayers(Layers):
    """Layers whose convolutions are random."""

    def __init__(self, dimensions: int, norm: Norm, upsampling: Upsampling, *, local: bool) -> None:
        super().__init__(dimensions, norm, upsampling)
        self.local = local

    def convolution(self, channels: int, filters: int, size: int, role: Role) -> nn.Module:
        """A convolution with a Gaussian for every weight."""
        return MeanFieldConvolution(self.dimensions, channels, filters, size, role, local=self.local)


class MeanFieldUNet(UNet):
    """(N, channels, *spatial) to logits (N, classes, *spatial), different in each pass, in training and at evaluation.

    `estimator` is how the noise of training is drawn. One pass has one draw of weights for its whole batch.
    """

    def __init__(self, dimensions: int = 2, *, estimator: Estimator = "local", **form: Unpack[Form]) -> None:
        if estimator not in ("weights", "local"):
            raise ValueError(f'estimator must be "weights" or "local", not "{estimator}"')
        super().__init__(dimensions, layers=partial(MeanFieldLayers, local=estimator == "local"), **form)

    def divergence(self, prior: float = 1.0) -> torch.Tensor:
        """KL divergence of all weights of convolutions from N(0, prior^2)."""
        return torch.stack([each.divergence(prior) for each in self._convolutions()]).sum()

    @contextmanager
    def mean_weights(self) -> Iterator[None]:
        """Passes with the mean weights, which are not random."""
        convolutions = self._convolutions()
        before = [each.sampling for each in convolutions]
        try:
            for each in convolutions:
                each.sampling = False
            yield
        finally:
            for each, was in zip(convolutions, before, strict=True):
                each.sampling = was

    def _convolutions(self) -> list[MeanFieldConvolution]:
        return [module for module in self.modules() if isinstance(module, MeanFieldConvolution)]
