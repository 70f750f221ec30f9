"""The one real chest CT of this example: it lies inside the Python package `slicerio` (MIT licence) and stays there."""

from __future__ import annotations

import importlib.resources
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

LUNGS = ("right lung", "left lung")  # labels 1 and 2
AIR = -1024  # HU; the scanner wrote -3024 outside its field of view


@dataclass(frozen=True)
class Scan:
    """HU float32 (X, Y, Z), the two lungs bool (2, X, Y, Z) in the order of LUNGS, voxel size in mm, and the affine (RAS)."""

    image: np.ndarray
    lungs: np.ndarray
    spacing: np.ndarray
    affine: np.ndarray


def read() -> Scan:
    """The scan and its segmentation, on one grid whose axes run to the right, to the front and up."""
    import nrrd

    try:
        folder = importlib.resources.files("slicerio") / "data"
    except ModuleNotFoundError:
        sys.exit("the chest CT is part of the package slicerio, which is not installed: pip install slicerio")
    with importlib.resources.as_file(folder) as path:
        image, header = nrrd.read(str(path / "CTChest4.nrrd"))
        labels, segments = nrrd.read(str(path / "Segmentation.seg.nrrd"))
    lungs = np.stack([placed(structure(labels, segments, name), segments, image.shape, header) for name in LUNGS])
    lps_to_ras = np.diag([-1.0, -1.0, 1.0])
    affine = np.eye(4)
    affine[:3, :3] = lps_to_ras @ header["space directions"].T
    affine[:3, 3] = lps_to_ras @ header["space origin"]
    if (
        header["space"] != "left-posterior-superior"
        or np.any(np.diag(affine) <= 0)
        or np.any(header["space directions"][~np.eye(3, dtype=bool)])
    ):
        raise ValueError("CTChest4.nrrd of this slicerio is stored in another orientation than the example knows")
    return Scan(np.maximum(image, AIR).astype(np.float32), lungs, np.diag(affine)[:3].copy(), affine)


def structure(labels: np.ndarray, segments: dict[str, Any], name: str) -> np.ndarray:
    """The mask of one named segment; a .seg.nrrd may keep overlapping segments in layers, its first axis then."""
    for key, value in segments.items():
        if key.endswith("_Name") and value == name:
            prefix = key.removesuffix("_Name")
            layer = labels if labels.ndim == 3 else labels[int(segments[f"{prefix}_Layer"])]
            return np.asarray(layer == int(segments[f"{prefix}_LabelValue"]))
    raise ValueError(f"Segmentation.seg.nrrd of this slicerio holds no segment named {name!r}")


def placed(mask: np.ndarray, segments: dict[str, Any], shape: tuple[int, ...], header: dict[str, Any]) -> np.ndarray:
    """The mask on the grid of the image: a .seg.nrrd may cover a part of it alone, which its origin tells."""
    directions = np.asarray(header["space directions"])
    if not np.allclose(np.asarray(segments["space directions"])[-3:], directions):
        raise ValueError("Segmentation.seg.nrrd and CTChest4.nrrd of this slicerio have different voxels")
    step = np.linalg.solve(directions.T, np.asarray(segments["space origin"]) - np.asarray(header["space origin"]))
    start = np.rint(step).astype(int)
    if not np.allclose(step, start, atol=1e-3) or np.any(start < 0) or np.any(start + mask.shape > shape):
        raise ValueError("Segmentation.seg.nrrd of this slicerio does not lie on the grid of CTChest4.nrrd")
    whole = np.zeros(shape, dtype=bool)
    whole[tuple(slice(first, first + size) for first, size in zip(start, mask.shape, strict=True))] = mask
    return whole
