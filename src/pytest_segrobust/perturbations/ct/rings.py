"""Detector elements that are out of tune: rings around the isocentre, which is taken to be the image's middle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..frame import unit_scale
from ..slices import axial_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch
    from ..slices import Stack


def rings(batch: Batch, *, amplitude: Sequence[float] | None = None, hu: Sequence[float] | None = None) -> torch.Tensor:
    """Add to each slice a drawn profile of the distance to its middle; the strongest ring of the image has the amplitude."""
    import torch

    if hu is not None:
        strength = batch.each(hu) / unit_scale(batch.frames, batch.values)[1]
    else:
        strength = batch.each(amplitude or ())
    patterns = [_pattern(batch, i, axial_slices(frame)) for i, frame in enumerate(batch.frames)]
    return batch.values + strength * torch.stack(patterns)


def _pattern(batch: Batch, i: int, stack: Stack) -> torch.Tensor:
    """(1, *spatial) within -1 and 1, one of which is reached."""
    slices, height, width = stack.slices(batch.values[i]).shape[1:]
    lower, share, bins = _radii((height, width), stack.spacing)
    lower, share = lower.to(batch.values.device), share.to(batch.values)
    profiles = 2 * batch.uniform(0, (slices, bins))[i] - 1
    inner, outer = profiles[:, lower], profiles[:, lower + 1]
    pattern = inner + share * (outer - inner)
    return stack.image((pattern / pattern.abs().max()).reshape(1, slices, height, width))


def _radii(shape: tuple[int, int], spacing: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor, int]:
    """For each pixel the detector element inside of it and how far the way to the next it lies; how many there are."""
    import torch

    y, x = ((torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * d for n, d in zip(shape, spacing, strict=True))
    radius = (y[:, None] ** 2 + x[None, :] ** 2).sqrt().flatten() / max(spacing)
    lower = radius.floor()
    return lower.long(), radius - lower, math.floor(float(radius.max())) + 2


declare(
    Perturbation(
        "ring artefact",
        "Rings of detector elements that are out of tune, around the middle of each slice.",
        alternatives=(
            (
                Parameter(
                    "amplitude",
                    identity=0.0,
                    lowest=0.0,
                    highest=10.0,
                    plausible=(0.0, 0.05),
                    source="estimate, no survey: 20 HU of a 400 HU window",
                    meaning="of the image's strongest ring, on the unit intensity scale",
                ),
            ),
            (
                Parameter(
                    "hu",
                    identity=0.0,
                    lowest=0.0,
                    highest=4000.0,
                    unit="HU",
                    plausible=(0.0, 20.0),
                    source="estimate, no survey: seen at the same 10-20 HU as noise",
                    meaning="of the image's strongest ring, in the image's own units",
                ),
            ),
        ),
        apply=rings,
        random=True,
        synonyms=("ring artifact", "rings"),
        modalities=("CT",),
        source="a drawn profile of the distance to the image's middle, one value per pixel's width, other rings in each slice; no projection",
    )
)
