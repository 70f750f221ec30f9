"""SUPER-Net: the U-Net whose layers pass on means and variances; one pass gives probabilities and their variances.

The uncertainty of a voxel is the variance of its most probable class, v[argmax p].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import torch

from pytest_segrobust.reference_networks.gaussian import Gaussian, certain
from pytest_segrobust.reference_networks.instance_norm import channels_last
from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution
from pytest_segrobust.reference_networks.propagating_norm import PropagatingBatchNorm, PropagatingInstanceNorm
from pytest_segrobust.reference_networks.propagating_rectifier import (
    PropagatingConcatenation,
    PropagatingPooling,
    PropagatingRectifier,
)
from pytest_segrobust.reference_networks.propagating_softmax import softmax
from pytest_segrobust.reference_networks.propagating_upsampling import PropagatingUpsampling
from pytest_segrobust.reference_networks.unet import Form, Layers, Role, UNet

if TYPE_CHECKING:
    from torch import nn


class PropagatingLayers(Layers):
    """The layers of moment propagation."""

    def convolution(self, channels: int, filters: int, size: int, role: Role) -> nn.Module:
        """A convolution with random kernels."""
        return PropagatingConvolution(self.dimensions, channels, filters, size, role)

    def norm(self, channels: int) -> nn.Module:
        """Batch or instance norm."""
        return PropagatingBatchNorm(channels) if self.kind == "batch" else PropagatingInstanceNorm(channels)

    def rectifier(self) -> nn.Module:
        """First-order ReLU."""
        return PropagatingRectifier()

    def pooling(self) -> nn.Module:
        """Max-pool with co-pooling of variances."""
        return PropagatingPooling(self.dimensions)

    def upsampling(self) -> nn.Module:
        """Both moments up-sampled."""
        return PropagatingUpsampling(self.dimensions, self.interpolation)

    def concatenation(self) -> nn.Module:
        """Both moments concatenated."""
        return PropagatingConcatenation()


class SuperUNet(UNet):
    """(N, channels, *spatial) to (probabilities, variances), both (N, classes, *spatial)."""

    def __init__(self, dimensions: int = 2, **form: Unpack[Form]) -> None:
        super().__init__(dimensions, layers=PropagatingLayers, **form)
        self.form = form

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities, and the variance of each that the random weights give it."""
        logits: Gaussian = self.logits(certain(channels_last(image)))
        probabilities, variances = softmax(logits)
        return probabilities, variances

    def mean_weights(self) -> dict[str, torch.Tensor]:
        """The state of the deterministic `UNet` of the same form that has the mean weights."""
        return {name: value.clone() for name, value in self.state_dict().items() if not name.endswith(".rho")}

    def deterministic(self) -> UNet:
        """A deterministic `UNet` of the same form with the mean weights, in the same mode."""
        plain = UNet(self.dimensions, **self.form).to(next(self.parameters()))
        plain.load_state_dict(self.mean_weights())
        return plain.train(self.training)

    def take_means(self, plain: UNet) -> None:
        """Take the weights and statistics of a deterministic `UNet` of the same form as means; variances stay."""
        left = self.load_state_dict(plain.state_dict(), strict=False)
        if left.unexpected_keys or any(not name.endswith(".rho") for name in left.missing_keys):
            raise ValueError("the U-Net is of another form than this SUPER-Net")

    def sampled_weights(self, generator: torch.Generator | None = None) -> dict[str, torch.Tensor]:
        """The state of a deterministic `UNet` of the same form, with kernels drawn from this network's."""
        state: dict[str, Any] = self.mean_weights()
        with torch.no_grad():
            for name, module in self.named_modules():
                if isinstance(module, PropagatingConvolution):
                    noise = torch.randn(module.weight.shape, generator=generator).to(module.weight)
                    each = (-1, *(1,) * (module.weight.ndim - 1))
                    state[f"{name}.weight"] += noise * module.variance.sqrt().reshape(each)
        return state
