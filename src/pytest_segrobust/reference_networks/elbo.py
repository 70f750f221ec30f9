"""The loss of SUPER-Net: a Gaussian likelihood of the probabilities, and the weights' divergence from their prior.

    L = 1/2 mean over voxels of sum_c [(p_c - y_c)^2 / (v_c + 1e-3) + log(v_c + 1e-3)] + beta KL

with one-hot labels y and variances v clipped to [1e-12, 1e3]. The likelihood is a mean over voxels: the evidence's lower
bound itself has beta = 1 / (voxels of all training images). The authors' 0.001 (hippocampus) and 0.005 (lungs) belong to
their scaled divergence, which sums far fewer terms than the exact one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution

if TYPE_CHECKING:
    from torch import nn

Form = Literal["exact", "scaled"]

FLOOR = 1e-3  # added to variances: no voxel weighs more than 1000 times its squared error
CLIP = (1e-12, 1e3)


def elbo(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, beta: float = 1e-6, form: Form = "exact"
) -> torch.Tensor:
    """The loss of images (N, channels, *spatial) with labels (N, *spatial), to be made small."""
    probabilities, variances = network(images)
    return gaussian_loss(probabilities, variances, labels) + beta * divergence(network, form)


def gaussian_loss(probabilities: torch.Tensor, variances: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood (without its constant) of one-hot labels, summed over classes, mean over voxels."""
    truth = functional.one_hot(labels.long(), probabilities.shape[1]).movedim(-1, 1).to(probabilities.dtype)
    spread = variances.clamp(*CLIP) + FLOOR
    return 0.5 * ((probabilities - truth).square() / spread + spread.log()).sum(1).mean()


def divergence(network: nn.Module, form: Form = "exact") -> torch.Tensor:
    """KL divergence of all random kernels from N(0, I), or what the authors' code makes of it."""
    if form not in ("exact", "scaled"):
        raise ValueError(f'form must be "exact" or "scaled", not "{form}"')
    kernels = [module for module in network.modules() if isinstance(module, PropagatingConvolution)]
    terms = [kernel.divergence() if form == "exact" else kernel.scaled_divergence() for kernel in kernels]
    return torch.stack(terms).sum()
