"""Quantisation leaves so many levels, and no more."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations import quantisation, towards_identity
from pytest_segrobust.perturbations.application import perturb


@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_so_many_levels_are_left_from_zero_to_one(flat_image, levels):
    image, frames = flat_image(0.0, low=10.0, high=20.0, shape=(1, 1, 128, 128))
    image[:] = torch.linspace(10, 20, image.numel()).reshape(image.shape)
    found = perturb(image, None, [quantisation(levels=levels)], frames).images
    expected = 10 + 10 * np.linspace(0, 1, levels)
    values = found.unique().numpy()
    assert np.abs(values[:, None] - expected).min(1).max() < 1e-5
    assert len(np.unique(np.abs(values[:, None] - expected).argmin(1))) == levels
    assert float((found - image).abs().max()) == pytest.approx(5 / (levels - 1), rel=0.02)


def test_values_beyond_the_scale_keep_the_step(flat_image):
    image, frames = flat_image(0.0, shape=(1, 1, 1, 4))
    image[0, 0, 0] = torch.tensor([-0.3, 0.2, 1.2, 1.3])
    found = perturb(image, None, [quantisation(levels=3)], frames).images
    assert found.flatten().tolist() == pytest.approx([-0.5, 0.0, 1.0, 1.5])


def test_the_error_of_even_intensities_is_that_of_a_uniform_law(flat_image):
    image, frames = flat_image(0.0, shape=(1, 1, 128, 128))
    image[:] = torch.rand(image.shape, generator=torch.Generator().manual_seed(0))
    for levels in (8, 32):
        error = (perturb(image, None, [quantisation(levels=levels)], frames).images - image).double()
        assert float(error.std()) == pytest.approx(1 / (levels - 1) / math.sqrt(12), rel=0.02)


def test_half_the_severity_is_twice_the_levels():
    assert towards_identity(quantisation(levels=16), 0.5) == quantisation(levels=32)


def test_an_image_of_few_levels_has_nothing_to_lose(flat_image):
    image, frames = flat_image(0.0, shape=(1, 1, 8, 8), minimum=1.0)
    assert perturb(image, None, [quantisation(levels=5)], frames).strengths[0]["changed"] == 0
