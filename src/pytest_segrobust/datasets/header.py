"""What a file says of itself before its voxels are read: shape, channels, spacing and orientation."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

UNKNOWN_AXIS = "?"
_SPACING_TOLERANCE = 0.01  # share by which two statements of a spacing may differ: writers round to far less
_FOLDED = 1e-6  # volume spanned by the three unit directions; 1 for right angles


@dataclass(frozen=True, eq=False)
class Header:
    """Geometry of one file.

    `shape` holds the spatial axes alone (2 or 3), `spacing` is in mm per spatial axis, `affine` is the 4x4 voxel-to-world
    matrix in mm, x to the right, y to the front, z up (RAS). `axes` are NIfTI codes, "?" where the file knows none.
    `rows_first` is true for pictures, whose first axis runs down the rows where a scan's first axis is x.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    affine: np.ndarray
    channels: int
    axes: tuple[str, ...]
    spacing_known: bool = True
    rows_first: bool = False

    @property
    def oriented(self) -> bool:
        """Whether the file says where left and right are."""
        return UNKNOWN_AXIS not in self.axes


@dataclass(frozen=True, eq=False)
class StoredImage:
    """A file whose header is known; `load` decodes the voxels, (channels, *spatial), in real-world values."""

    header: Header
    load: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Layout:
    """Which axes of a stored array are spatial and which holds the channels."""

    reduced: tuple[int, ...]  # the stored shape without axes of length 1 that mean nothing
    channel_position: int | None

    @property
    def channels(self) -> int:
        """How many channels the file holds."""
        return 1 if self.channel_position is None else self.reduced[self.channel_position]

    @property
    def spatial(self) -> tuple[int, ...]:
        """The spatial axes alone; a third one of length 1 is none."""
        shape = list(self.reduced)
        if self.channel_position is not None:
            del shape[self.channel_position]
        return tuple(shape[:2]) if len(shape) == 3 and shape[2] == 1 else tuple(shape)

    def arrange(self, stored: np.ndarray) -> np.ndarray:
        """The stored array as (channels, *spatial), without a copy."""
        array = stored.reshape(self.reduced, order="A")
        array = array[np.newaxis] if self.channel_position is None else np.moveaxis(array, self.channel_position, 0)
        return array[..., 0] if array.ndim == 4 and len(self.spatial) == 2 else array


def layout_of(shape: tuple[int, ...], channel_axis: str | None) -> Layout:
    """Read a stored shape: (x, y), (x, y, z), and with `channel_axis` "first" or "last" one axis more.

    Raises DataError where there are more axes than these: which of them are channels is never guessed.
    """
    reduced = list(shape)
    if len(reduced) >= 5 and reduced[3] == 1:  # NIfTI keeps its fourth axis for time and puts vectors on the fifth
        del reduced[3]
    kept = 3 if channel_axis is None else 4
    while len(reduced) > kept and reduced[-1] == 1:
        reduced.pop()
    text = " x ".join(map(str, shape))
    if len(reduced) > kept:
        if channel_axis:
            raise DataError(f"has {len(shape)} axes ({text}); three of space and one of channels can be read")
        raise DataError(
            f'has {len(shape)} axes ({text}): say which one holds the channels with [data] channel_axis = "last" or "first"'
        )
    if len(reduced) < (2 if channel_axis is None else 3):
        raise DataError(f"has the shape {text}, too few axes for an image{' with channels' if channel_axis else ''}")
    if min(reduced) < 1:
        raise DataError(f"has the shape {text}: no voxels")
    position = {None: None, "first": 0, "last": len(reduced) - 1}[channel_axis]
    return Layout(tuple(reduced), position)


def header_of(layout: Layout, affine: np.ndarray, *, oriented: bool, lengths: np.ndarray | None = None) -> Header:
    """The header of a scan from its voxel-to-world matrix; the spacing is the length of the matrix' columns.

    Raises DataError for spacing that is zero, negative or not a number, for a matrix that puts voxels on top of each
    other, and where the file also states `lengths` (mm per axis) that say something else.
    """
    dimensions = len(layout.spatial)
    if lengths is not None:
        check_spacing(lengths)
    affine = np.array(affine, dtype=float)
    if dimensions == 2:
        affine[:3, 2] = _normal(affine)  # what a flat file says of its third axis means nothing
    if not np.isfinite(affine).all():
        raise DataError("has an affine with values that are not numbers; export it again")
    columns = np.linalg.norm(affine[:3, :3], axis=0)
    check_spacing(columns)
    if abs(np.linalg.det(affine[:3, :3] / columns)) < _FOLDED:
        raise DataError("has an affine that folds two axes onto one; export it again")
    if lengths is not None:
        _require_one_spacing(lengths, affine)
    spacing = tuple(map(float, columns[:dimensions]))
    axes = axis_codes(affine)[:dimensions] if oriented else (UNKNOWN_AXIS,) * dimensions
    return Header(layout.spatial, spacing, affine, layout.channels, axes)


def _require_one_spacing(lengths: np.ndarray, affine: np.ndarray) -> None:
    """Along a sheared axis (a tilted gantry) files state the step or the distance between slices: both are right."""
    steps = np.linalg.norm(affine[:3, :3], axis=0)[: len(lengths)]
    distances = 1 / np.linalg.norm(np.linalg.inv(affine[:3, :3]), axis=1)[: len(lengths)]
    low, high = distances * (1 - _SPACING_TOLERANCE), steps * (1 + _SPACING_TOLERANCE)
    if not ((low <= lengths) & (lengths <= high)).all():
        raise DataError(
            f"states two spacings, {_sizes(lengths)} mm by itself (pixdim) and {_sizes(steps)} mm in its affine; "
            "correct the header, every distance in mm depends on which is right"
        )


def _normal(affine: np.ndarray) -> np.ndarray:
    """The unit vector across the plane of the first two axes."""
    across = np.cross(affine[:3, 0], affine[:3, 1])
    length = float(np.linalg.norm(across))
    return across / length if np.isfinite(length) and length > 0 else np.array([0.0, 0.0, 1.0])


def check_spacing(spacing: Iterable[float]) -> None:
    """Raise DataError unless every spacing is a number above 0."""
    lengths = list(spacing)
    if not all(np.isfinite(length) and length > 0 for length in lengths):
        raise DataError(
            f"has the voxel spacing {_sizes(lengths)} mm; every spacing must be above 0: correct the header"
        )


def _sizes(lengths: Iterable[float]) -> str:
    return " x ".join(f"{length:.6g}" for length in lengths)


def axis_codes(affine: np.ndarray) -> tuple[str, ...]:
    """The anatomical direction each axis mostly points to: "R", "L", "A", "P", "S", "I"."""
    import nibabel

    codes: Any = nibabel.aff2axcodes  # nibabel is partly untyped
    return tuple(code or UNKNOWN_AXIS for code in codes(affine))


@contextmanager
def decoding(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises into a DataError that names the file.

    Decoders of untrusted files raise nearly anything (struct.error, EOFError, zlib.error, KeyError, MemoryError ...).
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except EOFError as error:
        raise DataError(f"{path}: is truncated ({error}); copy or export it again") from error
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{path}: cannot be read as {kind} ({words[:200]}); export it again or exclude the case"
        ) from error
