"""A display window that is not the expected one: brighter or darker, flatter or steeper, and cut off at its ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

VISIBLE = 1e-3

LEVEL = Parameter(
    "level",
    identity=0.0,
    lowest=-5.0,
    highest=5.0,
    plausible=(-0.1, 0.1),
    source="estimate, no survey: 40 HU of a 400 HU window, as between brain and abdomen protocols",
    meaning="how far the wrong window's middle is above the right one's, in widths of the right one",
)
WIDTH = Parameter(
    "width",
    identity=1.0,
    lowest=0.01,
    highest=100.0,
    scale="log",
    plausible=(0.75, 1.25),
    source="estimate, no survey: 300-500 HU where 400 HU are expected",
    meaning="the wrong window's width in widths of the right one",
)


def window_error(
    batch: Batch, *, level: Sequence[float] | None = None, width: Sequence[float] | None = None
) -> torch.Tensor:
    """(u - 0.5 - level) / width + 0.5, cut off at 0 and 1.

    The unit intensity scale is taken as the right window. An image that was never cut off has values beyond it; those go
    no farther out than they were, so that a slight error changes them slightly.
    """
    import torch

    u = batch.values
    moved = u if level is None else u - batch.each(level)
    if width is not None:
        moved = (moved - 0.5) / batch.each(width) + 0.5
    return torch.minimum(torch.maximum(moved, u.clamp_max(0)), u.clamp_min(1))


def could_window(
    image: torch.Tensor, region: torch.Tensor | None, _frame: Frame, *, level: float = 0.0, width: float = 1.0
) -> bool:
    """Whether voxels that vary lie within the window, and it is wrong by more than rounding."""
    inside = image if region is None else image[:, region]
    within = inside[(inside > VISIBLE) & (inside < 1 - VISIBLE)]
    varies = bool((within != within[:1]).any())
    return varies and (abs(level) > VISIBLE or abs(math.log(width)) > VISIBLE)


declare(
    Perturbation(
        "window error",
        "The image was windowed otherwise than expected, and cut off where that window ends.",
        alternatives=((LEVEL,), (WIDTH,), (LEVEL, WIDTH)),
        apply=window_error,
        synonyms=("windowing error",),
        modalities=("CT",),
        could_change=could_window,
        source="DICOM PS3.3, linear window: (u - 0.5 - level) / width + 0.5, cut off at 0 and 1",
    )
)
