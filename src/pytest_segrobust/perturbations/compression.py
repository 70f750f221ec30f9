"""Lossy compression: what JPEG rounds away."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .catalogue import Parameter, Perturbation, declare
from .slices import thick_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from .frame import Batch, Frame

SIDE = 8
GREY = 255.0  # levels of an 8-bit image on the unit intensity scale
# ISO/IEC 10918-1, table K.1: steps of luminance coefficients.
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def jpeg_compression(batch: Batch, *, quality: Sequence[float]) -> torch.Tensor:
    """Each slice by 8 x 8 blocks: cosine coefficients rounded to multiples of their steps, and back.

    Grey levels are 255 u. They are neither rounded to whole levels nor cut off at 0 and 255, as an 8-bit file would do:
    "quantisation" and "window error" are perturbations of their own.
    """
    import torch

    compressed = []
    for image, frame, number in zip(batch.values.detach(), batch.frames, quality, strict=True):
        stack = thick_slices(frame)
        compressed.append(stack.image(_compressed(stack.slices(image), number)))
    return torch.stack(compressed)


def steps(quality: float) -> list[list[int]]:
    """The steps of the 64 coefficients, in grey levels, by the rule of the Independent JPEG Group."""
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    return [[min(max(math.floor((step * percent + 50) / 100), 1), 255) for step in row] for row in LUMINANCE]


def could_compress(image: torch.Tensor, region: torch.Tensor | None, frame: Frame, *, quality: float) -> bool:
    """Whether a value changes within a block: even blocks of whole grey levels may come back as they were."""
    inside = (image if region is None else image * region).movedim(0, -1)
    stack = thick_slices(frame)
    slices = stack.slices(inside.movedim(-1, 0))
    uneven = any(
        bool((slices.diff(dim=axis) != 0).index_select(axis, _within_blocks(slices, axis)).any()) for axis in (2, 3)
    )
    return uneven and quality < 99.99


def _within_blocks(slices: torch.Tensor, axis: int) -> torch.Tensor:
    """The numbers of those steps from pixel to pixel that lead into no other block."""
    import torch

    numbers = torch.arange(slices.shape[axis] - 1, device=slices.device)
    return numbers[numbers % SIDE != SIDE - 1]


def _compressed(slices: torch.Tensor, quality: float) -> torch.Tensor:
    import torch

    channels, count, height, width = slices.shape
    below, right = -height % SIDE, -width % SIDE
    # The last row and column are repeated to whole blocks.
    padded = torch.nn.functional.pad(slices, (0, right, 0, below), mode="replicate") if below or right else slices
    blocks = padded.reshape(channels, count, (height + below) // SIDE, SIDE, (width + right) // SIDE, SIDE)
    laid = blocks.permute(3, 5, 0, 1, 2, 4)
    levels = laid.reshape(SIDE, SIDE, -1) * GREY - (GREY + 1) / 2
    cosines = _cosines()
    coefficients = _transformed(_transformed(levels, cosines), cosines)
    step = torch.tensor(steps(quality), dtype=slices.dtype, device=slices.device).unsqueeze(-1)
    rounded = (coefficients / step).round() * step
    back = [list(row) for row in zip(*cosines, strict=True)]
    restored = (_transformed(_transformed(rounded, back), back) + (GREY + 1) / 2) / GREY
    whole = restored.reshape(laid.shape).permute(2, 3, 4, 0, 5, 1).reshape(padded.shape)
    return whole[..., :height, :width]


def _transformed(values: torch.Tensor, matrix: list[list[float]]) -> torch.Tensor:
    """A matrix times the first axis of values (8, 8, blocks), which becomes the second."""
    import torch

    # Sum by sum rather than by a matrix product, whose last bit may depend on the number of threads: rounding to
    # a coefficient's step would make a whole step of it.
    columns = torch.tensor(matrix, dtype=values.dtype, device=values.device).T
    result = torch.zeros_like(values)
    for column, row in zip(columns, values, strict=True):
        result += row.unsqueeze(1) * column.reshape(1, -1, 1)
    return result


def _cosines() -> list[list[float]]:
    """The orthonormal cosine transform of eight values."""
    return [
        [
            math.sqrt((1 if k == 0 else 2) / SIDE) * math.cos(math.pi * (2 * place + 1) * k / (2 * SIDE))
            for place in range(SIDE)
        ]
        for k in range(SIDE)
    ]


declare(
    Perturbation(
        "jpeg compression",
        "Each slice stored as a JPEG of 8-bit grey levels.",
        alternatives=(
            (
                Parameter(
                    "quality",
                    identity=100.0,
                    lowest=1.0,
                    highest=100.0,
                    plausible=(50.0, 100.0),
                    source="estimate, no survey: 75 is the default of most programs; 100 stands for no compression at all",
                    meaning="of the Independent JPEG Group, 1 to 100; just below 100 coefficients are still rounded to whole levels",
                ),
            ),
        ),
        apply=jpeg_compression,
        differentiable=False,
        synonyms=("jpeg",),
        source="ISO/IEC 10918-1: 8 x 8 cosine transform, luminance steps of table K.1",
        could_change=could_compress,
    )
)
