"""The loss of SUPER-Net: a Gaussian likelihood of the probabilities, and the weights' divergence from their prior.

    L = 1/2 mean over voxels of sum_c [(p_c - y_c)^2 / (v_c + 1e-3) + log(v_c + 1e-3)] + beta KL

with one-hot labels y and variances v clipped to [1e-12, 1e3]. The likelihood is a mean over voxels: the evidence's lower
bound itself has beta = 1 / (voxels of all training images). The authors' 0.001 (hippocampus) and 0.005 (lungs) belong to
their scaled divergence, which sums far fewer terms than the exact one.

This likelihood rewards large variances where the means are wrong, and nothing in it asks whether draws of the weights
would still segment: on the hippocampus, with rho free to move, it went to kernels whose draws find nothing. For that
there is `expected_elbo`: the same divergence beside the expected loss of draws,

    E[cross-entropy] = cross-entropy of the mean logits + 1/2 mean over voxels of sum_c p_c (1 - p_c) v_c + O(v^2)

for independent logits of variance v_c, which is what the textbook's lower bound asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

from pytest_segrobust.reference_networks.gaussian import certain
from pytest_segrobust.reference_networks.overlap import log_dice
from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution

if TYPE_CHECKING:
    from torch import nn

    from pytest_segrobust.reference_networks.gaussian import Gaussian
    from pytest_segrobust.reference_networks.super_unet import SuperUNet

Form = Literal["exact", "scaled"]

FLOOR = 1e-3  # added to variances: no voxel weighs more than 1000 times its squared error
CLIP = (1e-12, 1e3)


def elbo(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, beta: float = 1e-6, form: Form = "exact"
) -> torch.Tensor:
    """The loss of images (N, channels, *spatial) with labels (N, *spatial), to be made small."""
    probabilities, variances = network(images)
    return gaussian_loss(probabilities, variances, labels) + beta * divergence(network, form)


def expected_elbo(
    network: SuperUNet, images: torch.Tensor, labels: torch.Tensor, *, beta: float = 1e-6, form: Form = "exact"
) -> torch.Tensor:
    """The expected cross-entropy of draws, to second order, less the logarithm of the mean's Dice; and the divergence."""
    logits = network.logits(certain(images))
    expected = expected_cross_entropy(logits, labels) - log_dice(logits.mean.softmax(1), labels)
    return expected + beta * divergence(network, form)


def expected_cross_entropy(logits: Gaussian, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of independent Gaussian logits (N, classes, *spatial), to second order, mean over voxels."""
    probabilities = logits.mean.softmax(1)
    spread = 0.5 * (probabilities * (1 - probabilities) * logits.variance).sum(1).mean()
    return functional.cross_entropy(logits.mean, labels.long()) + spread


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
