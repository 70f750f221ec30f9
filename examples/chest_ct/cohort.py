"""Make a cohort of virtual patients out of one chest CT: smooth random deformations and changes of intensity.

    python examples/chest_ct/cohort.py OUTPUT --patients 24 --seed 1000

Virtual patients of ONE scan show what the tool does. They are no sample of people, and prove nothing about lungs.
"""

from __future__ import annotations

import argparse
import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scan import AIR, Scan, read
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS = (13, 18, 23, 28)  # slices of the scan, from above the diaphragm to below the tips of the lungs
TRAINING_SEEDS = range(120)  # train.py
TEST_SEEDS = range(1000, 1024)  # the demo


@dataclass(frozen=True)
class Slice:
    """An axial slice of a virtual patient: HU int16 (X, Y), label uint8 (X, Y) (1 right lung, 2 left lung), its level."""

    image: np.ndarray
    label: np.ndarray
    level: int


def virtual_patient(scan: Scan, seed: int) -> list[Slice]:
    """Four slices of the patient that `seed` names; the same seed is the same patient, whoever asks for it."""
    generator = np.random.default_rng(seed)
    levels = [level + int(generator.integers(-1, 2)) for level in LEVELS]
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in scan.image.shape[:2]), levels, indexing="ij"))
    source = deformed(grid.astype(float), scan, generator)
    image = ndimage.map_coordinates(scan.image, source, order=1, mode="constant", cval=AIR)
    share = [ndimage.map_coordinates(lung.astype(np.float32), source, order=1) for lung in scan.lungs]
    label = np.where(share[0] > 0.5, 1, np.where(share[1] > 0.5, 2, 0)).astype(np.uint8)
    image = recoloured(image, np.clip(share[0] + share[1], 0, 1), grid, scan, generator)
    return [Slice(image[..., k], label[..., k], level) for k, level in enumerate(levels)]


def deformed(grid: np.ndarray, scan: Scan, generator: np.random.Generator) -> np.ndarray:
    """Where in the scan each voxel of `grid` (3, X, Y, K) comes from, in voxels.

    A turn by up to 6 degrees, scaling by up to 8 % per axis, a shift by up to 10 mm, and a smooth field whose standard
    deviation is 5 mm in the slice; 3 mm along the body, where voxels are 10 mm tall.
    """
    spacing = scan.spacing.reshape(3, 1, 1, 1)
    middle = (np.array(scan.image.shape).reshape(3, 1, 1, 1) - 1) / 2
    place = (grid - middle) * spacing
    angle = math.radians(generator.uniform(-6, 6))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    scale = generator.uniform(0.92, 1.08, size=(2, 1, 1, 1))
    shift = generator.uniform(-10, 10, size=(2, 1, 1, 1))
    place[:2] = np.tensordot(turn, place[:2] * scale, axes=1) + shift
    place += np.stack([deviation * smooth_field(grid, scan, generator) for deviation in (5.0, 5.0, 3.0)])
    return np.asarray(place / spacing + middle)


def recoloured(
    image: np.ndarray, lung: np.ndarray, grid: np.ndarray, scan: Scan, generator: np.random.Generator
) -> np.ndarray:
    """Other HU of the same anatomy, as int16: gain, offset, air in the lungs, a low-frequency bias, and noise of 5-15 HU."""
    changed = (image + 1000) * generator.uniform(0.97, 1.03) - 1000 + generator.uniform(-15, 15)
    changed += lung * generator.uniform(-40, 60)  # how deep the breath was
    changed += 10 * smooth_field(grid, scan, generator)
    changed += generator.uniform(5, 15) * generator.standard_normal(image.shape)
    return np.clip(np.rint(changed), AIR, 3071).astype(np.int16)


def smooth_field(grid: np.ndarray, scan: Scan, generator: np.random.Generator) -> np.ndarray:
    """A random field of standard deviation about 1 at the voxels of `grid`: cubic between 6 x 6 x 4 random numbers."""
    knots = (6, 6, 4)
    place = [axis * (count - 1) / (size - 1) for axis, count, size in zip(grid, knots, scan.image.shape, strict=True)]
    return np.asarray(ndimage.map_coordinates(generator.standard_normal(knots), place, order=3, mode="nearest"))


def write(output: Path, seeds: range) -> int:
    """Write images, labels and cases.csv of the patients named by `seeds`; the number of slices."""
    import nibabel

    scan = read()
    for folder in ("images", "labels"):
        (output / folder).mkdir(parents=True, exist_ok=True)
    rows = list(rows_of(scan, seeds))
    for row, piece in rows:
        affine = scan.affine.copy()
        affine[:3, 3] += affine[:3, 2] * piece.level
        for name, array in (("image", piece.image), ("label", piece.label)):
            volume = nibabel.Nifti1Image(array[..., None], affine)  # type: ignore[no-untyped-call]
            nibabel.save(volume, output / row[name])
    with (output / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=["id", "image", "label", "patient", "slice"], lineterminator="\n")
        table.writeheader()
        table.writerows(row for row, _ in rows)
    return len(rows)


def rows_of(scan: Scan, seeds: range) -> Iterator[tuple[dict[str, str], Slice]]:
    """Rows of cases.csv with their slices."""
    for seed in seeds:
        for piece in virtual_patient(scan, seed):
            name = f"virtual{seed:04d}_{piece.level:02d}"
            yield (
                {
                    "id": name,
                    "image": f"images/{name}.nii.gz",
                    "label": f"labels/{name}.nii.gz",
                    "patient": f"virtual{seed:04d}",
                    "slice": str(piece.level),
                },
                piece,
            )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path, help="folder for images/, labels/ and cases.csv")
    parser.add_argument("--patients", type=int, default=len(TEST_SEEDS))
    parser.add_argument(
        "--seed", type=int, default=TEST_SEEDS.start, help="of the first patient; 0-119 trained the network"
    )
    arguments = parser.parse_args()
    count = write(arguments.output, range(arguments.seed, arguments.seed + arguments.patients))
    print(f"{arguments.output}: {arguments.patients} virtual patients of one scan, {count} slices, cases.csv")


if __name__ == "__main__":
    main()
