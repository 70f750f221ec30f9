"""Salt and pepper noise: voxels that failed, black or white whatever was there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import PerturbationError
from ..catalogue import Parameter, Perturbation, declare
from ..strength import total
from .amplitude import SNR, share, shows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

CERTAIN = 50.0  # voxels expected to be replaced: the chance that it is none is below 1e-21


def salt_and_pepper_noise(
    batch: Batch, *, density: Sequence[float] | None = None, snr: Sequence[float] | None = None
) -> torch.Tensor:
    """A share of the voxels replaced in all channels together, half of them by 1 and half by 0 of the unit scale.

    A voxel is replaced from that density on which its uniform number says, so that a denser noise adds to a thinner one.
    """
    import torch

    if density is None:
        density = density_of(batch.values, batch.region, snr or (), batch.frames)
    shape = (1, *batch.values.shape[2:])
    salt = (batch.uniform(1, shape) < 0.5).to(batch.values.dtype)
    return torch.where(batch.uniform(0, shape) < batch.each(density), salt, batch.values)


def density_of(
    values: torch.Tensor, region: torch.Tensor | None, snr: Sequence[float], frames: Sequence[Frame]
) -> list[float]:
    """The share of voxels whose replacement has the expected SNR, over the region's voxels and channels.

    A voxel that is replaced adds ((1 - u)² + u²) / 2, so 10^(-SNR/10) = density · Σ ((1 - u)² + u²) / 2 / Σ u².

    Raises:
        PerturbationError: not even replacing every voxel makes so much noise.
    """
    values = values.detach()
    signal = total(values * values, region).sum(1).tolist()
    all_replaced = (total((1 - values) ** 2 + values * values, region).sum(1) / 2).tolist()
    densities = [10.0 ** (-v / 10) * s / a for v, s, a in zip(snr, signal, all_replaced, strict=True)]
    for needed, wanted, frame in zip(densities, snr, frames, strict=True):
        if needed > 1:
            lowest = wanted + 10 * math.log10(needed)
            raise PerturbationError(
                f"case {frame.key}: salt and pepper noise cannot have an SNR of {wanted:.9g} dB; with every voxel "
                f"replaced it has {lowest:.2f} dB, the lowest that is possible"
            )
    return densities


def could_replace(
    image: torch.Tensor,
    region: torch.Tensor | None,
    frame: Frame,
    *,
    density: float | None = None,
    snr: float | None = None,
) -> bool:
    """Whether so many voxels are expected to be replaced that some must be; a thin noise may miss a small structure."""
    if density is None:
        inside = None if region is None else region.unsqueeze(0)
        (density,) = density_of(image.unsqueeze(0), inside, (snr or 0.0,), (frame,))
        if density == 0:
            return shows(share(snr or 0.0), image, frame)
    size = math.prod(image.shape[1:]) if region is None else int(region.sum())
    return density * size > CERTAIN


declare(
    Perturbation(
        "salt and pepper noise",
        "Single voxels replaced by black or white.",
        alternatives=(
            (
                Parameter(
                    "density",
                    identity=0.0,
                    lowest=0.0,
                    highest=1.0,
                    plausible=(0.0, 0.02),
                    source="MedMNIST-C (Di Salvo et al. 2024): 0.01-0.08 for organ CT; estimate, no survey: detectors "
                    "with more than 2 % of dead pixels are not in use",
                    meaning="share of the voxels replaced, half by 1 and half by 0 of the unit intensity scale",
                ),
            ),
            (SNR,),
        ),
        apply=salt_and_pepper_noise,
        random=True,
        synonyms=("salt & pepper noise", "impulse noise"),
        source="x = 1 or 0 with probability density / 2 each, else u",
        could_change=could_replace,
    )
)
