"""Whether the files of a case belong together: shape, spacing, orientation and place in the world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .header import Header

if TYPE_CHECKING:
    from collections.abc import Sequence

TOLERANCE = 1e-3  # mm, per entry of the affine: float32 headers of one scanner's files differ by less

Described = tuple[Path, Header]


def require_agreement(images: Sequence[Described], label: Described | None, *, channels: int) -> Header:
    """The header of the case's image; all files must show the same voxels of the same body.

    Raises DataError that names both files and what differs, or the wrong number of channels.
    """
    path, first = images[0]
    if len(images) > 1:
        for other, header in images:
            if header.channels != 1:
                raise DataError(
                    f"{other}: has {header.channels} channels, where each of the {len(images)} files is one channel"
                )
        for other, header in images[1:]:
            _require_same(path, first, other, header)
    found = len(images) if len(images) > 1 else first.channels
    if found != channels:
        raise DataError(
            f"{path}: {_count(found)}, but the model takes {channels}; correct [model] channels, [data] images or channel_axis"
        )
    if label is not None:
        if label[1].channels != 1:
            raise DataError(f"{label[0]}: the label has {label[1].channels} channels; save it as one integer per voxel")
        _require_same(path, first, *label)
    return first


def _count(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"


def _require_same(path: Path, header: Header, other: Path, counterpart: Header) -> None:
    difference = difference_of(header, counterpart)
    if difference:
        raise DataError(f"{other} does not fit {path}: {difference}; export both from the same image grid")


def difference_of(image: Header, other: Header) -> str | None:
    """What differs first, in words ("second against first"), or None. Places are compared within 1e-3 mm."""
    if image.shape != other.shape:
        return f"shape {_sizes(other.shape)} against {_sizes(image.shape)}"
    if image.rows_first != other.rows_first:
        return "one is a picture of rows and columns, the other a scan whose first axis is x"
    if (
        image.spacing_known
        and other.spacing_known
        and not np.allclose(image.spacing, other.spacing, rtol=0, atol=TOLERANCE)
    ):
        return f"spacing {_sizes(other.spacing)} against {_sizes(image.spacing)} mm"
    if image.oriented != other.oriented:
        return f"{'it' if image.oriented else 'the image'} has no orientation in its header"
    if not image.oriented:
        return None
    if image.axes != other.axes:
        return f"orientation {''.join(other.axes)} against {''.join(image.axes)}"
    columns = [*range(len(image.shape)), 3]
    if np.allclose(image.affine[:3, columns], other.affine[:3, columns], rtol=0, atol=TOLERANCE):
        return None
    if not np.allclose(image.affine[:3, 3], other.affine[:3, 3], rtol=0, atol=TOLERANCE):
        return f"affine with origin {_place(other)} against {_place(image)} mm"
    turned = float(np.abs(image.affine - other.affine)[:3, :3].max())
    return f"affine with directions that differ by up to {turned:.2g} mm per voxel"


def _sizes(lengths: Sequence[float]) -> str:
    return " x ".join(f"{length:.6g}" for length in lengths)


def _place(header: Header) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in header.affine[:3, 3]) + ")"
