"""Blur in mm, against scipy's, MONAI's and the closed form of a blurred Gaussian."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.blurring.gaussian import gaussian_blur, gaussian_kernel
from pytest_segrobust.perturbations.frame import Batch
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5, 20.0])
def test_blur_is_that_of_scipy_with_sigma_in_mm(scan, sigma):
    result = perturb(scan.images, None, [Point.of("gaussian blur", sigma=sigma)] * 3, scan.frames).images
    voxels = [sigma / spacing for spacing in scan.frames[0].spacing]
    for before, after in zip(scan.images.numpy(), result.numpy(), strict=True):
        for u, v in zip(before, after, strict=True):
            expected = ndimage.gaussian_filter(u.astype(np.float64), voxels, mode="reflect", truncate=4.0)
            np.testing.assert_allclose(v, expected, rtol=1e-4, atol=1e-3)


def test_blur_is_that_of_monai_away_from_the_edges(volume):
    from monai.transforms import GaussianSmooth

    image = volume.images[:1]
    frame = Frame("cubes", np.array([100.0] * 2), np.array([900.0] * 2), (1.0,) * 3, ("?",) * 3)
    ours = perturb(image, None, [Point.of("gaussian blur", sigma=1.0)], [frame]).images[0]
    theirs = torch.as_tensor(GaussianSmooth(sigma=1.0, approx="sampled")(image[0]))
    inside = (slice(None), *(slice(5, -5),) * 3)  # MONAI takes 0 for what lies outside
    # MONAI's sampled kernel is not normalised: its sum is off by some 1e-4.
    assert torch.allclose(ours[inside], theirs[inside], rtol=2e-3)


def test_a_blurred_gaussian_is_the_wider_gaussian():
    spacing, width, sigma = 0.5, 3.0, 2.0
    x = (np.arange(121) - 60) * spacing
    image = np.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / (2 * width**2))
    frame = Frame("spot", np.array([0.0]), np.array([1.0]), (spacing, spacing), ("?", "?"))
    result = perturb(torch.from_numpy(image)[None, None], None, [Point.of("gaussian blur", sigma=sigma)], [frame])
    wider = math.sqrt(width**2 + sigma**2)
    expected = (width / wider) ** 2 * np.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / (2 * wider**2))
    np.testing.assert_allclose(result.images[0, 0].numpy(), expected, atol=2e-4)


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0, 7.3])
def test_a_kernel_sums_to_one(sigma):
    kernel = gaussian_kernel(sigma)
    assert kernel[0] + 2 * sum(kernel[1:]) == pytest.approx(1, abs=1e-12)
    assert kernel == sorted(kernel, reverse=True)
    assert len(kernel) == int(4 * sigma + 0.5) + 1


def test_the_batched_kernels_of_accelerators_are_those_of_single_samples(volume):
    from pytest_segrobust.perturbations.blurring import gaussian

    batch = Batch(volume.images, tuple(volume.frames), normal=None, uniform=None)
    sigma = (0.5, 2.0, 1.1)
    kernels = [[gaussian_kernel(s / spacing) for spacing in volume.frames[0].spacing] for s in sigma]
    assert torch.equal(gaussian._blur(volume.images, kernels), gaussian_blur(batch, sigma=sigma))


def test_a_kernel_within_one_voxel_leaves_the_image_alone_and_is_no_error(volume):
    result = perturb(volume.images, None, [Point.of("gaussian blur", sigma=0.05)] * 3, volume.frames)
    assert torch.equal(result.images, volume.images)
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}] * 3


def test_a_single_slice_is_not_blurred_across_nothing():
    image = torch.rand((1, 1, 20, 20, 1), generator=torch.Generator().manual_seed(0))
    frame = Frame("slice", np.array([0.0]), np.array([1.0]), (1.0, 1.0, 1.0), ("R", "A", "S"))
    flat = Frame("slice", np.array([0.0]), np.array([1.0]), (1.0, 1.0), ("R", "A"))
    point = Point.of("gaussian blur", sigma=1.5)
    assert torch.equal(
        perturb(image, None, [point], [frame]).images[..., 0], perturb(image[..., 0], None, [point], [flat]).images
    )
