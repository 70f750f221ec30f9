"""What moment propagation passes from layer to layer: a mean and a variance for every channel and voxel.

Channels and voxels are taken to be independent (SUPER-Net's diagonal covariance). They are not: all voxels of a channel
share the noise of one kernel. What that costs is measured in tests/reference_networks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch


class Gaussian(NamedTuple):
    """Means and variances, both (N, C, *spatial), of independent Gaussian activations; variances are not negative."""

    mean: torch.Tensor
    variance: torch.Tensor


def certain(values: torch.Tensor) -> Gaussian:
    """Values that are known: an image, variance 0."""
    return Gaussian(values, torch.zeros_like(values))
