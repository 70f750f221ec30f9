"""Up-sampling of Gaussian activations: linear, hence exact voxel by voxel for independent ones.

A new voxel is sum_i w_i x_i, of mean sum_i w_i m_i and variance sum_i w_i^2 v_i. That new neighbours made of the same
voxels are no longer independent is lost, as everywhere in a diagonal covariance.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from pytest_segrobust.reference_networks.dimensions import INTERPOLATION, Upsampling
from pytest_segrobust.reference_networks.gaussian import Gaussian


class PropagatingUpsampling(nn.Module):
    """Twice as many voxels along each axis, repeated ("nearest") or interpolated ("linear")."""

    def __init__(self, dimensions: int, upsampling: Upsampling) -> None:
        super().__init__()
        self.interpolation = upsampling
        self.options = INTERPOLATION[upsampling, dimensions]

    def forward(self, activation: Gaussian) -> Gaussian:
        """(N, C, *spatial) to twice the size."""
        mean = functional.interpolate(activation.mean, scale_factor=2, **self.options)
        if self.interpolation == "nearest":
            return Gaussian(mean, functional.interpolate(activation.variance, scale_factor=2, **self.options))
        variance = activation.variance
        for axis in range(2, variance.ndim):  # the weights are products over axes, and so are their squares
            weights = _linear_weights(variance.shape[axis], variance)
            variance = (variance.movedim(axis, -1) @ weights.square()).movedim(-1, axis)
        return Gaussian(mean, variance)


def _linear_weights(size: int, like: torch.Tensor) -> torch.Tensor:
    """(size, 2 size): what each voxel of an axis gives to each of the new ones."""
    identity = torch.eye(size, dtype=like.dtype, device=like.device)
    return functional.interpolate(identity[None], scale_factor=2, mode="linear", align_corners=False)[0]
