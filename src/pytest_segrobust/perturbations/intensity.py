"""Intensity maps: gamma, brightness and contrast, as scanners, coils and display windows change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .catalogue import Parameter, Perturbation, declare
from .elementwise import elementwise
from .strength import total, voxels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from .frame import Batch

_NNUNET = "nnU-Net's training augmentation (Isensee et al. 2021): what a default network has seen"


def gamma(batch: Batch, *, gamma: Sequence[float]) -> torch.Tensor:
    """Power law u^γ where u > 0, beyond 1 too; what is at or below the scale's zero stays as it is."""
    import torch

    u = batch.values
    # A floor instead of 0 keeps the gradient of u^γ finite where it is not used.
    positive = u.clamp_min(torch.finfo(u.dtype).tiny)
    powers = torch.stack([_power(sample, exponent) for sample, exponent in zip(positive, gamma, strict=True)])
    return torch.where(u > 0, powers, u)


def brightness(
    batch: Batch, *, factor: Sequence[float] | None = None, shift: Sequence[float] | None = None
) -> torch.Tensor:
    """Intensities multiplied by a factor, or shifted: u · factor, or u + shift."""
    return batch.values * batch.each(factor) if factor is not None else batch.values + batch.each(shift or ())


def contrast(batch: Batch, *, factor: Sequence[float]) -> torch.Tensor:
    """(u - mean) · factor + mean, with the mean of each sample and channel over the perturbed region."""
    means = total(batch.values, batch.region) / voxels(batch.values, batch.region).unsqueeze(1)
    mean = means.reshape(*means.shape, *(1 for _ in batch.values.shape[2:]))
    return (batch.values - mean) * batch.each(factor) + mean


def _power(base: torch.Tensor, exponent: float) -> torch.Tensor:
    return elementwise(lambda block: block**exponent, base)


declare(
    Perturbation(
        "gamma",
        "Power law of intensities: below 1 lifts dark tissue, above 1 darkens it.",
        alternatives=(
            (
                Parameter(
                    "gamma",
                    identity=1.0,
                    lowest=0.1,
                    highest=10.0,
                    scale="log",
                    plausible=(0.7, 1.5),
                    source=f"{_NNUNET}; ROOD-MRI (Boone et al. 2023): 0.30-0.86 and 1.4-3.0",
                    meaning="exponent on the unit intensity scale",
                ),
            ),
        ),
        apply=gamma,
        synonyms=("gamma correction",),
        source="x = u^γ for u > 0",
    )
)

declare(
    Perturbation(
        "brightness",
        "All intensities multiplied by a factor, or shifted.",
        alternatives=(
            (
                Parameter(
                    "factor",
                    identity=1.0,
                    lowest=0.01,
                    highest=100.0,
                    scale="log",
                    plausible=(0.75, 1.25),
                    source=f"{_NNUNET}; MedMNIST-C (Di Salvo et al. 2024): 0.6-1.6 for organ CT",
                    meaning="multiplies the unit intensity scale",
                ),
            ),
            (
                Parameter(
                    "shift",
                    identity=0.0,
                    lowest=-10.0,
                    highest=10.0,
                    plausible=(-0.02, 0.02),
                    source="ACR CT accreditation: water within ±7 HU, 0.02 of a 400 HU window",
                    meaning="is added on the unit intensity scale",
                ),
            ),
        ),
        apply=brightness,
        source="x = u · factor, or u + shift",
    )
)

declare(
    Perturbation(
        "contrast",
        "Distances from the mean multiplied by a factor.",
        alternatives=(
            (
                Parameter(
                    "factor",
                    identity=1.0,
                    lowest=0.01,
                    highest=100.0,
                    scale="log",
                    plausible=(0.75, 1.25),
                    source=f"{_NNUNET}; MedMNIST-C (Di Salvo et al. 2024): 0.5-1.8 for organ CT",
                    meaning="multiplies the distance from the mean of the perturbed region",
                ),
            ),
        ),
        apply=contrast,
        source="x = (u - mean(u)) · factor + mean(u)",
    )
)
