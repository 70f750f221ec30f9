"""A folder of small scans, made on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest

from pytest_segrobust.datasets.dataset import Dataset, open_dataset
from pytest_segrobust.errors import DataError
from pytest_segrobust.requirements.settings import DataSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

AFFINE = np.array([[-0.8, 0, 0, 10], [0, 0.9, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1]], dtype=float)
PAIRS = {"images": "images/*.nii.gz", "labels": "labels/{name}.nii.gz", "patient": "{name}"}


@dataclass(frozen=True)
class Folder:
    """A data folder: `scan` writes a NIfTI file, `pair` a case of two, `open` opens the data set."""

    root: Path

    def scan(self, path: str, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        image = nibabel.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, target)
        return target

    def pair(self, name: str, shape: tuple[int, ...] = (6, 5, 4), affine: np.ndarray = AFFINE) -> tuple[Path, Path]:
        image, label = picture(shape)
        return (
            self.scan(f"images/{name}.nii.gz", image, affine),
            self.scan(f"labels/{name}.nii.gz", label, affine),
        )

    def open(self, *, channels: int = 1, classes: Any = None, kept_bytes: int = 1 << 30, **settings: Any) -> Dataset:
        return open_dataset(
            DataSettings(**(settings or PAIRS)),
            root=self.root,
            classes=classes or {"anterior": 1, "posterior": 2},
            channels=channels,
            kept_bytes=kept_bytes,
        )


def picture(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """A ramp with noise, and a label with 1 and 2 in it."""
    generator = np.random.default_rng(7)
    image = (np.arange(np.prod(shape)).reshape(shape) + generator.normal(size=shape)).astype(np.float32)
    label = np.zeros(shape, dtype=np.uint8)
    label[1:3, 1:3] = 1
    label[3:5, 1:3] = 2
    return image, label


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def refused() -> Callable[..., str]:
    """Call something, get the one line it was refused with; every given word must stand in it."""

    def call(action: Callable[[], object], words: Iterable[str]) -> str:
        with pytest.raises(DataError) as caught:
            action()
        text = str(caught.value)
        assert "\n" not in text
        assert [word for word in words if str(word) not in text] == [], text
        return text

    return call
