"""Projected gradient descent and its relatives for segmentation, untargeted and towards another structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .declaration import declare_attack
from .losses import cospgd, cross_entropy, segpgd, targeted_cospgd, targeted_segpgd
from .objective import away_from_truth, towards
from .radius import ball
from .strongest import one_step, search

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from ..frame import Batch
    from .ball import Ball
    from .losses import Loss
    from .objective import Objective
    from .strongest import Strongest

    Radius = Sequence[float] | None

STEP = 2.5
"""All steps of a run together are this many radii long (Madry et al. 2018): any point of the ball can be reached.

A step of the whole radius and more jumps from corner to corner of the ball and never settles.
"""


def descend(batch: Batch, objective: Objective, ball: Ball, loss: Loss) -> torch.Tensor:
    """Sign or normalised gradient steps of 2.5 radii / steps from every start; the worst image on the way is kept."""
    steps = batch.attacked.effort.steps if batch.attacked is not None else 1

    def run(start: torch.Tensor, strongest: Strongest) -> None:
        images = start
        for step in range(steps):
            view = objective.view(images, loss, step / steps)
            strongest.offer(images, view)
            images = ball.moved(images, view.gradient, STEP / steps)
        strongest.offer(images, objective.look(images))

    return search(batch, objective, ball, run)


def fgsm(batch: Batch, *, epsilon: Radius = None, snr: Radius = None, l2: Radius = None) -> torch.Tensor:
    """One step u + ε sign(∇ CE): the worst of the ball if the model were linear."""
    return one_step(batch, away_from_truth(batch), ball(batch, epsilon, snr, l2))


def targeted_fgsm(
    batch: Batch, *, source: str, target: str, epsilon: Radius = None, snr: Radius = None, l2: Radius = None
) -> torch.Tensor:
    """One step u - ε sign(∇ CE towards the target), where the source is there to be renamed."""
    return _renamed(batch, source, one_step(batch, towards(batch, source, target), ball(batch, epsilon, snr, l2)))


def _untargeted(loss: Loss) -> Callable[..., torch.Tensor]:
    def attack(batch: Batch, *, epsilon: Radius = None, snr: Radius = None, l2: Radius = None) -> torch.Tensor:
        return descend(batch, away_from_truth(batch), ball(batch, epsilon, snr, l2), loss)

    return attack


def _targeted(loss: Loss) -> Callable[..., torch.Tensor]:
    def attack(
        batch: Batch, *, source: str, target: str, epsilon: Radius = None, snr: Radius = None, l2: Radius = None
    ) -> torch.Tensor:
        objective = towards(batch, source, target)
        return _renamed(batch, source, descend(batch, objective, ball(batch, epsilon, snr, l2), loss))

    return attack


def _renamed(batch: Batch, source: str, images: torch.Tensor) -> torch.Tensor:
    """Samples that have nothing of the source stay as they are: there is nothing to be renamed."""
    import torch

    assert batch.attacked is not None  # `towards` saw to it
    there = batch.attacked.structures[source].flatten(1).any(1)
    return torch.where(there.reshape(-1, *(1 for _ in images.shape[1:])), images, batch.values)


_FGSM = "Goodfellow et al. 2015"
_PGD = "Madry et al. 2018, step 2.5 radii / steps, best iterate kept"
_SEGPGD = "Gu et al. 2022, λ = t/(2T)"
_COSPGD = "Agnihotri et al. 2023, cosine of softmax and one-hot"
_TOWARDS = "; loss towards the reference with the source renamed, descended"

declare_attack("fgsm", "One step up the loss.", fgsm, _FGSM, synonyms=("fast gradient sign method",))
declare_attack("pgd", "Steps up the cross-entropy.", _untargeted(cross_entropy), _PGD)
declare_attack("segpgd", "Steps up the loss that turn from right voxels to all.", _untargeted(segpgd), _SEGPGD)
declare_attack("cospgd", "Steps up the loss weighted by how right each voxel is.", _untargeted(cospgd), _COSPGD)
declare_attack(
    "targeted fgsm", "One step from one structure towards another.", targeted_fgsm, _FGSM + _TOWARDS, targeted=True
)
declare_attack(
    "targeted pgd",
    "Steps from one structure towards another.",
    _targeted(cross_entropy),
    _PGD + _TOWARDS,
    targeted=True,
)
declare_attack(
    "targeted segpgd",
    "Steps from one structure towards another that turn from wrong voxels to all.",
    _targeted(targeted_segpgd),
    _SEGPGD + ", weights swapped" + _TOWARDS,
    targeted=True,
)
declare_attack(
    "targeted cospgd",
    "Steps from one structure towards another weighted by how far each voxel is from it.",
    _targeted(targeted_cospgd),
    _COSPGD + ", weight 1 - cosine" + _TOWARDS,
    targeted=True,
)
