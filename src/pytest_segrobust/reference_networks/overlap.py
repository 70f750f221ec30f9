"""The logarithm of soft Dice, of which every family's training but the authors' ELBO makes use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    import torch


def log_dice(probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over foreground classes of the logarithm of soft Dice, over a batch as one.

    Probabilities are (N, classes, *spatial), labels (N, *spatial). The logarithm (exponential logarithmic loss, Wong et
    al. 2018) keeps a gradient for a class that is not found at all.
    """
    truth = functional.one_hot(labels.long(), probabilities.shape[1]).movedim(-1, 1).to(probabilities.dtype)
    space = [0, *range(2, probabilities.ndim)]
    both = (probabilities * truth).sum(space)
    dice = (2 * both + 1) / (probabilities.sum(space) + truth.sum(space) + 1)
    return dice[1:].log().mean()
