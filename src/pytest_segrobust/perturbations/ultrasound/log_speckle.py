"""Speckle of a log-compressed display, whose grains have a size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..noise.amplitude import SNR, share, shows, sigma
from ..strength import total

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

# The autocorrelation of white noise after a Gaussian of standard deviation s is a Gaussian of s √2.
FULL_WIDTH = 2 * math.sqrt(2 * math.log(2)) * math.sqrt(2)
TRUNCATE = 3.0  # standard deviations of the kernel; what is cut off is 1 % of its amplitude


def log_compressed_speckle(
    batch: Batch,
    *,
    sigma: Sequence[float] | None = None,
    speckle_size: Sequence[float] | None = None,
    snr: Sequence[float] | None = None,
) -> torch.Tensor:
    """Give u + σ √u η where u > 0, η of unit variance everywhere; the grains of η are one voxel unless a size is stated."""
    import torch

    u = batch.values
    # A floor instead of 0 keeps the gradient of the root finite where it is not used.
    root = torch.where(u > 0, u.clamp_min(torch.finfo(u.dtype).tiny).sqrt(), 0.0)
    wanted = batch.each(sigma if sigma is not None else sigma_of(u, batch.region, snr or ()))
    noise = batch.normal(0, u.shape[1:])
    if speckle_size is not None:
        grains = zip(noise, batch.frames, speckle_size, strict=True)
        noise = torch.stack([correlated(field, [size / mm for mm in frame.spacing]) for field, frame, size in grains])
    return u + root * (wanted * noise)


def sigma_of(values: torch.Tensor, region: torch.Tensor | None, snr: Sequence[float]) -> torch.Tensor:
    """The σ whose expected SNR in the region is the one stated: σ² Σ u⁺ = 10^(-SNR/10) Σ u²; 0 without an echo."""
    import torch

    echo = total(values.clamp_min(0.0), region).sum(1)
    root = (total(values * values, region).sum(1) / torch.where(echo > 0, echo, 1.0)).sqrt()
    return torch.where(echo > 0, root, 0.0) * values.new_tensor([share(value) for value in snr])


def correlated(field: torch.Tensor, size: Sequence[float]) -> torch.Tensor:
    """White noise (C, *spatial) whose autocorrelation has the full width at half maximum `size`, in voxels per axis.

    Divided by its standard deviation, which at the edges, where fewer voxels are summed, is another.
    """
    for axis, wide in enumerate(size):
        field = _correlated_along(field, axis + 1, wide / FULL_WIDTH)
    return field


def could_speckle(
    image: torch.Tensor,
    region: torch.Tensor | None,
    frame: Frame,
    *,
    sigma: float | None = None,
    snr: float | None = None,
    speckle_size: float = 0.0,  # noqa: ARG001  # grains of any size have the same variance
) -> bool:
    """Whether there is an echo, and its speckle survives rounding."""
    if sigma is None:
        return shows(share(snr or 0.0), image, frame)
    brightest = float((image if region is None else image[:, region]).max())
    return brightest > 0 and shows(sigma * math.sqrt(brightest), image, frame)


def _correlated_along(field: torch.Tensor, axis: int, width: float) -> torch.Tensor:
    import torch

    size = field.shape[axis]
    radius = min(int(TRUNCATE * width + 0.5), size - 1)
    if radius == 0:
        return field
    weights = [math.exp(-0.5 * (k / width) ** 2) for k in range(radius + 1)]
    # Sums of shifted fields, as in blurring: a convolution's order of summation depends on the number of threads.
    blurred = field * weights[0]
    for k in range(1, radius + 1):
        blurred.narrow(axis, k, size - k).add_(field.narrow(axis, 0, size - k) * weights[k])
        blurred.narrow(axis, 0, size - k).add_(field.narrow(axis, k, size - k) * weights[k])
    variances = [
        sum(weights[abs(k)] ** 2 for k in range(-radius, radius + 1) if 0 <= i + k < size) for i in range(size)
    ]
    shape = [1] * field.ndim
    shape[axis] = -1
    scale = [1 / math.sqrt(variance) for variance in variances]
    return blurred.mul_(torch.tensor(scale, dtype=field.dtype, device=field.device).reshape(shape))


SIGMA = sigma(
    (0.0, 0.15),
    "estimate, no survey: at mid-grey the noise that MedMNIST-C (Di Salvo et al. 2024) has for breast ultrasound at "
    "σ = 0.2 of u (1 + σ n)",
    "standard deviation of the speckle where the unit intensity scale is 1",
)

declare(
    Perturbation(
        "log compressed speckle",
        "Speckle of a displayed ultrasound image: grainy noise that grows with the root of the intensity.",
        alternatives=(
            (SIGMA,),
            (
                SIGMA,
                Parameter(
                    "speckle_size",
                    identity=0.0,
                    lowest=0.0,
                    highest=50.0,
                    unit="mm",
                    plausible=(0.0, 2.0),
                    source="estimate, no survey: up to a millimetre at 5-10 MHz, more across the beam and in its depth",
                    meaning="full width at half maximum of the speckle's autocorrelation, the same along every axis",
                ),
            ),
            (SNR,),
        ),
        apply=log_compressed_speckle,
        random=True,
        synonyms=("ultrasound speckle",),
        source="x = u + σ √u η (Loupas et al. 1989), an empirical law for displayed images with Gaussian η; fully developed "
        "speckle has a Rayleigh amplitude, whose logarithm scatters by the same 5.6 dB at every intensity",
        could_change=could_speckle,
        modalities=("ultrasound",),
    )
)
