"""Noise of an attack's norm and no thought: what an attack must beat, or it has not found a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Perturbation, declare
from .radius import alternatives, ball

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch

    Radius = Sequence[float] | None


def random_perturbation(batch: Batch, *, epsilon: Radius = None, snr: Radius = None, l2: Radius = None) -> torch.Tensor:
    """±ε at random at each voxel or, in L2, a uniform direction; within the same ball as an attack's image."""
    return ball(batch, epsilon, snr, l2).extreme(batch, 0)


declare(
    Perturbation(
        "random perturbation",
        "Random signs of an attack's radius: what an attack must beat.",
        alternatives=alternatives(),
        apply=random_perturbation,
        random=True,
        differentiable=False,
        source="x = u ± ε, or u + r n/|n|, n ~ N(0, 1)",
        attack=True,
    )
)
