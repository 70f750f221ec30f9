"""Ghosts: copies of the anatomy along the phase-encode axis, from k-space lines that differ periodically."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..effect import VISIBLE
from .k_space import PHASE_AXIS, encoded, filtered, varies

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from ..frame import Batch, Frame

GHOSTS = 4.0  # where a sentence does not say
RESTORED = 0.02  # share of the lines, those in the centre, that stay as they are: TorchIO's default


def ghosting(
    batch: Batch, *, intensity: Sequence[float], ghosts: Sequence[float] | None = None, axis: str | None = None
) -> torch.Tensor:
    """Every n-th k-space line along the phase-encode axis times (1 - intensity), n = `ghosts` or 4.

    Lines are counted from the centre of k-space, of which 2 % of the lines stay as they are, so that the anatomy keeps
    its brightness and place. The ghosts lie FOV / n apart, and each has intensity / n of the anatomy's amplitude: more
    ghosts are fainter ghosts, which is why no ghosts at all are infinitely many. Between whole numbers the lines nearest
    to the multiples of n are taken. The phase-encode axis is the shorter side of the slices, unless it is named.
    """
    import torch

    changed = []
    counts = ghosts or [GHOSTS] * len(intensity)
    for values, frame, number, count in zip(batch.values, batch.frames, intensity, counts, strict=True):
        along = encoded(values, frame, axis)
        comb = None if along is None else every(count, values.shape[along + 1])
        if along is None or comb is None or number == 0:
            changed.append(values)
        else:
            changed.append(values - number * filtered(values, comb, (along,)))
    return torch.stack(changed)


def every(count: float, size: int) -> np.ndarray | None:
    """1 for each line of half a spectrum that is changed, else 0; None where the axis has no such line."""
    import numpy as np

    comb = np.zeros(size // 2 + 1)
    if math.isfinite(count):
        multiples = np.floor(np.arange(1, size // 2 / count + 2) * count + 0.5).astype(int)
        comb[[line for line in multiples if RESTORED * size / 2 < line <= size // 2]] = 1.0
    return comb if comb.any() else None


def could_ghost(
    image: torch.Tensor,
    _region: torch.Tensor | None,
    frame: Frame,
    *,
    intensity: float,
    ghosts: float = GHOSTS,
    axis: str | None = None,
) -> bool:
    """Whether there is a line to change, and signal off the centre of k-space."""
    along = encoded(image, frame, axis)
    hit = along is not None and every(ghosts, image.shape[along + 1]) is not None
    return intensity > VISIBLE and hit and varies(image, along)


INTENSITY = Parameter(
    "intensity",
    identity=0.0,
    lowest=0.0,
    highest=5.0,
    plausible=(0.0, 0.5),
    source="ROOD-MRI (Boone et al. 2023): 0.5-2.5, level 1 is 0.5; segmentation failures benchmark (arXiv 2406.03323): 0.2-0.4 is low",
    meaning="what is taken from every n-th k-space line; 1 takes all of it, more turns it round",
)

COUNT = Parameter(
    "ghosts",
    identity=math.inf,
    lowest=2.0,
    highest=math.inf,
    scale="reciprocal",
    plausible=(2.0, math.inf),
    source="estimate, no survey: 2 is the Nyquist ghost of echo-planar images; ROOD-MRI has 3-11, TorchIO 4-10",
    meaning="n where every n-th line is changed, the number of copies; the more, the fainter",
)

declare(
    Perturbation(
        "ghosting",
        "Copies of the anatomy along the phase-encode axis, as of pulsation or breathing.",
        alternatives=(
            (INTENSITY,),
            (INTENSITY, COUNT),
            (INTENSITY, COUNT, PHASE_AXIS),
        ),
        apply=ghosting,
        local=False,
        synonyms=("ghosts", "ghosting artefact"),
        source="every n-th line · (1 - intensity), the centre restored, real part (TorchIO's RandomGhosting; lines counted from the centre)",
        could_change=could_ghost,
        modalities=("MR",),
    )
)
