"""PNG pictures: greyscale or colour, 8 and 16 bit; spacing from the pHYs chunk where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError
from ..capacity import DEFLATE_RATIO, require_capacity
from ..header import StoredImage, decoding
from .picture import picture_header

if TYPE_CHECKING:
    from pathlib import Path

_CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "F": 1, "LA": 2, "RGB": 3, "RGBA": 4, "P": 1}


def open_png(path: Path, *, label: bool = False) -> StoredImage:
    """Open a PNG file as (channels, rows, columns); a label with a palette gives the palette's indices.

    Raises DataError for damage, for an image with a palette, and for 16-bit colour, of which decoders keep 8 bits.
    """
    from PIL import Image

    with decoding(path, "PNG"):
        with path.open("rb") as file:
            start = file.read(26)
        with Image.open(path, formats=["PNG"]) as picture:
            mode, (columns, rows), density = picture.mode, picture.size, picture.info.get("dpi")
        channels = _CHANNELS.get(mode)
        if channels is None:
            raise DataError(f"has the colour mode {mode}; save it as greyscale or RGB")
        if mode == "P" and not label:
            raise DataError("has a colour palette; save it as greyscale or RGB")
        if start[24] == 16 and channels > 1:  # IHDR: bit depth
            raise DataError(
                "has 16 bits per colour, of which 8 would be lost; save it as TIFF or as one PNG per channel"
            )
        require_capacity(path, rows * columns * channels * start[24] // 8, ratio=DEFLATE_RATIO)
        spacing = (25.4 / float(density[1]), 25.4 / float(density[0])) if density and min(density) > 0 else None
        header = picture_header((rows, columns), channels, spacing)

    def load() -> np.ndarray:
        with decoding(path, "PNG"), Image.open(path, formats=["PNG"]) as opened:
            array = np.asarray(opened)
            return array[np.newaxis] if array.ndim == 2 else np.moveaxis(array, -1, 0)

    return StoredImage(header, load)
