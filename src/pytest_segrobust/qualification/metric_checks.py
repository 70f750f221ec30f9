"""Metrics of shapes whose answers are known in closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.policy import failed_scores
from ..metrics.reference import prepare_reference
from ..metrics.scoring import score
from .check import holds, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .check import Planned

PART = "OQ 1: metrics"
SHAPE = (24, 24, 24)
ISOTROPIC = (1.0, 1.0, 1.0)
ANISOTROPIC = (2.0, 1.0, 0.5)  # mm


def plan() -> Iterator[Planned]:
    """Two boxes, two slabs, two balls, and masks without voxels."""
    yield from _boxes()
    yield from _slabs()
    yield from _balls()
    yield from _empty()


def _boxes() -> Iterator[Planned]:
    """Of a cube of 10 voxels and the same shifted by 3: 700 voxels shared, 300 in each alone."""
    cube, shifted = _box((6, 6, 6), (10, 10, 10)), _box((9, 6, 6), (10, 10, 10))
    for key, name, expected in (
        ("dsc", "DSC", 0.7),
        ("iou", "IoU", 700 / 1300),
        ("over_segmentation", "over-segmentation", 300 / 1300),
        ("under_segmentation", "under-segmentation", 300 / 1300),
        ("volume_bias", "volume bias", 0.0),
    ):
        yield number(f"M-SHIFT-{key}", f"{name} of a 10 voxel cube shifted by 3", expected, _of(key, shifted, cube))
    half = _box((6, 6, 6), (5, 10, 10))
    for key, name, less, more in (
        ("over_segmentation", "over-segmentation", 0.0, 0.5),
        ("under_segmentation", "under-segmentation", 0.5, 0.0),
        ("volume_bias", "volume bias", -0.5, 1.0),
        ("dsc", "DSC", 2 / 3, 2 / 3),
    ):
        yield number(f"M-HALF-{key}", f"{name} of half a cube", less, _of(key, half, cube))
        yield number(f"M-DOUBLE-{key}", f"{name} of twice the structure", more, _of(key, cube, half))
    yield number("M-SAME-dsc", "DSC of a mask with itself", 1.0, _of("dsc", cube, cube))
    yield number("M-SAME-hd95", "HD95 of a mask with itself", 0.0, _of("hd95", cube, cube))
    for axis, step in enumerate(ANISOTROPIC):
        moved = _box(tuple(6 + 3 * (a == axis) for a in range(3)), (10, 10, 10))
        purpose = f"HD95 in mm of a cube shifted by 3 voxels along axis {axis}, voxels of 2 x 1 x 0.5 mm"
        yield number(f"M-HD95-AXIS-{axis}", purpose, 3 * step, _of("hd95", moved, cube, spacing=ANISOTROPIC))


def _slabs() -> Iterator[Planned]:
    """Of two parallel planes every distance is the same, so that NSD jumps from 0 to 1 there."""
    here, there = _box((4, 0, 0), (1, 24, 24)), _box((7, 0, 0), (1, 24, 24))
    for tolerance, expected in ((5.9, 0.0), (6.0, 1.0)):
        purpose = f"NSD at {tolerance} mm of two planes 3 voxels of 2 mm apart"
        yield number(f"M-NSD-{tolerance}", purpose, expected, _nsd(there, here, tolerance))
    outlier = here.copy()
    outlier[20, :5, :5] = True  # 25 of 601 voxels: less than 5 % are far
    yield number(
        "M-HD95-RANK", "HD95 leaves out the farthest 4 % of a surface", 0.0, _of("hd95", outlier, here), tolerance=0
    )
    outlier[20, :10, :10] = True
    yield number("M-HD95-FAR", "HD95 sees 15 % of a surface that are 16 mm off", 16.0, _of("hd95", outlier, here))


def _balls() -> Iterator[Planned]:
    small, large = _ball(8), _ball(10)
    ratio = (8 / 10) ** 3
    yield number("M-BALL-dsc", "DSC of balls of 8 and 10 mm", 2 * ratio / (1 + ratio), _of("dsc", small, large), 0.01)
    yield number("M-BALL-iou", "IoU of balls of 8 and 10 mm", ratio, _of("iou", small, large), 0.01)
    yield number(
        "M-BALL-bias", "volume bias of balls of 8 and 10 mm", ratio - 1, _of("volume_bias", small, large), 0.01
    )
    yield number("M-BALL-hd95", "HD95 of balls of 8 and 10 mm", 2.0, _of("hd95", small, large), 0.5)
    thick = (1.0, 1.0, 2.0)
    small, large = _ball(8, thick), _ball(10, thick)
    purpose = "volume bias of balls of 8 and 10 mm in slices of 2 mm"
    yield number("M-SLICES-bias", purpose, ratio - 1, _of("volume_bias", small, large, spacing=thick), 0.02)
    purpose = "HD95 of balls of 8 and 10 mm in slices of 2 mm"
    yield number("M-SLICES-hd95", purpose, 2.0, _of("hd95", small, large, spacing=thick), 1.0)


def _empty() -> Iterator[Planned]:
    """What a model that answers nothing scores: never better than a bad answer."""
    cube, nothing = _box((6, 6, 6), (10, 10, 10)), np.zeros(SHAPE, bool)
    diagonal = math.hypot(*(length * step for length, step in zip(SHAPE, ANISOTROPIC, strict=True)))
    for key, expected in (("dsc", 0.0), ("hd95", diagonal), ("volume_bias", -1.0), ("under_segmentation", 1.0)):
        purpose = f"{key} of a structure that was missed"
        yield number(f"M-MISSED-{key}", purpose, expected, _of(key, nothing, cube, spacing=ANISOTROPIC))
    for key, expected in (("dsc", 0.0), ("hd95", diagonal), ("over_segmentation", 1.0)):
        purpose = f"{key} of a structure that was invented"
        yield number(f"M-INVENTED-{key}", purpose, expected, _of(key, cube, nothing, spacing=ANISOTROPIC))
    yield number("M-BOTH-EMPTY-dsc", "DSC where nothing is and nothing was found", 1.0, _of("dsc", nothing, nothing))
    yield number("M-NSD-MISSED", "NSD of a structure that was missed", 0.0, _nsd(nothing, cube, 2.0))
    reference = prepare_reference(cube, ANISOTROPIC)
    failed = failed_scores("crashed", reference, tolerances=(2.0,), metrics=frozenset({"dsc", "hd95", "nsd"}))
    for key, expected in (("dsc", 0.0), ("hd95", diagonal), ("nsd@2", 0.0)):
        yield number(f"M-FAILED-{key}", f"{key} of a case that crashed", expected, lambda key=key: failed.values[key])  # type: ignore[misc]
    yield holds(
        "M-FAILED-SAID",
        "a structure missed or invented is called a failure",
        "missed, false detection",
        lambda: (
            score(nothing, reference).failure == "missed"
            and score(cube, prepare_reference(nothing, ANISOTROPIC)).failure == "false detection"
        ),
    )


def _of(
    key: str, prediction: np.ndarray, reference: np.ndarray, *, spacing: Sequence[float] = ISOTROPIC
) -> Callable[[], float]:
    return lambda: score(prediction, prepare_reference(reference, spacing)).values[key]


def _nsd(prediction: np.ndarray, reference: np.ndarray, tolerance: float) -> Callable[[], float]:
    """Of voxels of 2 mm along the first axis."""
    return lambda: score(prediction, prepare_reference(reference, ANISOTROPIC), tolerances=(tolerance,)).values[
        f"nsd@{tolerance:g}"
    ]


def _box(start: Sequence[int], size: Sequence[int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(first, first + length) for first, length in zip(start, size, strict=True))] = True
    return mask


def _ball(radius: float, spacing: Sequence[float] = ISOTROPIC) -> np.ndarray:
    """Voxels whose centre is within `radius` mm of the middle."""
    axes = [(np.arange(length) - (length - 1) / 2) * step for length, step in zip(SHAPE, spacing, strict=True)]
    squares = sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij"))
    ball: np.ndarray = squares < radius**2
    return ball
