"""The header of a picture: rows and columns, no left or right of a body."""

from __future__ import annotations

import numpy as np

from ..header import UNKNOWN_AXIS, Header, check_spacing

SCREEN_DPI = (72, 96)
"""What programs write that know no physical size; taken as mm it would make every distance wrong."""


def picture_header(shape: tuple[int, int], channels: int, spacing: tuple[float, float] | None) -> Header:
    """`shape` and `spacing` (mm, None where the file has none: 1) are of rows and columns.

    The default densities of screens say nothing of a body and count as none.
    """
    if spacing is not None and any(all(abs(25.4 / mm - dpi) < 0.1 for mm in spacing) for dpi in SCREEN_DPI):
        spacing = None
    lengths = spacing or (1.0, 1.0)
    check_spacing(lengths)
    affine = np.diag([*lengths, 1.0, 1.0])
    axes = (UNKNOWN_AXIS, UNKNOWN_AXIS)
    return Header(shape, lengths, affine, channels, axes, spacing_known=spacing is not None, rows_first=True)
