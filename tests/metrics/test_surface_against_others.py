"""HD95, HD and NSD against MONAI and SimpleITK, and where they differ on purpose (docs/metrics.md says why)."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_segrobust.metrics.distance import surface_distances
from pytest_segrobust.metrics.reference import prepare_reference
from pytest_segrobust.metrics.scoring import score
from pytest_segrobust.metrics.surface import bounding_box, surface_of

SHARED = Path(os.environ.get("SEGROBUST_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
FLOAT32 = 1e-4  # MONAI ranks distances in float32: with a thousand of them 0.95 * (n - 1) is off by 6e-5
CASES = [
    ((26, 30, 22), (1.0, 1.0, 1.0)),
    ((26, 30, 22), (0.7, 0.7, 2.5)),
    ((26, 30, 12), (2.5, 0.4, 5.0)),
    ((40, 52), (1.0, 1.0)),
    ((40, 52), (0.35, 1.2)),
]


def blobs(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Smooth shapes of several parts with holes; some touch the image's border."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return np.asarray(smooth > 0.6 * smooth.std())


def ours(prediction: np.ndarray, reference: np.ndarray, spacing: tuple[float, ...], tolerance: float = 1) -> Any:
    return score(prediction, prepare_reference(reference, spacing), tolerances=(tolerance,)).values


def monai_hd(prediction: np.ndarray, reference: np.ndarray, spacing: tuple[float, ...]) -> float:
    import torch
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance

    masks = [torch.from_numpy(mask)[None, None] for mask in (prediction, reference)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of empty masks
        return float(compute_hausdorff_distance(*masks, include_background=True, percentile=95, spacing=list(spacing)))


def monai_nsd(prediction: np.ndarray, reference: np.ndarray, spacing: tuple[float, ...], tolerance: float) -> float:
    import torch
    from monai.metrics.surface_dice import compute_surface_dice

    masks = [torch.from_numpy(mask)[None, None] for mask in (prediction, reference)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = compute_surface_dice(*masks, [tolerance], include_background=True, spacing=list(spacing))
    return float(found)


@pytest.mark.parametrize(("shape", "spacing"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_monai_finds_the_same_hd95_and_nsd(seed: int, shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    prediction, reference = blobs(seed, shape), blobs(seed + 100, shape)
    found = ours(prediction, reference, spacing, tolerance=1.93)  # a distance that no two voxels have
    assert found["hd95"] == pytest.approx(monai_hd(prediction, reference, spacing), rel=FLOAT32)
    assert found["nsd@1.93"] == pytest.approx(monai_nsd(prediction, reference, spacing, 1.93), rel=1e-6)


@pytest.mark.parametrize(("shape", "spacing"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_simpleitk_finds_the_same_hausdorff_distance_of_the_boundaries(
    seed: int, shape: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    sitk = pytest.importorskip("SimpleITK")
    images, edges = [], []
    for mask in (blobs(seed, shape), blobs(seed + 100, shape)):
        box = bounding_box(mask)
        assert box is not None
        edges.append(surface_of(mask[box], box, shape, spacing))
        boundary = np.zeros(shape, np.uint8)
        boundary[tuple(edges[-1].points)] = 1
        images.append(sitk.GetImageFromArray(boundary))
        images[-1].SetSpacing(spacing[::-1])  # its first axis is numpy's last
    theirs = sitk.HausdorffDistanceImageFilter()
    theirs.Execute(*images)
    here, there = surface_distances(edges[0], edges[1])
    assert max(here.max(), there.max()) == pytest.approx(theirs.GetHausdorffDistance(), rel=1e-6)


def test_hausdorff_distance_of_whole_masks_is_a_lower_bound() -> None:
    sitk = pytest.importorskip("SimpleITK")
    # A hole: its wall is far from the other mask's boundary, but not from the other mask.
    solid = np.zeros((25, 25), bool)
    solid[2:-2, 2:-2] = True
    hollow = solid.copy()
    hollow[12, 12] = False
    theirs = sitk.HausdorffDistanceImageFilter()
    theirs.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (hollow, solid)))
    here, _ = surface_distances(*(prepare_reference(mask, (1, 1)).surface for mask in (hollow, solid)))
    assert theirs.GetHausdorffDistance() == 1
    assert here.max() == 9


# Where they differ


def test_monai_loses_a_missed_structure_that_we_score_with_the_diagonal() -> None:
    reference = blobs(1, (20, 20))
    missed = np.zeros_like(reference)
    assert math.isnan(monai_hd(missed, reference, (1, 2)))
    assert ours(missed, reference, (1, 2))["hd95"] == pytest.approx(math.hypot(20, 40))


def test_monai_takes_every_voxel_of_a_flat_volume_for_boundary_where_we_see_a_contour() -> None:
    prediction, reference = np.zeros((2, 30, 30), bool)
    reference[4:20, 4:20], prediction[4:20, 4:26] = True, True
    flat = [mask[..., None] for mask in (prediction, reference)]
    assert ours(*flat, (1, 1, 5))["hd95"] == ours(prediction, reference, (1, 1))["hd95"]
    assert ours(*flat, (1, 1, 5))["hd95"] == pytest.approx(monai_hd(prediction, reference, (1, 1)))
    assert monai_hd(*flat, (1, 1, 5)) < ours(*flat, (1, 1, 5))["hd95"]


def test_a_distance_that_equals_the_tolerance_but_for_rounding_is_within_it() -> None:
    prediction, reference = np.zeros((2, 30, 30), bool)
    reference[5:15, 5:15], prediction[8:18, 5:15] = True, True
    spacing = (0.1, 0.1)  # 3 * 0.1 > 0.3 in binary
    assert ours(prediction, reference, spacing, 0.3)["nsd@0.3"] == 1
    assert monai_nsd(prediction, reference, spacing, 0.3) < 1 or 3 * np.float32(0.1) <= 0.3


@pytest.mark.parametrize("structure", [1, 2])
def test_monai_agrees_on_real_hippocampi(structure: int) -> None:
    labels = sorted((SHARED / "hippocampus" / "labelsTs").glob("*.nii.gz"))[:3]
    if not labels:
        pytest.skip("the hippocampus volumes of shared/data are not here")
    import nibabel

    for path in labels:
        reference = np.asarray(nibabel.load(path).dataobj) == structure  # type: ignore[attr-defined]
        noise = np.random.default_rng(structure).random(reference.shape)
        moved = np.roll(reference, (2, -1, 1), (0, 1, 2))
        prediction = (moved & (noise < 0.9)) | (noise < 0.001)
        found = ours(prediction, reference, (1, 1, 1), tolerance=2)
        assert found["hd95"] == pytest.approx(monai_hd(prediction, reference, (1, 1, 1)), rel=FLOAT32)
        assert found["nsd@2"] == pytest.approx(monai_nsd(prediction, reference, (1, 1, 1), 2), rel=1e-6)
