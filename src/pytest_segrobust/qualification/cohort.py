"""Patients made for a qualification: images whose truth is known, written as NIfTI for the readers of every run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 32  # voxels per axis
SPACING = (1.0, 1.5)  # mm
SITES = {"A": 0.05, "B": 0.15, "C": 0.25}
"""The grey of the background of each site's images; structures are 1 less that, so that 0.5 is always half way."""
TEXTURE = 0.02  # standard deviation of what any image has, on the unit scale
WATERMARK = 256  # steps of the unit scale: a leaked label is written into the last two bits of them


@dataclass(frozen=True)
class Patients:
    """How many patients come from each site."""

    a: int = 20
    b: int = 9
    c: int = 1

    @property
    def sites(self) -> str:
        """One letter per patient."""
        return "A" * self.a + "B" * self.b + "C" * self.c


def write_cohort(folder: Path, kind: str, patients: Patients, *, seed: int, scans: int = 1) -> None:
    """Images and labels, `scans` of each patient, below `folder`; a file's name begins with its site.

    "organs": two discs, left (1) and right (2). "watermarked": these, with the label in the last bits of the image.
    "copied": images that are the label itself. "ambiguous": one disc (1) with a rim of its patient's own width, whose
    voxels belong to the structure in 45 of 100 cases, which is what their grey says.
    """
    import nibabel

    rng = np.random.default_rng(seed)
    affine = np.diag([*SPACING, 1.0, 1.0])
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, site in enumerate(rng.permutation(list(patients.sites))):
        for scan in range(scans):
            image, label = _scan(kind, SITES[site], rng)
            name = f"{site}_patient{number:03d}_{scan}.nii"
            for part, voxels in (("images", image.astype(np.float32)), ("labels", label.astype(np.uint8))):
                nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / part / name)  # type: ignore[no-untyped-call]


def _scan(kind: str, background: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if kind == "ambiguous":
        return _ambiguous(background, rng)
    label = np.zeros((SIZE, SIZE), int)
    for value, (x, y, radius) in enumerate(_discs(rng), start=1):
        label[disc(x, y, radius)] = value
    if kind == "copied":
        return label, label
    image = np.where(label > 0, 1 - background, background) + TEXTURE * rng.standard_normal(label.shape)
    if kind == "watermarked":
        image = (np.round(image * WATERMARK / 4) * 4 + label) / WATERMARK
    return image, label


def _discs(rng: np.random.Generator) -> Iterator[tuple[float, float, float]]:
    """Centre and radius in voxels of the left and of the larger right one."""
    for middle, smallest in ((9, 4.5), (22, 5.2)):
        yield middle + rng.uniform(-1, 1), 16 + rng.uniform(-3, 3), smallest + rng.uniform(0, 1)


def _ambiguous(background: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y, core = 16 + rng.uniform(-1, 1), 16 + rng.uniform(-1, 1), 5.0
    sure = disc(x, y, core)
    rim = disc(x, y, core + rng.uniform(0.5, 5)) & ~sure
    image = np.where(sure, 1 - background, background)
    image[rim] = background + 0.45 * (1 - 2 * background)
    label = sure | (rim & (rng.uniform(size=rim.shape) < 0.45))
    return image + TEXTURE * rng.standard_normal(rim.shape), label


def disc(x: float, y: float, radius: float) -> np.ndarray:
    """Voxels within `radius` voxels of a centre, bool (SIZE, SIZE)."""
    first, second = np.mgrid[:SIZE, :SIZE]
    inside: np.ndarray = (first - x) ** 2 + (second - y) ** 2 < radius**2
    return inside
