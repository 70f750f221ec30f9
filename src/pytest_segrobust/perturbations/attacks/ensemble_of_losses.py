"""SEA (Croce et al. 2023): APGD with four losses that each see other voxels, and for each image the worst of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .auto_pgd import ascend
from .declaration import declare_attack
from .losses import jensen_shannon, masked_cross_entropy, masked_spherical, segpgd
from .objective import away_from_truth
from .radius import ball
from .strongest import search

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch
    from .losses import Loss
    from .objective import View
    from .strongest import Strongest

    Radius = Sequence[float] | None

LOSSES = (masked_cross_entropy, segpgd, jensen_shannon, masked_spherical)
RADII = ((2.0, 0.3), (1.5, 0.3), (1.0, 0.4))  # times the radius asked for, for that share of the steps


def sea(
    batch: Batch,
    *,
    epsilon: Radius = None,
    snr: Radius = None,
    l2: Radius = None,
    losses: Sequence[Loss] = LOSSES,
) -> torch.Tensor:
    """The image of the lowest mean Dice that any loss finds from any start.

    Each loss starts in a ball of twice the radius that then shrinks; images outside the ball asked for are no results.
    The paper takes the lowest accuracy of voxels: where nearly all is background, that cannot see a lost tumour.
    """
    objective, within = away_from_truth(batch), ball(batch, epsilon, snr, l2)
    steps = batch.attacked.effort.steps if batch.attacked is not None else 1

    def run(start: torch.Tensor, strongest: Strongest) -> None:
        for loss in losses:
            images = start
            for (factor, _), count in zip(RADII, stretches(steps), strict=True):
                if not count:
                    continue
                around = within if factor == 1 else within.scaled(factor)
                seen = strongest.offer if factor == 1 else _unseen
                images = ascend(objective, around, around.project(images), loss, steps=count, seen=seen)

    return search(batch, objective, within, run)


def _unseen(images: torch.Tensor, view: View) -> None:
    """Images outside the ball asked for are on the way alone."""


def stretches(steps: int) -> list[int]:
    """How many steps each radius has: 30, 30 and 40 %, the last what is left."""
    counts = [int(share * steps) for _, share in RADII[:-1]]
    return [*counts, steps - sum(counts)]


declare_attack(
    "sea",
    "Adaptive steps up four losses, the worst of them for each image.",
    sea,
    "Croce et al. 2023: APGD on masked cross-entropy, SegPGD's, Jensen-Shannon and masked spherical losses, "
    "radii 2ε, 1.5ε, ε for 30, 30, 40 % of the steps",
    synonyms=("segmentation ensemble attack",),
)
