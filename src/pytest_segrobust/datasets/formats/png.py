"""PNG pictures: greyscale or colour, 8 and 16 bit; spacing from the pHYs chunk where there is one."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError
from ..capacity import DEFLATE_RATIO, require_capacity
from ..header import StoredImage, decoding
from .picture import picture_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL.Image import Image

_CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "F": 1, "LA": 2, "RGB": 3, "RGBA": 4, "P": 1}


def open_png(path: Path, *, label: bool = False) -> StoredImage:
    """Open a PNG file as (channels, rows, columns); a label with a palette gives the palette's indices.

    Raises DataError for damage, for an image with a palette, and for 16-bit colour, of which decoders keep 8 bits.
    """
    with decoding(path, "PNG"):
        with path.open("rb") as file:
            start = file.read(26)
        with _opened(path) as picture:
            mode, (columns, rows), density = picture.mode, picture.size, picture.info.get("dpi")
        depth, channels = start[24], _CHANNELS.get(mode)  # the header chunk: bits per sample
        if channels is None:
            raise DataError(f"has the colour mode {mode}; save it as greyscale or RGB")
        if mode == "P" and not label:
            raise DataError("has a colour palette; save it as greyscale or RGB")
        if depth == 16 and channels > 1:
            raise DataError(
                "has 16 bits per colour, of which 8 would be lost; save it as TIFF or as one PNG per channel"
            )
        require_capacity(path, rows * columns * channels * depth // 8, ratio=DEFLATE_RATIO)
        spacing = (25.4 / float(density[1]), 25.4 / float(density[0])) if density and min(density) > 0 else None
        header = picture_header((rows, columns), channels, spacing)

    def load() -> np.ndarray:
        with decoding(path, "PNG"), _opened(path) as opened:
            array = np.asarray(opened)
        if mode == "L" and depth < 8:
            array = array // (255 // (2**depth - 1))  # decoded to 0 ... 255, but a label of 1 shall stay 1
        return array[np.newaxis] if array.ndim == 2 else np.moveaxis(array, -1, 0)

    return StoredImage(header, load)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the file's size is what limits it here
        with Image.open(path, formats=["PNG"]) as picture:
            yield picture
