"""NIfTI-1 and NIfTI-2 files, .nii and .nii.gz.

The header is parsed by nibabel, without its repairs: it would turn a spacing of 0 into 1 mm and say nothing.
The voxels are read here, because the length and the checksum of the packed data shall be checked as well.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from ...errors import DataError
from ..capacity import require_capacity, require_gzip_length
from ..header import Header, Layout, StoredImage, decoding, header_of, layout_of

if TYPE_CHECKING:
    from pathlib import Path

_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units: unknown, metre, millimetre, micrometre


def open_nifti(path: Path, channel_axis: str | None = None) -> StoredImage:
    """Open a NIfTI file; a third axis of length 1 makes a 2-D image, more than three axes need `channel_axis`.

    Raises DataError for damage, impossible spacing, more axes than expected, and colour or complex voxels.
    """
    with decoding(path, "NIfTI"):
        header = _parse(path)
        shape = tuple(int(length) for length in header["dim"][1 : 1 + int(header["dim"][0])])
        layout = layout_of(shape, channel_axis)
        needed = _end_of_voxels(header, shape)
        if _packed(path):
            require_gzip_length(path, needed)
        else:
            require_capacity(path, needed)
        geometry = _geometry(header, layout)

    def load() -> np.ndarray:
        with decoding(path, "NIfTI"):
            return layout.arrange(_voxels(path, header, shape))

    return StoredImage(geometry, load)


def _packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _stream(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path) if _packed(path) else path.open("rb"))


def _parse(path: Path) -> Any:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    with _stream(path) as stream:
        block = stream.read(540)
    kinds: tuple[tuple[Any, int], ...] = ((Nifti1Header, 348), (Nifti2Header, 540))
    for kind, length in kinds:
        if length in (int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")) and len(block) >= length:
            header = kind(block[:length], check=False)
            break
    else:
        raise DataError("is not a NIfTI file; export it again or exclude the case")
    if bytes(header["magic"])[:3] not in (b"n+1", b"n+2"):
        raise DataError("is a NIfTI header without voxels (.hdr/.img pair); save it as one .nii or .nii.gz file")
    if not 1 <= int(header["dim"][0]) <= 7:
        raise DataError(f"says it has {int(header['dim'][0])} axes; it is damaged")
    if header.get_data_dtype().kind not in "iuf":
        raise DataError("holds colour or complex voxels; save it with one number per voxel and channel")
    return header


def _end_of_voxels(header: Any, shape: tuple[int, ...]) -> int:
    offset = float(header["vox_offset"])
    if not 0 <= offset < 2**40:
        raise DataError(f"says its voxels start at byte {offset:g}; it is damaged")
    count = 1
    for length in shape:  # Python's integers: a hostile header must not overflow
        count *= length
    return _start_of_voxels(header) + count * int(header.get_data_dtype().itemsize)


def _start_of_voxels(header: Any) -> int:
    """The stated offset; writers that leave it at 0 mean the first byte after header and extension flag."""
    return int(header["vox_offset"]) or int(header["sizeof_hdr"]) + 4


def _geometry(header: Any, layout: Layout) -> Header:
    dimensions = len(layout.spatial)
    unit = _MILLIMETRES.get(int(header["xyzt_units"]) & 7)
    if unit is None:
        units = int(header["xyzt_units"])
        raise DataError(f"states its spacing in an unknown unit (xyzt_units {units}); correct the header")
    channels_first = layout.channel_position == 0
    pixdim = np.array(header["pixdim"][1 + channels_first :][:dimensions], dtype=float) * unit
    if abs(float(header["pixdim"][0])) != 1:
        header["pixdim"][0] = 1  # the standard: any other value means 1
    oriented = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    if not oriented:
        return header_of(layout, np.diag([*pixdim, *[1.0] * (4 - dimensions)]), oriented=False, lengths=pixdim)
    affine = np.array(header.get_best_affine(), dtype=float)
    affine[:3] *= unit
    # With the channels first, writers leave pixdim to other axes than those of the affine.
    return header_of(layout, affine, oriented=True, lengths=None if channels_first else pixdim)


def _voxels(path: Path, header: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The stored array in real-world values: scaled in double precision where the file says so, else as stored."""
    start, end = _start_of_voxels(header), _end_of_voxels(header, shape)
    with _stream(path) as stream:
        payload = stream.read(end)
        stream.read(1)  # reaching the end of a gzip member compares its checksum
    if len(payload) < end:
        raise DataError(f"is truncated: it holds {len(payload)} of {end} bytes; copy or export it again")
    stored = np.frombuffer(
        payload, dtype=header.get_data_dtype(), offset=start, count=(end - start) // header.get_data_dtype().itemsize
    )
    slope, intercept = header.get_slope_inter()
    if slope is not None and (slope, intercept) != (1.0, 0.0):
        stored = stored.astype(np.float64) * slope + intercept
    return stored.reshape(shape, order="F")
