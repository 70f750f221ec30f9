"""A scanner whose Hounsfield scale is off: water is not 0, or dense matter reads too high or low."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from .attenuation import hounsfield

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch


def hu_shift(
    batch: Batch, *, shift: Sequence[float] | None = None, slope: Sequence[float] | None = None
) -> torch.Tensor:
    """HU + shift, or HU · slope, which leaves water alone."""
    units, span = hounsfield(batch)
    if shift is not None:
        return batch.values + batch.each(shift) / span
    return batch.values + units * (batch.each(slope or ()) - 1) / span


declare(
    Perturbation(
        "hu shift",
        "A Hounsfield scale that is off; images in HU.",
        alternatives=(
            (
                Parameter(
                    "shift",
                    identity=0.0,
                    lowest=-4000.0,
                    highest=4000.0,
                    unit="HU",
                    plausible=(-7.0, 7.0),
                    source="ACR CT accreditation: water within ±7 HU",
                    meaning="is added to every voxel",
                ),
            ),
            (
                Parameter(
                    "slope",
                    identity=1.0,
                    lowest=0.1,
                    highest=10.0,
                    scale="log",
                    plausible=(0.95, 1.05),
                    source="estimate, no survey: calibration and tube voltage",
                    meaning="multiplies HU, so water stays",
                ),
            ),
        ),
        apply=hu_shift,
        synonyms=("hounsfield shift",),
        modalities=("CT",),
        source="HU + shift, or HU · slope",
    )
)
