"""Distortion by gradients that weaken towards the edge of an MR scanner's field of view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from .resampling import Warped, centre, grid, moves_visibly

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame
    from ..movement import Motion

NEWTON = 12  # iterations: a cubic without turning point, approached from one side


def gradient_warp(batch: Batch, *, displacement: Sequence[float]) -> list[Motion]:
    """At p mm from the centre is shown what lies at p + displacement (p/R)³, R half the image's longest side.

    A voxel at R, the edge of the field of view, shows what lies `displacement` mm farther out: the image shrinks towards
    its centre, at its edges most.
    """
    return [_warp(frame, batch.values.shape[2:], mm) for frame, mm in zip(batch.frames, displacement, strict=True)]


def _warp(frame: Frame, shape: Sequence[int], displacement: float) -> Warped:
    middle, spacing = centre(shape), frame.spacing
    strength = displacement / (max(size * step for size, step in zip(shape, spacing, strict=True)) / 2) ** 3

    def from_centre(start: int, stop: int, device: torch.device) -> tuple[list[torch.Tensor], torch.Tensor]:
        away = [place - c for place, c in zip(grid(shape, start, stop, device), middle, strict=True)]
        squares = [(place * step) * (place * step) for place, step in zip(away, spacing, strict=True)]
        return away, sum(squares[1:], squares[0])

    def source(start: int, stop: int, device: torch.device) -> list[torch.Tensor]:
        away, square = from_centre(start, stop, device)
        stretch = 1 + strength * square
        return [place * stretch + c for place, c in zip(away, middle, strict=True)]

    def target(start: int, stop: int, device: torch.device) -> list[torch.Tensor]:
        away, square = from_centre(start, stop, device)
        # The stretch s of the place shown there: its own distance is r / s, and s = 1 + k r² / s².
        stretch = 1 + strength * square
        for _ in range(NEWTON):
            cube = stretch * stretch * stretch
            stretch = stretch - (cube - stretch * stretch - strength * square) / (3 * stretch * stretch - 2 * stretch)
        return [place / stretch + c for place, c in zip(away, middle, strict=True)]

    return Warped(frame, source, target)


DISPLACEMENT = Parameter(
    "displacement",
    identity=0.0,
    lowest=0.0,
    highest=100.0,
    unit="mm",
    plausible=(0.0, 5.0),
    source="estimate, no survey: without correction, millimetres at the edge of the field of view are common",
    meaning="at half the image's longest side from its centre, growing with the cube of the distance",
)

declare(
    Perturbation(
        "gradient warp",
        "Gradient nonlinearity left uncorrected: the image shrinks towards its edges, the reference with it.",
        alternatives=((DISPLACEMENT,),),
        apply=gradient_warp,
        moves_labels=True,
        local=False,
        synonyms=("gradient nonlinearity",),
        modalities=("MR",),
        source="x(p) = u(p + d (|p|/R)³ p/|p|), the leading odd term of a radial distortion",
        could_change=moves_visibly(DISPLACEMENT),
    )
)
