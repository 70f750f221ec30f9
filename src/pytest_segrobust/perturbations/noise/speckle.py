"""Speckle as most benchmarks have it: white noise that grows in proportion to the intensity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Perturbation, declare
from .amplitude import SNR, share, shows, sigma

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame


def speckle_noise(
    batch: Batch, *, sigma: Sequence[float] | None = None, snr: Sequence[float] | None = None
) -> torch.Tensor:
    """Give u (1 + σ n), n standard normal; the RMS of σ n u is σ times that of u, so an SNR is σ itself in dB."""
    spread = sigma if sigma is not None else [share(value) for value in snr or ()]
    return batch.values + batch.values * (batch.each(spread) * batch.normal(0, batch.values.shape[1:]))


def could_multiply(
    image: torch.Tensor,
    region: torch.Tensor | None,
    frame: Frame,
    *,
    sigma: float | None = None,
    snr: float | None = None,
) -> bool:
    """Whether anything is there to multiply, and the product survives rounding."""
    if sigma is None:
        return shows(share(snr or 0.0), image, frame)
    return shows(sigma * float((image if region is None else image[:, region]).abs().max()), image, frame)


declare(
    Perturbation(
        "speckle noise",
        "Multiplicative white Gaussian noise.",
        alternatives=(
            (
                sigma(
                    (0.0, 0.15),
                    "MedMNIST-C (Di Salvo et al. 2024): 0.10-0.30 for breast ultrasound, 0.05-0.40 for organ CT",
                    "standard deviation as a share of the intensity on the unit scale",
                ),
            ),
            (SNR,),
        ),
        apply=speckle_noise,
        random=True,
        synonyms=("multiplicative noise",),
        source="x = u (1 + σ n), n ~ N(0, 1)",
        could_change=could_multiply,
        modalities=("ultrasound",),
    )
)
