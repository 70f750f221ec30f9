"""How strong noise is: its standard deviation on one of three scales, or its SNR."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter
from ..effect import VISIBLE
from ..frame import unit_scale
from ..strength import root_mean_square, total, voxels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Frame

SNR = Parameter(
    "snr",
    identity=math.inf,
    lowest=-20.0,
    highest=math.inf,
    unit="dB",
    scale="decibel",
    plausible=(15.0, math.inf),
    source="estimate from MR practice, whatever the noise, no survey: routine structural MR has 20-26 dB, poor MR 15-20 dB",
    meaning="20 log10(RMS / sigma); RMS of the unit-scale image over the perturbed region, its voxels and channels",
)


def sigma(
    plausible: tuple[float, float], source: str, meaning: str = "standard deviation on the unit intensity scale"
) -> Parameter:
    """The standard deviation on the unit intensity scale, or what `meaning` says."""
    return Parameter(
        "sigma", identity=0.0, lowest=0.0, highest=10.0, plausible=plausible, source=source, meaning=meaning
    )


def absolute_sigma(plausible: tuple[float, float], source: str) -> Parameter:
    """The standard deviation in the file's own units."""
    return Parameter(
        "absolute_sigma",
        identity=0.0,
        lowest=0.0,
        highest=1e6,
        plausible=plausible,
        source=source,
        meaning="standard deviation in the image's own units, such as HU in CT",
    )


def relative_sigma(plausible: tuple[float, float], source: str) -> Parameter:
    """The standard deviation in standard deviations of the image."""
    return Parameter(
        "relative_sigma",
        identity=0.0,
        lowest=0.0,
        highest=100.0,
        plausible=plausible,
        source=source,
        meaning="standard deviation of the noise over that of each whole channel, whatever region is perturbed",
    )


def amplitude(
    values: torch.Tensor,
    frames: Sequence[Frame],
    region: torch.Tensor | None,
    *,
    sigma: Sequence[float] | None = None,
    snr: Sequence[float] | None = None,
    absolute_sigma: Sequence[float] | None = None,
    relative_sigma: Sequence[float] | None = None,
) -> torch.Tensor:
    """The noise's standard deviation on the unit scale, (N, 1 or C, 1, ...), by whichever number is stated."""
    if sigma is not None:
        return _each(sigma, values)
    if absolute_sigma is not None:
        return _each(absolute_sigma, values) / unit_scale(frames, values)[1]
    if relative_sigma is not None:
        return _each(relative_sigma, values) * standard_deviation(values)
    return _each(root_mean_square(values, region), values) * _each([share(value) for value in snr or ()], values)


def share(snr: float) -> float:
    """The RMS of the noise over that of the image for an SNR in dB.

    What an SNR asks for must come about: where there is no signal, no change is a mistake and no small effect.
    """
    return math.pow(10.0, -snr / 20)


def standard_deviation(values: torch.Tensor) -> torch.Tensor:
    """Of each sample and channel over the whole image, (N, C, 1, ...), as numpy's: divided by the number of voxels."""
    import torch

    size = voxels(values)[0]
    shape = (*values.shape[:2], *(1 for _ in values.shape[2:]))
    deviation = values - (total(values) / size).reshape(shape)
    variance = total(deviation * deviation) / size
    # A floor instead of 0 keeps the gradient of the root finite where it is not used.
    root = variance.clamp_min(torch.finfo(values.dtype).tiny).sqrt()
    return torch.where(variance > 0, root, 0.0).reshape(shape)


def could_add(image: torch.Tensor, region: torch.Tensor | None, frame: Frame, **strength: float) -> bool:
    """Whether noise of this strength survives rounding in the image's own units."""
    if "snr" in strength:
        return shows(share(strength["snr"]), image, frame)
    one = {name: (value,) for name, value in strength.items()}
    inside = None if region is None else region.unsqueeze(0)
    return shows(float(amplitude(image.unsqueeze(0), (frame,), inside, **one).max()), image, frame)


def shows(change: float, image: torch.Tensor, frame: Frame) -> bool:
    """Whether a change of this size on the unit scale survives rounding in the own units of `image` (C, *spatial)."""
    import numpy as np
    import torch

    in_own_units = float(image.abs().max()) + float(np.max(np.abs(frame.low) / (frame.high - frame.low)))
    return change > max(VISIBLE, 16 * torch.finfo(image.dtype).eps * in_own_units)


def _each(numbers: Sequence[float] | torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    import torch

    column = torch.as_tensor(numbers, dtype=values.dtype, device=values.device)
    return column.reshape(-1, *(1 for _ in values.shape[1:]))
