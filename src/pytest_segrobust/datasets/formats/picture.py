"""The header of a picture: rows and columns, no left or right of a body."""

from __future__ import annotations

import numpy as np

from ..header import UNKNOWN_AXIS, Header, check_spacing


def picture_header(shape: tuple[int, int], channels: int, spacing: tuple[float, float] | None) -> Header:
    """`shape` and `spacing` (mm, None where the file has none: 1) are of rows and columns."""
    lengths = spacing or (1.0, 1.0)
    check_spacing(lengths)
    affine = np.diag([*lengths, 1.0, 1.0])
    axes = (UNKNOWN_AXIS, UNKNOWN_AXIS)
    return Header(shape, lengths, affine, channels, axes, spacing_known=spacing is not None, rows_first=True)
