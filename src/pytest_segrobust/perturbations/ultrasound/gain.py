"""Gain of an ultrasound receiver that is set wrongly, overall or along the depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..noise.amplitude import shows
from .depth import depth_axis, depths

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

_ENVELOPE = "the unit intensity scale taken for the echo's amplitude; where it is its logarithm, as on a display, use a shift of brightness"


def gain(batch: Batch, *, gain: Sequence[float]) -> torch.Tensor:
    """Multiply the amplitude of the echo by 10^(gain / 20)."""
    return batch.values * batch.each([10.0 ** (decibel / 20) for decibel in gain])


def time_gain_error(batch: Batch, *, gain: Sequence[float]) -> torch.Tensor:
    """Multiply the amplitude by 10^(gain · depth / 20), the depth from 0 at the probe to 1 at the far end."""
    import torch

    return torch.stack([_along(*each) for each in zip(batch.values, batch.frames, gain, strict=True)])


def could_gain(image: torch.Tensor, region: torch.Tensor | None, frame: Frame, *, gain: float) -> bool:
    """Whether there is an echo, and the gain changes it visibly."""
    inside = image if region is None else image[:, region]
    return shows(abs(10.0 ** (gain / 20) - 1) * float(inside.abs().max()), image, frame)


def could_tilt(image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, gain: float) -> bool:
    """Whether the far half of the image has an echo, which the gain changes visibly."""
    axis = depth_axis(frame)[0] + 1
    far = [i for i, depth in enumerate(depths(frame, image.shape[axis])) if depth >= 0.5]
    if not far:
        return False
    echo = float(image.narrow(axis, far[0], len(far)).abs().max())
    return shows(abs(10.0 ** (gain / 40) - 1) * echo, image, frame)


def _along(values: torch.Tensor, frame: Frame, gain: float) -> torch.Tensor:
    import torch

    axis = depth_axis(frame)[0] + 1
    factors = [10.0 ** (gain * depth / 20) for depth in depths(frame, values.shape[axis])]
    shape = [1] * values.ndim
    shape[axis] = -1
    return values * torch.tensor(factors, dtype=values.dtype, device=values.device).reshape(shape)


def _gain(meaning: str) -> Parameter:
    return Parameter(
        "gain",
        identity=0.0,
        lowest=-60.0,
        highest=60.0,
        unit="dB",
        plausible=(-6.0, 6.0),
        source="estimate, no survey: half to twice the amplitude",
        meaning=meaning,
    )


declare(
    Perturbation(
        "gain",
        "Ultrasound with the receiver's gain too high or too low.",
        alternatives=((_gain("20 log10 of the factor"),),),
        apply=gain,
        local=False,
        synonyms=("receiver gain", "ultrasound gain"),
        source=f"x = u · 10^(gain / 20); {_ENVELOPE}",
        could_change=could_gain,
        modalities=("ultrasound",),
    )
)

declare(
    Perturbation(
        "time gain error",
        "Ultrasound whose gain compensates too much or too little for the depth.",
        alternatives=(
            (_gain("20 log10 of the factor at the far end of the image; none at the probe, linear in between"),),
        ),
        apply=time_gain_error,
        local=False,
        synonyms=("time gain compensation error", "TGC error"),
        source=f"x = u · 10^(gain · depth / 20), attenuation in tissue being a number of dB per cm; {_ENVELOPE}",
        could_change=could_tilt,
        modalities=("ultrasound",),
    )
)
