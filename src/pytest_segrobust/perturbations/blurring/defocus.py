"""Out of focus: a point becomes an evenly bright disc."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..slices import thick_slices
from .gaussian import mirrored

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

VISIBLE = 0.505  # of a voxel's side: a disc that reaches less far beyond its voxel may be lost to rounding


def defocus_blur(batch: Batch, *, radius: Sequence[float]) -> torch.Tensor:
    """Convolution of each slice with a disc of a radius in mm, the image mirrored at its edges."""
    import torch

    blurred = []
    for image, frame, size in zip(batch.values, batch.frames, radius, strict=True):
        stack = thick_slices(frame)
        blurred.append(stack.image(_blur(stack.slices(image), disc(size, stack.spacing))))
    return torch.stack(blurred)


def disc(radius: float, spacing: tuple[float, float]) -> list[list[float]]:
    """The share of a disc that falls on each pixel, by its distance in rows and in columns: one quarter of it.

    A pixel's share is the area of the disc within it, so that a disc within one pixel leaves that pixel as it is.
    """
    rows, columns = (math.ceil(radius / step - 0.5) + 1 for step in spacing)
    edges = [[(k - 0.5) * step for k in range(n + 1)] for n, step in zip((rows, columns), spacing, strict=True)]
    corners = [[_corner(y, x, radius) for x in edges[1]] for y in edges[0]]
    whole = math.pi * radius**2
    return [
        [
            (corners[y + 1][x + 1] - corners[y][x + 1] - corners[y + 1][x] + corners[y][x]) / whole
            for x in range(columns)
        ]
        for y in range(rows)
    ]


def could_defocus(image: torch.Tensor, region: torch.Tensor | None, frame: Frame, *, radius: float) -> bool:
    """Whether the image has something to blur, and the disc reaches a neighbouring voxel."""
    inside = image if region is None else image[:, region]
    stack = thick_slices(frame)
    varies = bool((inside != inside.flatten()[0]).any())
    return varies and any(
        radius > VISIBLE * step and size > 1
        for step, size in zip(stack.spacing, stack.slices(image).shape[2:], strict=True)
    )


def _corner(y: float, x: float, radius: float) -> float:
    """The area of a disc around 0 between 0 and y, and 0 and x; negative for one negative side."""
    height, width = min(abs(y), radius), min(abs(x), radius)
    area = height * width
    if height**2 + width**2 > radius**2:
        begin = math.sqrt(radius**2 - height**2)

        def below_arc(place: float) -> float:
            arc = math.asin(min(place / radius, 1.0))
            return (place * math.sqrt(max(radius**2 - place**2, 0.0)) + radius**2 * arc) / 2

        area = height * begin + below_arc(width) - below_arc(begin)
    return math.copysign(area, y * x)


def _blur(slices: torch.Tensor, weights: list[list[float]]) -> torch.Tensor:
    # Sums of shifted images, for the reason that gaussian.py gives. Most of a disc's pixels weigh the same: those of one
    # column are a run, which is the run of the column farther out with a few rows more.
    import torch

    rows, columns = len(weights) - 1, len(weights[0]) - 1
    height, width = slices.shape[2:]
    padded = mirrored(mirrored(slices, 2, rows), 3, columns)

    def rows_at(distance: int) -> torch.Tensor:
        above = padded.narrow(2, rows - distance, height)
        return above if distance == 0 else above + padded.narrow(2, rows + distance, height)

    full = weights[0][0]
    even = full * (1 - 1e-9)
    run, length = torch.zeros_like(rows_at(0)), 0
    blurred = torch.zeros_like(slices)
    for column in range(columns, -1, -1):
        shares = [row[column] for row in weights]
        while length <= rows and shares[length] >= even:
            run = run + rows_at(length)
            length += 1
        line = run * full
        for distance in range(length, rows + 1):
            if shares[distance] > 0:
                line = line + rows_at(distance) * shares[distance]
        blurred = blurred + line.narrow(3, columns - column, width)
        if column > 0:
            blurred = blurred + line.narrow(3, columns + column, width)
    return blurred


declare(
    Perturbation(
        "defocus blur",
        "Blur by a disc, as of a lens out of focus; within each slice.",
        alternatives=(
            (
                Parameter(
                    "radius",
                    identity=0.0,
                    lowest=0.0,
                    highest=50.0,
                    unit="mm",
                    plausible=(0.0, 2.0),
                    source="estimate, no survey: one to two voxels",
                    meaning="of the disc that a point becomes",
                ),
            ),
        ),
        apply=defocus_blur,
        source="convolution with an even disc, exact areas of the disc in each pixel",
        could_change=could_defocus,
    )
)
