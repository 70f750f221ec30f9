"""Fingerprints of images: what stays the same when a file is renamed, converted, rescaled, or lightly changed.

Three are taken. The SHA-256 of the file. The SHA-256 of its voxels, in canonical orientation, with each value replaced
by its rank among the values that occur, which no rising change of intensities alters. And a thumbnail of a few voxels,
for images that were resampled, smoothed, cropped by little or made noisy.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .reading import open_image

if TYPE_CHECKING:
    from pathlib import Path

SIDE = {2: 32, 3: 12}
"""Voxels of a thumbnail along each axis, by the number of dimensions."""

_ROUNDS = 10_000  # of PBKDF2: patient ids are short, and guessing through all of them must cost something


@dataclass(frozen=True)
class Fingerprint:
    """Of one image file. `patient`, `file` and `voxels` are None where they are not known, `thumbnail` where not taken.

    `salt` is the key of the three hashes; with "" they are plain, and `patient` is the id itself. `name` is for people.
    """

    name: str
    patient: str | None = None
    file: str | None = None
    voxels: str | None = None
    thumbnail: bytes | None = None  # one byte per voxel
    dimensions: int = 3
    salt: str = ""

    @cached_property
    def pattern(self) -> np.ndarray | None:
        """The thumbnail without what is smooth in it, of length 1: the product of two is their correlation."""
        if self.thumbnail is None:
            return None
        from scipy.ndimage import gaussian_filter

        side = SIDE[self.dimensions]
        values = np.frombuffer(self.thumbnail, np.uint8).reshape((side,) * self.dimensions).astype(np.float64)
        # what is smooth, bright in the middle and dark around, all images of one organ have in common
        values -= gaussian_filter(values, 1.5, mode="nearest")
        values -= values.mean()
        length = float(np.linalg.norm(values))
        return None if length == 0 else values.ravel() / length

    def salted(self, salt: str) -> Fingerprint:
        """The same under a key, without the patient's id and the file's name."""
        if not salt:
            return self
        return Fingerprint(
            "",
            None if self.patient is None else salted_patient(self.patient, salt),
            None if self.file is None else _keyed(self.file, salt),
            None if self.voxels is None else _keyed(self.voxels, salt),
            self.thumbnail,
            self.dimensions,
            salt,
        )


def fingerprint(path: Path, *, patient: str | None, channel_axis: str | None = None, name: str = "") -> Fingerprint:
    """All three fingerprints of an image file. Raises DataError, naming the file, where it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    stored = open_image(path, channel_axis)
    voxels = _canonical(stored.load(), stored.header.axes)
    kept = [size for size in voxels.shape[1:] if size > 1]
    dimensions = 3 if len(kept) > 2 else 2
    return Fingerprint(
        name or path.name,
        None if patient is None else patient.strip(),
        digest,
        voxel_hash(voxels),
        thumbnail(voxels[0].reshape(kept if len(kept) >= 2 else voxels.shape[1:])),
        dimensions,
    )


def voxel_hash(voxels: np.ndarray) -> str:
    """SHA-256 of the shape and of every voxel's rank among the values that occur."""
    _, ranks = np.unique(voxels, return_inverse=True)
    shape = "x".join(map(str, voxels.shape))
    return hashlib.sha256(shape.encode() + ranks.astype("<u4").tobytes()).hexdigest()


def thumbnail(voxels: np.ndarray) -> bytes | None:
    """Means over equal boxes of an image between its 1st and 99th percentile, as bytes; None where it is constant."""
    finite = np.nan_to_num(voxels.astype(np.float64))
    low, high = np.percentile(finite, (1, 99))
    if not low < high:
        low, high = float(finite.min()), float(finite.max())
    if not low < high:
        return None
    small = np.clip((finite - low) / (high - low), 0, 1)
    for axis in range(small.ndim):
        small = _means(small, axis, SIDE[small.ndim])
    return bytes(np.round(np.clip(small, 0, 1) * 255).astype(np.uint8).tobytes())


def salted_patient(patient: str, salt: str) -> str:
    """The id under a key; slow on purpose, see _ROUNDS."""
    return hashlib.pbkdf2_hmac("sha256", patient.strip().encode(), salt.encode(), _ROUNDS).hex()


def as_text(small: bytes | None) -> str | None:
    """A thumbnail in base64, as in a shared list."""
    return None if small is None else base64.b64encode(small).decode()


def _keyed(digest: str, salt: str) -> str:
    return hmac.new(salt.encode(), digest.encode(), hashlib.sha256).hexdigest()


def _canonical(voxels: np.ndarray, axes: tuple[str, ...]) -> np.ndarray:
    """Axes in the order right, anterior, superior and rising, where the file knows them; as stored where it does not."""
    order = []
    for wanted in ("RL", "AP", "SI"):
        order += [number for number, axis in enumerate(axes) if axis in tuple(wanted)]
    if len(order) != len(axes):
        return voxels
    turned = np.moveaxis(voxels, [number + 1 for number in order], range(1, len(order) + 1))
    backwards = [place + 1 for place, number in enumerate(order) if axes[number] in ("L", "P", "I")]
    return np.flip(turned, tuple(backwards)) if backwards else turned


def _means(values: np.ndarray, axis: int, parts: int) -> np.ndarray:
    """Means over `parts` equal stretches of an axis; a voxel that lies in two counts in both by its share."""
    size = values.shape[axis]
    edges = np.linspace(0, size, parts + 1)
    below = np.minimum(edges.astype(int), size - 1)
    sums = np.concatenate([np.zeros_like(values.take([0], axis)), np.cumsum(values, axis)], axis)
    share = (edges - below).reshape([-1 if number == axis else 1 for number in range(values.ndim)])
    at = sums.take(below, axis) * (1 - share) + sums.take(below + 1, axis) * share
    means: np.ndarray = np.diff(at, axis=axis) * parts / size
    return means
