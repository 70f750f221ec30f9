"""What an attack drives up at each voxel, as functions of the logarithms of class probabilities.

All are (logs, true, progress) -> (N, *spatial): `logs` (N, K, *spatial) are log probabilities of one head, `true` its true
classes (N, *spatial), where -1 counts for nothing, `progress` the share 0..1 of an attack's steps already taken.

Papers write them on logits. An ensemble has none: only its mean probabilities exist. Log probabilities of a single
softmax network are its logits less one number per voxel, log-sum-exp, so cross-entropy, softmax and margins are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Loss = Callable[["torch.Tensor", "torch.Tensor", float], "torch.Tensor"]


def of_class(logs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The log probability (N, *spatial) of each voxel's class; where it is -1, of class 0."""
    return logs.gather(1, classes.clamp_min(0).unsqueeze(1)).squeeze(1)


def correct(logs: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Where the most probable class is the true one, bool (N, *spatial)."""
    return logs.detach().argmax(1) == true


def cross_entropy(logs: torch.Tensor, true: torch.Tensor, progress: float) -> torch.Tensor:  # noqa: ARG001
    """-log p of the true class."""
    return -of_class(logs, true)


def masked_cross_entropy(logs: torch.Tensor, true: torch.Tensor, progress: float) -> torch.Tensor:  # noqa: ARG001
    """Cross-entropy of the voxels that are still right (SEA, Croce et al. 2023)."""
    return correct(logs, true) * -of_class(logs, true)


def segpgd(logs: torch.Tensor, true: torch.Tensor, progress: float) -> torch.Tensor:
    """(1-λ) CE where right, λ CE where wrong, λ = t/(2T) (Gu et al. 2022); SEA calls it balanced cross-entropy."""
    share = progress / 2
    return _weighted(correct(logs, true), 1 - share, share) * -of_class(logs, true)


def targeted_segpgd(logs: torch.Tensor, target: torch.Tensor, progress: float) -> torch.Tensor:
    """The same with the weights swapped, to be descended: voxels that are not yet the target count more at first."""
    share = progress / 2
    return _weighted(correct(logs, target), share, 1 - share) * -of_class(logs, target)


def cospgd(logs: torch.Tensor, true: torch.Tensor, progress: float) -> torch.Tensor:  # noqa: ARG001
    """CE weighted by the cosine between softmax(z) and the one-hot truth (Agnihotri et al. 2023).

    The softmax is the authors' own form; SEA's re-implementation takes a sigmoid of each logit instead.
    """
    return _cosine(logs, true) * -of_class(logs, true)


def targeted_cospgd(logs: torch.Tensor, target: torch.Tensor, progress: float) -> torch.Tensor:  # noqa: ARG001
    """CE towards the target weighted by 1 - cosine, to be descended: far voxels count more."""
    return (1 - _cosine(logs, target)) * -of_class(logs, target)


def jensen_shannon(logs: torch.Tensor, true: torch.Tensor, progress: float) -> torch.Tensor:  # noqa: ARG001
    """The Jensen-Shannon divergence of p from the one-hot truth, 0 to log 2; it dwindles where a voxel is lost (SEA).

    With m = (p + e) / 2 it depends on the true class's p alone: other classes give p log 2 each, the true one
    p log(2p / (1+p)) + log(2 / (1+p)), halved.
    """
    log_p = of_class(logs, true)
    p = log_p.exp()
    half = (1 + p).log() - math.log(2)
    return ((1 - p) * math.log(2) + p * (log_p - half) - half) / 2


def masked_spherical(logs: torch.Tensor, true: torch.Tensor, progress: float) -> torch.Tensor:  # noqa: ARG001
    """The true class's logit on the unit sphere, driven down where the voxel is still right (SEA).

    SEA takes logits as they are; here they are log probabilities less their mean over the classes, which are a single
    network's logits less theirs. Of two classes both lie at 1/√2 on that sphere and no gradient is left: there it is
    the margin log p(other) - log p(true), which does not saturate either.
    """
    import torch

    right = correct(logs, true)
    if logs.shape[1] == 2:
        other = 1 - true.clamp_min(0)
        return right * (of_class(logs, other) - of_class(logs, true))
    centred = logs - logs.mean(1, keepdim=True)
    length = (centred * centred).sum(1).clamp_min(torch.finfo(logs.dtype).tiny).sqrt()
    return right * -of_class(centred, true) / length


def _weighted(where: torch.Tensor, inside: float, outside: float) -> torch.Tensor:
    return where * inside + ~where * outside


def _cosine(logs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """cos(p, one-hot) = p(class) / |p|, a weight: no gradient flows through it."""
    logs = logs.detach()
    return of_class(logs, classes).exp() / (2 * logs).exp().sum(1).sqrt()
