"""2-D TIFF pictures, read by tifffile; spacing from the resolution tags where they have a unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DataError
from ..capacity import require_capacity
from ..header import StoredImage, decoding
from .picture import picture_header

if TYPE_CHECKING:
    from pathlib import Path

_UNCOMPRESSED = 1
_PACKED_RATIO = 10_000  # far above what the codecs reach on pictures, far below what would fill a machine
_MILLIMETRES = {2: 25.4, 3: 10.0}  # ResolutionUnit: inch, centimetre
_IMAGEJ_MILLIMETRES = {
    "mm": 1.0,
    "millimeter": 1.0,
    "cm": 10.0,
    "um": 1e-3,
    "µm": 1e-3,
    "\\u00b5m": 1e-3,
    "micron": 1e-3,
    "inch": 25.4,
}
_CHANNEL_AXES = {"S", "C"}


def open_tiff(path: Path, channel_axis: str | None = None) -> StoredImage:
    """Open a TIFF file as (channels, rows, columns).

    Samples per pixel and axes that the file names channels are channels; other pages need `channel_axis`.
    Raises DataError for damage, stacks of pages, and voxels that are not numbers.
    """
    import tifffile

    with decoding(path, "TIFF"):
        with tifffile.TiffFile(path) as file:
            series, page = file.series[0], file.pages[0]
            several = len(file.series) > 1
            shape = tuple(int(length) for length in series.shape)
            axes, number = str(series.axes), np.dtype(series.dtype)
            packed = int(getattr(page, "compression", _UNCOMPRESSED)) != _UNCOMPRESSED
            spacing = _spacing(file)
        if several:
            raise DataError("holds pictures of several kinds; save the one to be segmented alone")
        if number.kind not in "iufb":
            raise DataError(f"holds voxels of type {number}; save it as numbers")
        needed = math.prod(shape) * number.itemsize if number.kind != "b" else math.prod(shape) // 8
        require_capacity(path, needed, ratio=_PACKED_RATIO if packed else 1)
        channel = _channel_position(axes, shape, channel_axis)
        rows, columns = (length for axis, length in enumerate(shape) if axis != channel)
        header = picture_header((rows, columns), 1 if channel is None else shape[channel], spacing)

    def load() -> np.ndarray:
        with decoding(path, "TIFF"):
            array = np.asarray(tifffile.imread(path))
            return array[np.newaxis] if channel is None else np.moveaxis(array, channel, 0)

    return StoredImage(header, load)


def _channel_position(axes: str, shape: tuple[int, ...], channel_axis: str | None) -> int | None:
    if axes == "YX":
        return None
    others = [position for position, axis in enumerate(axes) if axis not in "YX"]
    if len(shape) != 3 or len(others) != 1:
        raise DataError(f"has the shape {' x '.join(map(str, shape))}; only 2-D TIFF files can be read")
    if axes[others[0]] not in _CHANNEL_AXES and channel_axis is None:
        raise DataError(
            f'is a stack of {shape[others[0]]} pages: save a volume as NIfTI or NRRD, or say [data] channel_axis = "first" '
            "where the pages are channels"
        )
    return others[0]


def _spacing(file: Any) -> tuple[float, float] | None:
    """(rows, columns) in mm, or None where the file gives no resolution with a unit."""
    tags = file.pages[0].tags
    densities = [tags[name].value for name in ("YResolution", "XResolution") if name in tags]
    if len(densities) != 2 or any(top <= 0 or bottom <= 0 for top, bottom in densities):
        return None
    unit = _MILLIMETRES.get(int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 2)
    if file.is_imagej:
        unit = _IMAGEJ_MILLIMETRES.get(str((file.imagej_metadata or {}).get("unit", "")).lower(), unit)
    if unit is None:
        return None
    rows, columns = (unit * bottom / top for top, bottom in densities)
    return rows, columns
