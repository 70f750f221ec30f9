"""NRRD files with their data attached (.nrrd), read by pynrrd."""

from __future__ import annotations

import bz2
import gzip
import io
import math
import re
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ...errors import DataError
from ..capacity import require_capacity, require_gzip_length, require_length
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
_GZIP, _BZIP2 = ("gzip", "gz"), ("bzip2", "bz2")
_SPATIAL_KINDS = {"domain", "space"}


def open_nrrd(path: Path, channel_axis: str | None = None) -> StoredImage:
    """Open an NRRD file; an axis that the file declares to be no direction in space holds the channels.

    Raises DataError for damage, detached data, impossible spacing, and axes that nothing declares.
    """
    import nrrd

    with decoding(path, "NRRD"):
        with path.open("rb") as file:
            header = nrrd.read_header(file)
            start = file.tell()
        shape = tuple(int(length) for length in header["sizes"])
        encoding = str(header["encoding"]).lower()
        needed = math.prod(shape) * _bytes_per_voxel(str(header["type"]))
        _require_attached(header)
        _require_voxels(path, encoding, needed, start)
        layout = _layout(header, shape, channel_axis)
        geometry = _geometry(header, layout, shape)

    def load() -> np.ndarray:
        with decoding(path, "NRRD"), path.open("rb") as file:
            file.seek(start)
            if encoding in (*_GZIP, *_BZIP2):
                stored = nrrd.read_data({**header, "encoding": "raw"}, io.BytesIO(_unpacked(file, encoding, needed)))
            else:
                stored = nrrd.read_data(header, file, str(path))
            return layout.arrange(np.asfortranarray(stored))

    return StoredImage(geometry, load)


def _unpacked(file: BinaryIO, encoding: str, needed: int) -> bytes:
    """Unpack no further than the header asks for: pynrrd would unpack a bomb whole."""
    stream = gzip.GzipFile(fileobj=file) if encoding in _GZIP else bz2.BZ2File(file)
    voxels = stream.read(needed)
    stream.read(1)  # reaching the end compares the checksum
    return voxels


def _require_attached(header: Mapping[str, Any]) -> None:
    if "data file" in header or "datafile" in header:
        raise DataError("keeps its voxels in another file; save it as one .nrrd file")
    if any(int(header.get(key, 0)) for key in ("line skip", "lineskip", "byte skip", "byteskip")):
        raise DataError(
            "skips bytes before its voxels, which files without a detached header need not; export it again"
        )


def _require_voxels(path: Path, encoding: str, needed: int, start: int) -> None:
    if encoding in _GZIP:
        require_gzip_length(path, needed, start=start)
    elif encoding in _BZIP2:  # packs without a useful limit and states no length: unpacked once, piece by piece
        with path.open("rb") as file:
            file.seek(start)
            require_length(bz2.BZ2File(file), needed)
    elif encoding == "raw":
        require_capacity(path, needed + start)
    elif encoding in ("ascii", "text", "txt"):
        require_capacity(path, needed // 8)  # a digit per voxel, of at most 8 bytes, at least
    else:
        raise DataError(f"is encoded as {encoding}, which cannot be read; save it with raw or gzip encoding")


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
