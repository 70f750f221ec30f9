"""Quantisation: an image kept in few levels of grey."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from .amplitude import shows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame


def quantisation(batch: Batch, *, levels: Sequence[float]) -> torch.Tensor:
    """Round u to multiples of 1 / (levels - 1); values beyond 0 and 1 keep the same step and are not clipped."""
    steps = batch.each([number - 1 for number in levels])
    return (batch.values * steps).round() / steps


def could_round(image: torch.Tensor, region: torch.Tensor | None, frame: Frame, *, levels: float) -> bool:
    """Whether a value lies visibly off the levels: an image of so few levels already is none the worse."""
    inside = image if region is None else image[:, region]
    steps = levels - 1
    return shows(float(((inside * steps).round() / steps - inside).abs().max()), image, frame)


declare(
    Perturbation(
        "quantisation",
        "Intensities rounded to a few levels.",
        alternatives=(
            (
                Parameter(
                    "levels",
                    identity=math.inf,
                    lowest=2.0,
                    highest=math.inf,
                    scale="reciprocal",
                    plausible=(64.0, math.inf),
                    source="estimate, no survey: images exported with 8 bits have 256, over a wider scale than is needed 64",
                    meaning="levels of grey from 0 to 1 of the unit intensity scale, both included; need not be whole",
                ),
            ),
        ),
        apply=quantisation,
        differentiable=False,  # a staircase: flat or a jump
        synonyms=("quantization",),
        source="x = round(u (levels - 1)) / (levels - 1)",
        could_change=could_round,
    )
)
