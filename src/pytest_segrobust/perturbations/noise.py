"""Random noise: what a receiver adds, in amplitude (sigma, on the unit intensity scale) or in SNR."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .catalogue import Parameter, Perturbation, declare
from .strength import root_mean_square

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from .frame import Batch


def _sigma(plausible: tuple[float, float], source: str) -> Parameter:
    return Parameter(
        "sigma",
        identity=0.0,
        lowest=0.0,
        highest=10.0,
        plausible=plausible,
        source=source,
        meaning="standard deviation on the unit intensity scale",
    )


SNR = Parameter(
    "snr",
    identity=math.inf,
    lowest=-20.0,
    highest=math.inf,
    unit="dB",
    scale="decibel",
    plausible=(15.0, math.inf),
    source="estimate, no survey: routine structural MR has 20-26 dB, poor MR 15-20 dB",
    meaning="20 log10(RMS / sigma); RMS of the unit-scale image over the perturbed region, its voxels and channels",
)


def gaussian_noise(
    batch: Batch, *, sigma: Sequence[float] | None = None, snr: Sequence[float] | None = None
) -> torch.Tensor:
    """Add σ n to u, n standard normal; never clipped, which would weaken the noise where it matters."""
    return batch.values + _amplitude(batch, sigma, snr) * batch.normal(0, batch.values.shape[1:])


def rician_noise(
    batch: Batch, *, sigma: Sequence[float] | None = None, snr: Sequence[float] | None = None
) -> torch.Tensor:
    """Magnitude sqrt((A + σ n1)² + (σ n2)²) for the magnitude A ≥ 0 that the receiver would have measured without noise.

    A is the image's own value, since 0 in a file of magnitudes is no signal, wherever the unit scale starts. A channel
    with negative values (z-scored, resampled with overshoot) is no magnitude: its lowest value then counts as no signal.
    """
    magnitude = batch.values - _no_signal(batch)
    amplitude = _amplitude(batch, sigma, snr)
    shape = batch.values.shape[1:]
    real = magnitude + amplitude * batch.normal(0, shape)
    imaginary = amplitude * batch.normal(1, shape)
    return batch.values + ((real * real + imaginary * imaginary).sqrt() - magnitude)


def _amplitude(batch: Batch, sigma: Sequence[float] | None, snr: Sequence[float] | None) -> torch.Tensor:
    if sigma is not None:
        return batch.each(sigma)
    signal = batch.each(root_mean_square(batch.values, batch.region))
    return signal * batch.each([10.0 ** (-value / 20) for value in snr or ()])


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
        "gaussian noise",
        "Additive white Gaussian noise.",
        alternatives=(
            (
                _sigma(
                    (0.0, 0.1),
                    "MedMNIST-C (Di Salvo et al. 2024): 0.04-0.20 for organ CT; estimate: 10-40 HU are 0.025-0.1 of a 400 HU window",
                ),
            ),
            (SNR,),
        ),
        apply=gaussian_noise,
        random=True,
        source="x = u + σ n, n ~ N(0, 1)",
    )
)

declare(
    Perturbation(
        "rician noise",
        "Noise of magnitude MR images: Gaussian in both receiver channels, so Rayleigh in air.",
        alternatives=(
            (
                _sigma(
                    (0.0, 0.05),
                    "ROOD-MRI (Boone et al. 2023), level 1: 0.16 of the image's standard deviation, 0.03-0.05 of the unit scale",
                ),
            ),
            (SNR,),
        ),
        apply=rician_noise,
        random=True,
        source="Gudbjartsson and Patz 1995",
    )
)
