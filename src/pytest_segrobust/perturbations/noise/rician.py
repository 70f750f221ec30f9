"""Rician noise: what is left of Gaussian noise in both channels of a receiver when only the magnitude is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Perturbation, declare
from .amplitude import SNR, absolute_sigma, amplitude, could_add, relative_sigma, sigma

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch


def rician_noise(batch: Batch, **strength: Sequence[float]) -> torch.Tensor:
    """Magnitude sqrt((A + σ n1)² + (σ n2)²) for the magnitude A ≥ 0 that the receiver would have measured without noise.

    A is the image's own value, since 0 in a file of magnitudes is no signal, wherever the unit scale starts. A channel
    with negative values (z-scored, resampled with overshoot) is no magnitude: its lowest value then counts as no signal.
    """
    magnitude = batch.values - _no_signal(batch)
    width = amplitude(batch.values, batch.frames, batch.region, **strength)
    shape = batch.values.shape[1:]
    real = magnitude + width * batch.normal(0, shape)
    imaginary = width * batch.normal(1, shape)
    return batch.values + ((real * real + imaginary * imaginary).sqrt() - magnitude)


def _no_signal(batch: Batch) -> torch.Tensor:
    """The unit-scale value of zero magnitude, (N, C, 1, ...)."""
    import numpy as np
    import torch

    zero = torch.as_tensor(np.stack([-frame.low / (frame.high - frame.low) for frame in batch.frames]))
    return torch.minimum(batch.values.detach().flatten(2).amin(2), zero.to(batch.values)).reshape(
        *batch.values.shape[:2], *(1 for _ in batch.values.shape[2:])
    )


declare(
    Perturbation(
        "rician noise",
        "Noise of magnitude MR images: Gaussian in both receiver channels, so Rayleigh in air.",
        alternatives=(
            (
                sigma(
                    (0.0, 0.05),
                    "ROOD-MRI (Boone et al. 2023), level 1: 0.16 of the image's standard deviation, 0.03-0.05 of the unit scale",
                ),
            ),
            (SNR,),
            (
                relative_sigma(
                    (0.0, 0.16),
                    "ROOD-MRI (Boone et al. 2023): 0.16-0.80; level 1, the others are far from clinical SNR",
                ),
            ),
            (
                absolute_sigma(
                    (0.0, 50.0), "estimate, no survey: MR has no units of its own; 0.05 of an image that reaches 1000"
                ),
            ),
        ),
        apply=rician_noise,
        random=True,
        source="Gudbjartsson and Patz 1995",
        could_change=could_add,
        modalities=("MR",),
    )
)
