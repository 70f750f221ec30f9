"""Patients who lie otherwise, or are of another size: rotation, scale, translation and shear about the image's centre."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import PerturbationError
from ..catalogue import Choice, Parameter, Perturbation, declare
from .orientation import ANATOMICAL, STORED, axis_number
from .resampling import Warped, centre, grid, moves_visibly

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame
    from ..movement import Motion
    from .resampling import Positions

Matrix = list[list[float]]

PLANES = {
    "axial": ("left-right", "anterior-posterior"),
    "coronal": ("left-right", "inferior-superior"),
    "sagittal": ("anterior-posterior", "inferior-superior"),
    "rows-columns": ("rows", "columns"),
    "rows-slices": ("rows", "slices"),
    "columns-slices": ("columns", "slices"),
}
PLANE = Choice(
    "plane",
    tuple(PLANES),
    meaning="of the body, or of two of the array's axes; without one it is that of the slices, "
    "which lie across the axis of largest spacing, the last of equals",
)


def rotation(batch: Batch, *, angle: Sequence[float], plane: str | None = None) -> list[Motion]:
    """The image turned about its centre, from the plane's first axis towards its second, as they are stored."""
    motions: list[Motion] = []
    for frame, degrees in zip(batch.frames, angle, strict=True):
        first, second = plane_axes(frame, plane)
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        back = _unit(len(frame.spacing))
        back[first][first], back[first][second] = cosine, sine
        back[second][first], back[second][second] = -sine, cosine
        motions.append(_linear(frame, back, _transposed(back), batch.values.shape[2:]))
    return motions


def scale(batch: Batch, *, factor: Sequence[float]) -> list[Motion]:
    """Everything `factor` times as large along every axis, on the same grid."""
    motions: list[Motion] = []
    for frame, times in zip(batch.frames, factor, strict=True):
        back, there = ([[f * entry for entry in row] for row in _unit(len(frame.spacing))] for f in (1 / times, times))
        motions.append(_linear(frame, back, there, batch.values.shape[2:]))
    return motions


def translation(batch: Batch, *, distance: Sequence[float], axis: str | None = None) -> list[Motion]:
    """Everything moved by so many mm, along an axis or in a direction that is drawn for each case."""
    dimensions = batch.values.ndim - 2
    drawn = batch.normal(0, (dimensions,)).double().tolist() if axis is None else None
    motions: list[Motion] = []
    for i, (frame, mm) in enumerate(zip(batch.frames, distance, strict=True)):
        direction = _direction(frame, str(axis)) if drawn is None else _normalised(drawn[i])
        shift = [mm * part for part in direction]
        motions.append(_affine(frame, _unit(dimensions), _unit(dimensions), shift, batch.values.shape[2:]))
    return motions


def shear(
    batch: Batch,
    *,
    angle: Sequence[float] | None = None,
    factor: Sequence[float] | None = None,
    plane: str | None = None,
) -> list[Motion]:
    """Everything moved along the plane's first axis by `factor` = tan(angle) times its place along the second, in mm."""
    factors = factor if factor is not None else [math.tan(math.radians(degrees)) for degrees in angle or ()]
    motions: list[Motion] = []
    for frame, times in zip(batch.frames, factors, strict=True):
        first, second = plane_axes(frame, plane)
        there, back = _unit(len(frame.spacing)), _unit(len(frame.spacing))
        there[first][second], back[first][second] = times, -times
        motions.append(_linear(frame, back, there, batch.values.shape[2:]))
    return motions


def plane_axes(frame: Frame, plane: str | None) -> tuple[int, int]:
    """The two array axes of a plane, by default that of the slices.

    Raises:
        PerturbationError: the image has no such plane.
    """
    if plane is not None:
        first, second = (axis_number(frame, word) for word in PLANES[plane])
        return first, second
    axes = range(len(frame.spacing))
    if len(axes) < 2:
        raise PerturbationError(f"case {frame.key}: an image of {len(axes)} axis has no plane")
    through = max(axes, key=lambda axis: (frame.spacing[axis], axis)) if len(axes) > 2 else None
    first, second = (axis for axis in axes if axis != through)
    return first, second


def _direction(frame: Frame, word: str) -> list[float]:
    """The unit vector along an axis: towards right, posterior or superior, or towards higher indices."""
    number = axis_number(frame, word)
    backwards = word in ANATOMICAL and frame.axes[number] == ANATOMICAL[word][0]
    return [(-1.0 if backwards else 1.0) if axis == number else 0.0 for axis in range(len(frame.axes))]


def _normalised(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector)
    return [part / length for part in vector]


def _unit(dimensions: int) -> Matrix:
    return [[float(row == column) for column in range(dimensions)] for row in range(dimensions)]


def _transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def _linear(frame: Frame, back: Matrix, there: Matrix, shape: Sequence[int]) -> Warped:
    return _affine(frame, back, there, [0.0] * len(shape), shape)


def _affine(frame: Frame, back: Matrix, there: Matrix, shift: Sequence[float], shape: Sequence[int]) -> Warped:
    """Matrices and shift in mm about the centre: p goes to `there` p + shift, and comes from `back` (p - shift)."""
    came = [-sum(entry * mm for entry, mm in zip(row, shift, strict=True)) for row in back]
    return Warped(frame, _positions(back, came, frame, shape), _positions(there, shift, frame, shape))


def _positions(matrix: Matrix, shift: Sequence[float], frame: Frame, shape: Sequence[int]) -> Positions:
    middle, spacing = centre(shape), frame.spacing

    def positions(start: int, stop: int, device: torch.device) -> list[torch.Tensor]:
        places = [place - c for place, c in zip(grid(shape, start, stop, device), middle, strict=True)]
        found = []
        for row, mm, c, own in zip(matrix, shift, middle, spacing, strict=True):
            terms = [
                place if entry * step == own else place * (entry * step / own)
                for entry, step, place in zip(row, spacing, places, strict=True)
                if entry
            ]
            found.append(sum(terms[1:], terms[0]) + (c + mm / own))
        return found

    return positions


ANGLE = Parameter(
    "angle",
    identity=0.0,
    lowest=-180.0,
    highest=180.0,
    unit="deg",
    plausible=(-15.0, 15.0),
    source="segmentation_failures_benchmark (2024), medium: 5-15 deg; ROOD-MRI (Boone et al. 2023): 6-30 deg; "
    "nnU-Net's training augmentation: 30 deg in 3-D",
    meaning="from the plane's first axis towards its second; negative the other way",
)
FACTOR = Parameter(
    "factor",
    identity=1.0,
    lowest=0.1,
    highest=10.0,
    scale="log",
    plausible=(0.9, 1.4),
    source="segmentation_failures_benchmark (2024), low: 0.9-1.4; nnU-Net's training augmentation: 0.7-1.4",
    meaning="size in the moved image over size in the image",
)
DISTANCE = Parameter(
    "distance",
    identity=0.0,
    lowest=-1000.0,
    highest=1000.0,
    unit="mm",
    plausible=(-8.0, 8.0),
    source="ROOD-MRI (Boone et al. 2023), level 1: 8 mm",
    meaning="along the direction; negative the other way",
)
TILT = Parameter(
    "angle",
    identity=0.0,
    lowest=-60.0,
    highest=60.0,
    unit="deg",
    plausible=(-10.0, 10.0),
    source="estimate, no survey: CT gantries tilt by up to 30 deg, which is usually corrected",
    meaning="by which lines along the plane's second axis lean towards its first",
)
SLANT = Parameter(
    "factor",
    identity=0.0,
    lowest=-1.7,
    highest=1.7,
    plausible=(-0.17, 0.17),
    source="estimate, no survey: the tangent of 10 deg",
    meaning="mm along the plane's first axis for each mm along its second",
)

declare(
    Perturbation(
        "rotation",
        "The image turned about its centre, the reference with it.",
        alternatives=((ANGLE,), (ANGLE, PLANE)),
        apply=rotation,
        moves_labels=True,
        local=False,
        source="x(p) = u(R⁻¹ p) in mm, linear interpolation",
        could_change=moves_visibly(ANGLE),
    )
)

declare(
    Perturbation(
        "scale",
        "Everything larger or smaller about the image's centre, the reference with it.",
        alternatives=((FACTOR,),),
        apply=scale,
        moves_labels=True,
        local=False,
        source="x(p) = u(p / factor) in mm, linear interpolation",
        could_change=moves_visibly(FACTOR),
    )
)

declare(
    Perturbation(
        "translation",
        "Everything moved in the field of view, the reference with it.",
        alternatives=(
            (DISTANCE,),
            (
                DISTANCE,
                Choice(
                    "axis",
                    (*ANATOMICAL, *STORED),
                    meaning="towards right, posterior or superior, or towards higher indices of an axis as stored; "
                    "without one, each case has a direction of its own that is drawn evenly from all",
                ),
            ),
        ),
        apply=translation,
        random=True,
        settled_by=("axis",),
        moves_labels=True,
        local=False,
        source="x(p) = u(p - t) in mm, linear interpolation",
        could_change=moves_visibly(DISTANCE),
    )
)

declare(
    Perturbation(
        "shear",
        "The image slanted in a plane, as of an uncorrected gantry tilt, the reference with it.",
        alternatives=((TILT,), (SLANT,), (TILT, PLANE)),
        apply=shear,
        moves_labels=True,
        local=False,
        source="x(p, q) = u(p - tan(angle) q, q) in mm, linear interpolation",
        could_change=moves_visibly(TILT, SLANT),
    )
)
