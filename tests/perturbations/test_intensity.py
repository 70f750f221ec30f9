"""Intensity maps against their formulas and against MONAI's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("gamma", [0.1, 0.5, 0.7, 1.5, 2.0, 10.0])
def test_gamma_is_a_power_law_above_the_scales_zero_and_leaves_the_rest_alone(scan, gamma):
    u = scan.unit(scan.images)
    assert u.min() < 0
    assert u.max() > 1
    expected = np.where(u > 0, np.abs(u) ** gamma, u)
    result = perturb(scan.images, None, [Point.of("gamma", gamma=gamma)] * 3, scan.frames).images
    np.testing.assert_allclose(scan.unit(result), expected, rtol=2e-5, atol=1e-6)
    below = torch.from_numpy(u <= 0)
    assert torch.equal(result[below], scan.images[below])


@pytest.mark.parametrize("gamma", [0.6, 1.7])
def test_gamma_is_that_of_monai_where_the_scale_spans_the_image(volume, gamma):
    from monai.transforms import AdjustContrast

    image = volume.images[:1, :1]
    frame = Frame("whole range", image.amin().numpy()[None], image.amax().numpy()[None], (1.0,) * 3, ("?",) * 3)
    ours = perturb(image, None, [Point.of("gamma", gamma=gamma)], [frame]).images[0]
    theirs = torch.as_tensor(AdjustContrast(gamma)(image[0]))
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-2)


def test_gamma_keeps_its_gradient_finite_at_zero():
    image = torch.tensor([0.0, -0.5, 1e-30, 0.5]).reshape(1, 1, 2, 2).requires_grad_()
    frame = Frame("ramp", np.array([0.0]), np.array([1.0]), (1.0, 1.0), ("?", "?"))
    perturb(image, None, [Point.of("gamma", gamma=0.5)], [frame]).images.sum().backward()
    assert image.grad[0, 0, 0].tolist() == [1, 1]
    assert bool(torch.isfinite(image.grad).all())
    assert float(image.grad[0, 0, 1, 1]) == pytest.approx(0.5 / 0.5**0.5)


@pytest.mark.parametrize(
    ("parameters", "formula"), [({"factor": 1.3}, lambda u: u * 1.3), ({"shift": -0.2}, lambda u: u - 0.2)]
)
def test_brightness_multiplies_or_shifts_the_unit_scale(scan, parameters, formula):
    result = perturb(scan.images, None, [Point.of("brightness", **parameters)] * 3, scan.frames).images
    np.testing.assert_allclose(scan.unit(result), formula(scan.unit(scan.images)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("factor", [0.5, 1.8])
def test_contrast_scales_distances_from_each_channels_mean(scan, factor):
    scan.images[:, 1] += 200
    u = scan.unit(scan.images)
    mean = u.mean(axis=tuple(range(2, u.ndim)), keepdims=True)
    result = perturb(scan.images, None, [Point.of("contrast", factor=factor)] * 3, scan.frames).images
    np.testing.assert_allclose(scan.unit(result), (u - mean) * factor + mean, rtol=1e-5, atol=2e-6)


def test_contrast_on_a_structure_is_about_the_mean_of_that_structure(scan):
    mask = scan.labels == 1
    result = perturb(
        scan.images, None, [Point.of("contrast", factor=0.5, on="rim")] * 3, scan.frames, regions={"rim": mask}
    )
    for before, after, inside in zip(scan.unit(scan.images), scan.unit(result.images), mask.numpy(), strict=True):
        for u, v in zip(before, after, strict=True):
            mean = u[inside].mean()
            np.testing.assert_allclose(v[inside], (u[inside] - mean) * 0.5 + mean, rtol=1e-5, atol=2e-6)


def test_each_channel_has_its_own_unit_scale():
    image = torch.tensor([[[[10.0, 20.0]], [[1000.0, 3000.0]]]])
    frame = Frame("two", np.array([10.0, 1000.0]), np.array([20.0, 3000.0]), (1.0, 1.0), ("?", "?"))
    result = perturb(image, None, [Point.of("brightness", shift=0.5)], [frame]).images
    assert result.tolist() == [[[[15.0, 25.0]], [[2000.0, 4000.0]]]]
