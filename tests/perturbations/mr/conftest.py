"""Smooth images of known frames, and batches whose random numbers are those of a run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.point import Point


def _head(shape, channels=1, seed=0):
    """A smooth bright ellipsoid with texture on air of 0, (1, C, *shape), float64, of values between 0 and about 1000."""
    generator = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = np.sqrt(sum((x / (0.7 - 0.1 * i)) ** 2 for i, x in enumerate(grid)))
    inside = 1 / (1 + np.exp(20 * (radius - 1)))
    waves = sum(np.cos(generator.normal(0, 6) * x + generator.uniform(0, 6)) for x in grid)
    image = np.where(radius < 1.3, 600 * inside * (1 + 0.2 * waves), 0.0)
    return torch.from_numpy(np.stack([image * (c + 1) for c in range(channels)])[None])


def _framed(spacing, channels=1, *, low=100.0, high=900.0, key="case-0"):
    codes = ("R", "A", "S")[: len(spacing)]
    return Frame(key, np.full(channels, low), np.full(channels, high), tuple(spacing), codes)


def _done(image, frame, name, realisation=0, **parameters):
    """The perturbed image of one case, (C, *spatial), as numpy."""
    point = Point.of(name, **parameters)
    return perturb(image, None, [point], [frame], realisation=realisation).images[0].numpy()


@pytest.fixture
def head():
    return _head


@pytest.fixture
def framed():
    return _framed


@pytest.fixture
def done():
    return _done


@pytest.fixture(params=[(52, 44), (31, 40, 24)], ids=["2D", "3D"])
def scanned(request):
    """An image in its own units and its frame; phase is encoded along columns in 2-D, along rows in 3-D."""
    return _head(request.param), _framed((0.9, 1.0, 3.0)[: len(request.param)])


@pytest.fixture
def bits_of_threads():
    """A function's results with one and with two threads."""

    def both(function):
        threads = torch.get_num_threads()
        try:
            found = []
            for number in (1, 2):
                torch.set_num_threads(number)
                found.append(function())
        finally:
            torch.set_num_threads(threads)
        return found

    return both
