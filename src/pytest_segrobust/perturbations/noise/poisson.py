"""Poisson noise: what a counting detector adds, more where more arrives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..strength import total
from .amplitude import SNR, share, shows
from .poisson_counts import counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame


def poisson_noise(
    batch: Batch, *, photons: Sequence[float] | None = None, snr: Sequence[float] | None = None
) -> torch.Tensor:
    """Poisson(photons · u) / photons where u > 0; what is at or below the scale's zero holds no photons and stays."""
    import torch

    wanted = photons if photons is not None else photons_of(batch.values, batch.region, snr or ())
    normal = batch.normal(0, batch.values.shape[1:])
    return torch.stack([_counted(*each) for each in zip(batch.values, wanted, normal, strict=True)])


def photons_of(values: torch.Tensor, region: torch.Tensor | None, snr: Sequence[float]) -> list[float]:
    """The photons at u = 1 whose expected SNR in the region is the one stated; 0 where no voxel is above 0.

    A voxel's variance is u / photons, so 10^(-SNR/10) = Σ u⁺ / (photons · Σ u²).
    """
    values = values.detach()
    signal = total(values * values, region).sum(1).tolist()
    light = total(values.clamp_min(0.0), region).sum(1).tolist()
    return [10.0 ** (v / 10) * u / uu if u else 0.0 for v, u, uu in zip(snr, light, signal, strict=True)]


def could_count(
    image: torch.Tensor,
    region: torch.Tensor | None,
    frame: Frame,
    *,
    photons: float | None = None,
    snr: float | None = None,
) -> bool:
    """Whether a voxel holds photons, and so few of them that their noise survives rounding."""
    if photons is None:
        return shows(share(snr or 0.0), image, frame)
    brightest = float((image if region is None else image[:, region]).max())
    return brightest > 0 and shows(math.sqrt(brightest / photons), image, frame)


def _counted(values: torch.Tensor, photons: float, normal: torch.Tensor) -> torch.Tensor:
    import torch

    if photons == 0:
        return values
    u = values.detach()
    # Counts need float64, which one kind of device does not have.
    here = u.cpu() if u.device.type == "mps" else u
    counted = counts(here.double().clamp_min(0.0) * photons, normal.to(here.device)) / photons
    return torch.where(u > 0, counted.to(u), u)


declare(
    Perturbation(
        "poisson noise",
        "Noise of counted photons: its variance is proportional to the intensity.",
        alternatives=(
            (
                Parameter(
                    "photons",
                    identity=math.inf,
                    lowest=0.1,
                    highest=math.inf,
                    scale="inverse root",
                    plausible=(50.0, math.inf),
                    source="MedMNIST-C (Di Salvo et al. 2024): 200-15 for organ CT, 60-5 for chest X-ray; "
                    "estimate, no survey: 50 give mid-grey the noise 0.1",
                    meaning="mean count where the unit intensity scale is 1",
                ),
            ),
            (SNR,),
        ),
        apply=poisson_noise,
        random=True,
        differentiable=False,  # counts are whole numbers
        synonyms=("shot noise",),
        source="x = Poisson(photons · u) / photons for u > 0, counts by the inverse distribution function; a stand-in in "
        "the image for noise that CT has in its projections",
        could_change=could_count,
        modalities=("CT", "X-ray"),
    )
)
