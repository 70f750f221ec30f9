"""What a trained family does on volumes it was not trained on, in a plain loop: DSC, and whether it knows its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from network import STRUCTURES
from torch import nn

from pytest_segrobust.reference_networks.super_unet import SuperUNet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slices import Volume

PASSES = 10


def predicted(networks: Sequence[nn.Module], images: torch.Tensor, passes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean probabilities (Z, classes, *spatial) and the variance (Z, *spatial) of the most probable class's.

    Over passes and networks; SUPER-Net says its variance in one pass.
    """
    if isinstance(networks[0], SuperUNet):
        probabilities, variances = networks[0](images)
    else:
        drawn = torch.stack([network(images).softmax(1) for network in networks for _ in range(passes)])
        probabilities, variances = drawn.mean(0), drawn.var(0, correction=0)
    chosen = probabilities.argmax(1, keepdim=True)
    return probabilities, variances.gather(1, chosen)[:, 0]


def with_dropout(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, but for its dropout."""
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.train()
    return network


def overlap(found: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """DSC of each structure of a volume."""
    return [
        float(2 * ((found == each) & (labels == each)).sum() / ((found == each).sum() + (labels == each).sum()))
        for each in range(1, len(STRUCTURES))
    ]


def separation(variance: torch.Tensor, wrong: torch.Tensor) -> float:
    """AUROC of finding wrong voxels by their variance, by mid-ranks; among voxels that somebody calls a structure."""
    values, places, counts = variance.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[places]
    n = int(wrong.sum())
    return float((ranks[wrong].double().sum() - n * (n + 1) / 2) / (n * (len(wrong) - n))) if len(values) > 1 else 0.5


def validated(network: nn.Module, held_out: list[Volume], sigma: float = 0.5) -> str:
    """DSC and error detection on clean volumes, and with Gaussian noise of `sigma` standard deviations of the image."""
    torch.manual_seed(0)
    network = with_dropout(network)
    images, _ = held_out[0]
    stochastic = not isinstance(network, SuperUNet) and not torch.equal(network(images), network(images))
    words = []
    for name, level in (("clean", 0.0), (f"noise {sigma:g} SD", sigma)):
        overlaps, aurocs, spreads = [], [], []
        for images, labels in held_out:
            noisy = images + level * torch.randn(images.shape)
            probabilities, variance = predicted([network], noisy, PASSES if stochastic else 1)
            found = probabilities.argmax(1)
            overlaps.append(overlap(found, labels))
            near = (found > 0) | (labels > 0)
            aurocs.append(separation(variance[near], (found != labels)[near]))
            spreads.append(variance[near].mean())
        mean = torch.tensor(overlaps).mean(0).tolist()
        words.append(
            f"{name}: DSC {' '.join(f'{value:.3f}' for value in mean)}, error AUROC {sum(aurocs) / len(aurocs):.2f}, "
            f"variance {sum(spreads) / len(spreads):.4f}"
        )
    return "; ".join(words)
