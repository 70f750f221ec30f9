"""Reading the files of a case: headers alone, or everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .agreement import require_agreement
from .case import Case, Sample
from .intensity import unit_scale
from .labels import as_labels
from .names import ENDINGS, ending

if TYPE_CHECKING:
    from pathlib import Path

    from ..requirements.settings import Percentiles, Window
    from .header import Header, StoredImage


def open_image(path: Path, channel_axis: str | None = None, *, label: bool = False) -> StoredImage:
    """Open a file of any known format: its header is read, its voxels are not.

    Raises DataError where the file is missing, of no known format, or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; correct [data] or exclude the case")
    match ending(path.name):
        case ".nii" | ".nii.gz":
            from .formats.nifti import open_nifti

            return open_nifti(path, channel_axis)
        case ".nrrd":
            from .formats.nrrd import open_nrrd

            return open_nrrd(path, channel_axis)
        case ".png":
            from .formats.png import open_png

            return open_png(path, label=label)
        case ".tif" | ".tiff":
            from .formats.tiff import open_tiff

            return open_tiff(path, channel_axis)
        case _:
            raise DataError(f"{path}: not an image format that can be read ({', '.join(ENDINGS)})")


def read_header(path: Path, channel_axis: str | None = None, *, label: bool = False) -> Header:
    """Shape, spacing, affine and channels of a file. Raises DataError as `open_image` does."""
    return open_image(path, channel_axis, label=label).header


def read_case_header(case: Case, *, channels: int, channel_axis: str | None) -> Header:
    """The header of the case's image, with all its files checked against each other.

    Raises DataError that starts with the case's id.
    """
    return _opened(case, channels, channel_axis)[2]


def read_case(case: Case, *, channels: int, channel_axis: str | None, intensity: Percentiles | Window) -> Sample:
    """Everything of a case. Raises DataError that starts with the case's id."""
    images, label, header = _opened(case, channels, channel_axis)
    try:
        voxels = [_single(image.load()) for image in images]
        image = voxels[0] if len(voxels) == 1 else np.concatenate(voxels)
        low, high = unit_scale(image, intensity)
        values = None if label is None else read_label(case, label)
    except DataError as error:
        raise DataError(_named(case, error)) from error
    return Sample(case, image, values, header.spacing, header.axes, low, high, header.affine)


def read_label(case: Case, stored: StoredImage | None = None) -> np.ndarray:
    """The case's label, int32 (*spatial). Raises DataError, naming the file, where its values are no integers."""
    if case.label is None:
        raise DataError(f"case {case.id}: has no label; name it with [data] labels")
    stored = stored or open_image(case.label, label=True)
    try:
        return as_labels(stored.load()[0])
    except DataError as error:
        text = str(error)
        raise DataError(text if text.startswith(str(case.label)) else f"{case.label}: {text}") from error


def _opened(
    case: Case, channels: int, channel_axis: str | None
) -> tuple[list[StoredImage], StoredImage | None, Header]:
    try:
        axis = channel_axis if len(case.images) == 1 else None
        images = [open_image(path, axis) for path in case.images]
        label = None if case.label is None else open_image(case.label, label=True)
        described = [(path, image.header) for path, image in zip(case.images, images, strict=True)]
        header = require_agreement(
            described, None if case.label is None or label is None else (case.label, label.header), channels=channels
        )
    except DataError as error:
        raise DataError(_named(case, error)) from error
    return images, label, header


def _single(stored: np.ndarray) -> np.ndarray:
    """Float32 in C order, (channels, *spatial); values beyond float32 become infinite and are refused by `unit_scale`."""
    with np.errstate(over="ignore"):
        return np.array(stored, dtype=np.float32, order="C")


def _named(case: Case, error: DataError) -> str:
    text = str(error)
    return text if text.startswith(f"case {case.id}: ") else f"case {case.id}: {text}"
