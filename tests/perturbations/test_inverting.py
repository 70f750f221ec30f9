"""Bright for dark on the unit scale."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_segrobust.perturbations import intensity_inversion
from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_an_image_goes_the_share_of_the_way_to_its_negative(scan, strength):
    result = perturb(scan.images.double(), None, [Point.of("inversion", strength=strength)] * 3, scan.frames).images
    before = scan.unit(scan.images)
    np.testing.assert_allclose(scan.unit(result), (1 - strength) * before + strength * (1 - before), atol=1e-6)


def test_the_negative_of_the_negative_is_the_image(scan):
    twice = perturb(scan.images.double(), None, [intensity_inversion(strength=1) | intensity_inversion(strength=1)] * 3, scan.frames)  # fmt: skip
    np.testing.assert_allclose(twice.images.numpy(), scan.images.numpy(), atol=1e-9)


def test_halfway_there_is_even_grey(scan):
    half = perturb(scan.images.double(), None, [Point.of("inversion", strength=0.5)] * 3, scan.frames).images
    np.testing.assert_allclose(scan.unit(half), 0.5, atol=1e-9)
