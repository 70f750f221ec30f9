"""Instance norm for activations whose channels are last in memory: there torch's own costs as much as the convolutions."""

from __future__ import annotations

import torch
from torch import nn

EPSILON = 1e-5  # as torch's norms


class InstanceNorm(nn.Module):
    """The function of `nn.InstanceNorm2d` and `3d` with a learnt gain and offset, and their names of the parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, activation: torch.Tensor) -> torch.Tensor:
        """The same shape (N, C, *spatial)."""
        return normalised(activation, self.weight, self.bias)[0]


def normalised(activation: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, C, *spatial) less each image's and channel's mean over space, over its deviation, times `weight`, plus `bias`.

    And the gain that this comes to, weight / deviation, (N, C, 1 ...).
    """
    spatial = activation.shape[2:]
    flat = activation.movedim(1, -1).flatten(1, -2)  # (N, voxels, C): no copy where channels are last
    voxels = flat.shape[1]
    over_space = flat.new_full((1, voxels), 1 / voxels)
    centred = flat - over_space @ flat
    gain = weight * (over_space @ centred.square() + EPSILON).rsqrt()
    result = torch.addcmul(bias, centred, gain).reshape(len(flat), *spatial, -1)
    return result.movedim(-1, 1), gain.reshape(len(flat), -1, *(1 for _ in spatial))


def channels_last(image: torch.Tensor) -> torch.Tensor:
    """An image (N, channels, *spatial) with its channels last in memory: so the CPU passes a U-Net twice as fast.

    A single channel is laid out alike both ways, and convolutions would take it for the other one.
    """
    form = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
    return torch.empty_like(image, memory_format=form).copy_(image)
