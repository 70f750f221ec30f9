"""Phantoms in HU, and what a perturbation does to them in HU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import Frame, Perturbed, perturb
from pytest_segrobust.perturbations.point import Point

Change = Callable[..., np.ndarray]


def radii(shape: tuple[int, int], spacing: tuple[float, float], centre: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """The distance of each pixel from a place, mm from the slice's middle."""
    y, x = ((np.arange(n) - (n - 1) / 2) * d - c for n, d, c in zip(shape, spacing, centre, strict=True))
    return np.hypot(y[:, None], x[None, :])


def frame_of(
    dimensions: int, *, key: str = "phantom", low: float = -160.0, high: float = 240.0, spacing: float = 1.0
) -> Frame:
    return Frame(key, np.array([low]), np.array([high]), (spacing,) * dimensions, ("R", "A", "S")[:dimensions])


@pytest.fixture
def distances():
    return radii


@pytest.fixture
def frame():
    return frame_of


@pytest.fixture
def done():
    """A perturbation of one image in HU, (*spatial)."""

    def do(hounsfield: np.ndarray, name: str, frame: Frame | None = None, **parameters: float) -> Perturbed:
        frame = frame or frame_of(hounsfield.ndim)
        return perturb(
            torch.as_tensor(hounsfield, dtype=torch.float64)[None, None], None, [Point.of(name, **parameters)], [frame]
        )

    return do


@pytest.fixture
def change(done) -> Change:
    """What a perturbation adds to one image in HU, (*spatial)."""

    def differ(hounsfield: np.ndarray, name: str, frame: Frame | None = None, **parameters: float) -> np.ndarray:
        return done(hounsfield, name, frame, **parameters).images[0, 0].numpy() - hounsfield

    return differ


@pytest.fixture
def cylinder(distances):
    """Water of 60 mm in air, in a slice of 80 x 80 mm."""
    return np.where(distances((80, 80), (1.0, 1.0)) < 30, 0.0, -1000.0)
