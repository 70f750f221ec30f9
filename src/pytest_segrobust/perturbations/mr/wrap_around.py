"""Wrap-around: the field of view was chosen too small, and what lies beyond it folds in from the other side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from .k_space import PHASE_AXIS, encoded
from .magnitude import magnitude

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame


def wrap_around(batch: Batch, *, share: Sequence[float], axis: str | None = None) -> torch.Tensor:
    """u(x) + u(x + L') + u(x - L') along the phase-encode axis, L' = (1 - share) L of the image's field of view L.

    u is the image's own value, with no signal outside the image; between voxels it is interpolated linearly. The axis
    is the shorter side of the slices, unless it is named. Simplification: the grid, and so the labels, stay those of the whole
    image, where a scanner would show the smaller field of view alone. What lies beyond it is there twice, at its place
    and folded in, and only its place is labelled.
    """
    import torch

    changed = []
    for values, frame, part in zip(batch.values, batch.frames, share, strict=True):
        along = encoded(values, frame, axis)
        if along is None or part == 0:
            changed.append(values)
            continue
        signal = magnitude(values, frame)
        distance = (1 - part) * values.shape[along + 1]
        changed.append(values + (shifted(signal, along, distance) + shifted(signal, along, -distance)))
    return torch.stack(changed)


def shifted(values: torch.Tensor, axis: int, distance: float) -> torch.Tensor:
    """u(x + distance) along a spatial axis of (C, *spatial), in voxels, interpolated linearly; 0 outside the image."""
    whole = math.floor(distance)
    fraction = distance - whole
    return (1 - fraction) * _moved(values, axis, whole) + fraction * _moved(values, axis, whole + 1)


def could_fold(
    image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, share: float, axis: str | None = None
) -> bool:
    """Whether there is signal beyond the smaller field of view, on either side."""
    along = encoded(image, frame, axis)
    if along is None or share * image.shape[along + 1] < 1e-3:  # of one voxel
        return False
    signal = magnitude(image, frame).abs()
    size, width = image.shape[along + 1], math.ceil(share * image.shape[along + 1])
    edges = (signal.narrow(along + 1, 0, width), signal.narrow(along + 1, size - width, width))
    return any(bool((edge > 1e-3).any()) for edge in edges)


def _moved(values: torch.Tensor, axis: int, distance: int) -> torch.Tensor:
    import torch

    size = values.shape[axis + 1]
    if abs(distance) >= size:
        return torch.zeros_like(values)
    kept = values.narrow(axis + 1, max(distance, 0), size - abs(distance))
    empty = torch.zeros_like(values.narrow(axis + 1, 0, abs(distance)))
    return torch.cat((kept, empty) if distance > 0 else (empty, kept), axis + 1)


SHARE = Parameter(
    "share",
    identity=0.0,
    lowest=0.0,
    highest=0.5,
    plausible=(0.0, 0.1),
    source="estimate, no survey: a few centimetres of a field of view of 250 mm or more",
    meaning="share of the image's field of view by which the field of view is too small, along the phase-encode axis",
)

declare(
    Perturbation(
        "wrap-around",
        "Anatomy beyond a field of view that was chosen too small folds in from the other side.",
        alternatives=((SHARE,), (SHARE, PHASE_AXIS)),
        apply=wrap_around,
        local=False,
        synonyms=("aliasing", "fold-over"),
        source="sampling of k-space at distances of 1 / L' repeats the image every L'",
        could_change=could_fold,
        modalities=("MR",),
    )
)
