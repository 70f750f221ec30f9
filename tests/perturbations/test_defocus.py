"""Defocus against scipy's convolution with a disc that is sampled finely."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.blurring.defocus import disc
from pytest_segrobust.perturbations.point import Point

SPACINGS = [(1.0, 1.0), (0.7, 1.3), (2.0, 0.5)]
RADII = [0.3, 0.6, 1.0, 2.4, 5.0, 11.0]


def sampled(radius, spacing, fine=41):
    """The same weights by counting points, over the whole disc."""
    rows, columns = (math.ceil(radius / d - 0.5) + 1 for d in spacing)
    y, x = (
        ((np.arange((2 * n - 1) * fine) + 0.5) / fine - (2 * n - 1) / 2) * d
        for n, d in zip((rows, columns), spacing, strict=True)
    )
    inside = (y[:, None] ** 2 + x[None, :] ** 2 <= radius**2).astype(float)
    weights = inside.reshape(2 * rows - 1, fine, 2 * columns - 1, fine).sum((1, 3))
    return weights / weights.sum()


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("radius", RADII)
def test_weights_are_areas_and_sum_to_one(radius, spacing):
    quarter = np.array(disc(radius, spacing))
    expected = sampled(radius, spacing)
    rows, columns = quarter.shape
    np.testing.assert_allclose(quarter, expected[rows - 1 :, columns - 1 :], atol=2e-2 * expected.max())
    assert (quarter >= -1e-15).all()
    whole = quarter * np.where(np.arange(rows) > 0, 2, 1)[:, None] * np.where(np.arange(columns) > 0, 2, 1)
    assert whole.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("radius", RADII)
def test_a_slice_is_convolved_with_the_disc(radius, spacing):
    image = np.random.default_rng(0).random((29, 34))
    frame = Frame("texture", np.array([0.0]), np.array([1.0]), spacing, ("?", "?"))
    given = torch.as_tensor(image)[None, None]
    found = perturb(given, None, [Point.of("defocus blur", radius=radius)], [frame]).images[0, 0].numpy()
    weights = np.array(disc(radius, spacing))
    whole = np.block([[weights[:0:-1, :0:-1], weights[:0:-1]], [weights[:, :0:-1], weights]])
    np.testing.assert_allclose(found, ndimage.convolve(image, whole, mode="reflect"), atol=1e-10)


def test_a_volume_is_blurred_within_its_slices(volume):
    point = [Point.of("defocus blur", radius=2.0)]
    whole = perturb(volume.images[:1], None, point, volume.frames[:1]).images
    frame = volume.frames[0]
    flat = Frame(frame.key, frame.low, frame.high, frame.spacing[:2], frame.axes[:2])
    for k in (0, 20, 40):
        alone = perturb(volume.images[:1, ..., k].contiguous(), None, point, [flat]).images
        assert torch.equal(whole[..., k], alone)


def test_a_disc_within_a_voxel_leaves_the_image_alone_and_is_no_error(volume):
    result = perturb(volume.images, None, [Point.of("defocus blur", radius=0.2)] * 3, volume.frames)
    np.testing.assert_allclose(result.images.numpy(), volume.images.numpy(), rtol=1e-6)


def test_a_little_more_blurs_a_little_more(volume):
    blurred = [
        perturb(volume.images[:1].double(), None, [Point.of("defocus blur", radius=r)], volume.frames[:1]).images
        for r in (1.0, 1.001, 0.401)
    ]
    assert 0 < float((blurred[1] - blurred[0]).abs().max()) < 3.0
    assert float((blurred[2] - volume.images[:1]).abs().max()) < 3.0


def test_darkness_far_from_anything_stays_exactly_dark():
    image = torch.zeros((1, 1, 40, 40))
    image[..., :10, :] = torch.rand((10, 40), generator=torch.Generator().manual_seed(0))
    frame = Frame("half", np.array([0.0]), np.array([1.0]), (1.0, 1.0), ("?", "?"))
    blurred = perturb(image, None, [Point.of("defocus blur", radius=4.0)], [frame]).images
    assert bool((blurred[..., 15:, :] == 0).all())
    assert bool((blurred[..., :13, :] != 0).all())
