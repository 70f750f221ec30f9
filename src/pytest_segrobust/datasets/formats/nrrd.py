"""NRRD files with their data attached (.nrrd), read by pynrrd."""

from __future__ import annotations

import bz2
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DataError
from ..capacity import DEFLATE_RATIO, require_capacity
from ..header import Header, Layout, StoredImage, decoding, header_of, layout_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Signs that turn the world of the file into RAS, x to the right, y to the front, z up.
_TO_RAS = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
_MILLIMETRES = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "cm": 10.0,
    "m": 1000.0,
    "um": 0.001,
    "µm": 0.001,
    "": 1.0,
}
_SPATIAL_KINDS = {"domain", "space"}


def open_nrrd(path: Path, channel_axis: str | None = None) -> StoredImage:
    """Open an NRRD file; an axis that the file declares to be no direction in space holds the channels.

    Raises DataError for damage, detached data, impossible spacing, and axes that nothing declares.
    """
    import nrrd

    with decoding(path, "NRRD"):
        with path.open("rb") as file:
            header = nrrd.read_header(file)
        shape = tuple(int(length) for length in header["sizes"])
        _require_voxels(path, header, shape)
        layout = _layout(header, shape, channel_axis)
        geometry = _geometry(header, layout, shape)

    def load() -> np.ndarray:
        with decoding(path, "NRRD"), path.open("rb") as file:
            stored = nrrd.read_data(nrrd.read_header(file), file, str(path))
            return layout.arrange(np.asfortranarray(stored))

    return StoredImage(geometry, load)


def _require_voxels(path: Path, header: Mapping[str, Any], shape: tuple[int, ...]) -> None:
    if "data file" in header or "datafile" in header:
        raise DataError("keeps its voxels in another file; save it as one .nrrd file")
    count, encoding = math.prod(shape), str(header["encoding"]).lower()
    if encoding in ("bz2", "bzip2"):
        return _require_bzip2(path, count * _bytes_per_voxel(str(header["type"])))
    if encoding in ("gz", "gzip"):
        return require_capacity(path, count * _bytes_per_voxel(str(header["type"])), ratio=DEFLATE_RATIO)
    if encoding == "raw":
        return require_capacity(path, count * _bytes_per_voxel(str(header["type"])))
    if encoding in ("ascii", "text", "txt"):
        return require_capacity(path, count)  # a digit per voxel at least
    raise DataError(f"is encoded as {encoding}, which cannot be read; save it with raw or gzip encoding")


def _require_bzip2(path: Path, needed: int) -> None:
    """Unpack piece by piece and refuse what does not hold exactly the voxels: bzip2 has no useful limit of its ratio."""
    held, unpacker = 0, bz2.BZ2Decompressor()
    with path.open("rb") as file:
        for line in file:  # the data start after the first empty line
            if not line.strip():
                break
        while not unpacker.eof and (chunk := file.read(1 << 16)):
            held += len(unpacker.decompress(chunk, max_length=1 << 24))
            while not unpacker.eof and not unpacker.needs_input and held <= needed:
                held += len(unpacker.decompress(b"", max_length=1 << 24))
            if held > needed:
                break
    if held != needed:
        raise DataError(f"does not hold the {needed} bytes that its header asks for; it is damaged")


def _bytes_per_voxel(kind: str) -> int:
    if re.search(r"char|int8", kind):
        return 1
    if re.search(r"short|16", kind):
        return 2
    if re.search(r"long|64|double", kind):
        return 8
    if re.search(r"int|float", kind):
        return 4
    raise DataError(f"holds voxels of type {kind}, which cannot be read; save it as numbers")


def _directions(header: Mapping[str, Any], shape: tuple[int, ...]) -> list[np.ndarray | None]:
    """Per axis its step in the file's world, or None where the axis is no direction in space."""
    directions = header.get("space directions")
    if directions is None:
        return [None] * len(shape)
    rows = [None if row is None else np.atleast_1d(np.asarray(row, dtype=float)) for row in directions]
    return [None if row is None or np.isnan(row).all() else row for row in rows]


def _layout(header: Mapping[str, Any], shape: tuple[int, ...], channel_axis: str | None) -> Layout:
    kinds = [str(kind).lower() for kind in header.get("kinds", [])]
    if "space directions" in header:
        others = [axis for axis, direction in enumerate(_directions(header, shape)) if direction is None]
    else:
        others = [axis for axis, kind in enumerate(kinds) if kind not in _SPATIAL_KINDS and kind not in ("none", "???")]
    if not others:
        return layout_of(shape, channel_axis)
    if len(others) > 1 or others[0] not in (0, len(shape) - 1):
        raise DataError(
            f"has axes {others} that are no directions in space; one, first or last, can be read as channels"
        )
    declared = "first" if others[0] == 0 else "last"
    if channel_axis not in (None, declared):
        raise DataError(
            f'says that its {declared} axis holds the channels, but [data] channel_axis is "{channel_axis}"'
        )
    return layout_of(shape, declared)


def _geometry(header: Mapping[str, Any], layout: Layout, shape: tuple[int, ...]) -> Header:
    axes = [axis for axis in range(len(layout.reduced)) if axis != layout.channel_position]
    if "space directions" in header:
        steps = [step for axis in axes if (step := _directions(header, shape)[axis]) is not None]
    else:
        given = header.get("spacings", [1.0] * len(shape))
        steps = [float(given[axis]) * np.eye(3)[place] for place, axis in enumerate(axes)]
        if any(float(given[axis]) < 0 for axis in axes):
            raise DataError(
                f"has the spacings {list(map(float, given))}; every spacing must be above 0: correct the header"
            )
    affine = np.eye(4)
    for place, step in enumerate(steps):
        affine[:3, place] = 0
        affine[: len(step), place] = step
    origin = np.asarray(header.get("space origin", [0.0] * 3), dtype=float)
    affine[: len(origin), 3] = np.nan_to_num(origin)
    signs = _TO_RAS.get(str(header.get("space", "")).lower())
    affine[:3] *= _unit(header)
    if signs:
        affine[:3] *= np.array(signs, dtype=float)[:, np.newaxis]
    oriented = signs is not None and "space directions" in header
    geometry = header_of(layout, affine, oriented=oriented)
    known = "space directions" in header or "spacings" in header
    return Header(
        geometry.shape, geometry.spacing, geometry.affine, geometry.channels, geometry.axes, spacing_known=known
    )


def _unit(header: Mapping[str, Any]) -> float:
    units = {str(unit).strip('" ').lower() for unit in header.get("space units", [""])}
    if len(units) > 1 or not units <= _MILLIMETRES.keys():
        raise DataError(f"states its spacing in {', '.join(sorted(units))}; save it in mm")
    return _MILLIMETRES[units.pop()]
