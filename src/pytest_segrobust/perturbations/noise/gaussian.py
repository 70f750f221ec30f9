"""Gaussian noise: what a receiver adds, the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Perturbation, declare
from .amplitude import SNR, absolute_sigma, amplitude, could_add, sigma

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch


def gaussian_noise(batch: Batch, **strength: Sequence[float]) -> torch.Tensor:
    """Add σ n to u, n standard normal; never clipped, which would weaken the noise where it matters."""
    return batch.values + amplitude(batch.values, batch.frames, batch.region, **strength) * batch.normal(
        0, batch.values.shape[1:]
    )


declare(
    Perturbation(
        "gaussian noise",
        "Additive white Gaussian noise.",
        alternatives=(
            (
                sigma(
                    (0.0, 0.1),
                    "MedMNIST-C (Di Salvo et al. 2024): 0.04-0.20 for organ CT; estimate: 10-40 HU are 0.025-0.1 of a 400 HU window",
                ),
            ),
            (SNR,),
            (
                absolute_sigma(
                    (0.0, 40.0), "estimate, no survey: 10-15 HU in a standard abdominal CT, 25-40 HU at low dose"
                ),
            ),
        ),
        apply=gaussian_noise,
        random=True,
        source="x = u + σ n, n ~ N(0, 1)",
        could_change=could_add,
    )
)
