"""Severity levels 1 to 5 of published robustness benchmarks, in the parameters of our perturbations.

A requirement can name them: "gaussian noise at level 3 of medmnist-c organ ct". What is listed is what has been checked
against the source; where only the first and the last level have been, the three between them are absent, not guessed.
A benchmark's transforms act on its own preprocessed images (0 to 1, clipped); ours on the unit intensity scale of [data].

Left out, because a parameter is not ours or its unit is not:
    ROOD-MRI: affine as one transform (rotation and translation are listed apart); ghosting (the number of ghosts rises
        with its intensity, but more ghosts are fainter, so that no range leads from no ghosting to a level). It draws
        within its numbers, ours have exactly that size; its ± are two sides here.
    MedMNIST-C: gaussian blur (a kernel in pixels), motion blur and defocus blur (pixels), JPEG compression, pixelation.
    ImageNet-C: blurs in pixels, weather, contrast, elastic, pixelation, JPEG compression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["", "increase", "decrease"]
Row = tuple[float | None, ...]  # levels 1 to 5, None where it is not on record here

MOST = 5


@dataclass(frozen=True)
class Levels:
    """The levels of one perturbation; `side` where the table has a stronger and a weaker way to change an image."""

    perturbation: str
    rows: tuple[tuple[str, Row], ...]  # parameter → its values
    side: Side = ""

    def at(self, level: int) -> dict[str, float] | None:
        """The values of all parameters at a level; None where they are not on record."""
        found = {parameter: row[level - 1] for parameter, row in self.rows}
        known = {parameter: value for parameter, value in found.items() if value is not None}
        return known if len(known) == len(found) else None

    @property
    def known(self) -> tuple[int, ...]:
        """The levels that are on record."""
        return tuple(level for level in range(1, MOST + 1) if self.at(level) is not None)


@dataclass(frozen=True)
class Table:
    """A published table of severities; `name` is how a sentence calls it."""

    name: str
    source: str
    levels: tuple[Levels, ...]

    def of(self, perturbation: str) -> tuple[Levels, ...]:
        """What the table says of a perturbation: nothing, one list of levels, or an increase and a decrease."""
        return tuple(levels for levels in self.levels if levels.perturbation == perturbation)

    @property
    def perturbations(self) -> tuple[str, ...]:
        """The perturbations of the table, each once."""
        return tuple(dict.fromkeys(levels.perturbation for levels in self.levels))


def _one(perturbation: str, parameter: str, *values: float, side: Side = "") -> Levels:
    return Levels(perturbation, ((parameter, values),), side)


def _ends(perturbation: str, parameter: str, first: float, last: float, *, side: Side = "") -> Levels:
    """The first and the last level of which alone the numbers are on record."""
    return Levels(perturbation, ((parameter, (first, None, None, None, last)),), side)


_MEDMNIST_C = "MedMNIST-C, Di Salvo et al. 2024"

ROOD_MRI = Table(
    "rood-mri",
    "ROOD-MRI, Boone et al. 2023 (arXiv 2203.06060)",
    (
        _one("translation", "distance", 8, 16, 24, 32, 40, side="increase"),
        _one("translation", "distance", -8, -16, -24, -32, -40, side="decrease"),
        _one("rotation", "angle", 6, 12, 18, 24, 30, side="increase"),
        _one("rotation", "angle", -6, -12, -18, -24, -30, side="decrease"),
        _one("thick slices", "factor", 2.8, 4.6, 6.4, 8.2, 10),
        _one("bias field", "strength", 0.3, 0.6, 0.9, 1.2, 1.5),
        _one("gamma", "gamma", 0.86, 0.72, 0.58, 0.44, 0.30, side="decrease"),
        _one("gamma", "gamma", 1.4, 1.8, 2.2, 2.6, 3.0, side="increase"),
        _one("elastic deformation", "displacement", 6, 12, 18, 24, 30),
        Levels(
            "motion",
            (("rotation", (1, 2, 3, 4, 5)), ("translation", (2, 4, 6, 8, 10)), ("movements", (2, 4, 6, 8, 10))),
        ),
        _one("rician noise", "relative_sigma", 0.16, 0.32, 0.48, 0.64, 0.80),
        _one("gaussian blur", "sigma", 0.8, 1.6, 2.4, 3.2, 4.0),
    ),
)

ORGAN_CT = Table(
    "medmnist-c organ ct",
    f"{_MEDMNIST_C}, abdominal CT",
    (
        _one("gaussian noise", "sigma", 0.04, 0.08, 0.12, 0.16, 0.20),
        _one("speckle noise", "sigma", 0.05, 0.1, 0.2, 0.3, 0.4),
        _one("salt and pepper noise", "density", 0.01, 0.02, 0.03, 0.05, 0.08),
        _one("poisson noise", "photons", 200, 100, 50, 25, 15),
        _ends("brightness", "factor", 1.2, 1.6, side="increase"),
        _ends("brightness", "factor", 0.8, 0.6, side="decrease"),
        _ends("contrast", "factor", 1.3, 1.8, side="increase"),
        _ends("contrast", "factor", 0.8, 0.5, side="decrease"),
        _ends("gamma", "gamma", 1.3, 2.0, side="increase"),
        _ends("gamma", "gamma", 0.9, 0.4, side="decrease"),
    ),
)

CHEST_X_RAY = Table(
    "medmnist-c chest x-ray",
    f"{_MEDMNIST_C}, chest X-ray",
    (
        _one("gaussian noise", "sigma", 0.04, 0.08, 0.12, 0.18, 0.26),
        _one("speckle noise", "sigma", 0.05, 0.15, 0.2, 0.35, 0.45),
        _ends("salt and pepper noise", "density", 0.01, 0.17),
        _one("poisson noise", "photons", 60, 25, 18, 10, 5),
        _ends("gamma", "gamma", 1.1, 1.6, side="increase"),
        _ends("gamma", "gamma", 0.9, 0.4, side="decrease"),
    ),
)

PNEUMONIA_X_RAY = Table(
    "medmnist-c pneumonia x-ray",
    f"{_MEDMNIST_C}, paediatric chest X-ray with pneumonia",
    (
        _ends("gaussian noise", "sigma", 0.04, 0.08),
        _ends("poisson noise", "photons", 300, 80),
    ),
)

BREAST_ULTRASOUND = Table(
    "medmnist-c breast ultrasound",
    f"{_MEDMNIST_C}, breast ultrasound",
    (
        _one("speckle noise", "sigma", 0.10, 0.15, 0.20, 0.25, 0.30),
        _ends("contrast", "factor", 0.9, 0.4, side="decrease"),
        _ends("brightness", "factor", 1.4, 2.0, side="increase"),
        _ends("brightness", "factor", 0.55, 0.3, side="decrease"),
    ),
)

OCT = Table("medmnist-c oct", f"{_MEDMNIST_C}, retinal OCT", (_ends("speckle noise", "sigma", 0.15, 0.60),))

IMAGENET_C = Table(
    "imagenet-c",
    "ImageNet-C, Hendrycks and Dietterich 2019: photographs, for comparison",
    (
        _one("gaussian noise", "sigma", 0.08, 0.12, 0.18, 0.26, 0.38),
        _one("poisson noise", "photons", 60, 25, 12, 5, 3),
        _ends("salt and pepper noise", "density", 0.03, 0.27),
        _ends("speckle noise", "sigma", 0.15, 0.6),
    ),
)

TABLES = (ROOD_MRI, ORGAN_CT, CHEST_X_RAY, PNEUMONIA_X_RAY, BREAST_ULTRASOUND, OCT, IMAGENET_C)
