"""Projections against line integrals in closed form and scipy's rotated sums; what is back-projected comes back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from pytest_segrobust.perturbations.ct.projection import scanner

GEOMETRIES = [((40, 56), (1.0, 1.0)), ((61, 48), (0.8, 1.1)), ((33, 70), (1.5, 0.5)), ((24, 24), (2.0, 2.0))]


def built(shape, spacing):
    return scanner(shape, spacing, torch.float64, torch.device("cpu"))


def ray_offsets(views, centre):
    """The distance of each ray from a place, mm; the slice's axes are (along, across) as these views see them."""
    along, across = centre if views.number == 0 else centre[::-1]
    slopes = views.slopes.numpy()
    return views.offsets.numpy() - (across - slopes * along) / np.sqrt(1 + slopes**2)


@pytest.mark.parametrize(("shape", "spacing"), GEOMETRIES)
def test_line_integrals_of_a_gaussian_are_those_of_the_closed_form(distances, shape, spacing):
    width, centre = 2 * max(spacing), (1.7, -2.4)
    blob = np.exp(-(distances(shape, spacing, centre) ** 2) / (2 * width**2))
    device = built(shape, spacing)
    for views, sinogram in zip(device.views, device.project(torch.from_numpy(blob)), strict=True):
        expected = width * math.sqrt(2 * math.pi) * np.exp(-(ray_offsets(views, centre) ** 2) / (2 * width**2))
        np.testing.assert_allclose(sinogram.numpy(), expected, atol=2e-3 * expected.max())


@pytest.mark.parametrize(("shape", "spacing"), GEOMETRIES)
def test_line_integrals_of_a_disc_are_its_chords(distances, shape, spacing):
    radius, centre = 7.0, (2.0, -1.0)
    fine = tuple(16 * n for n in shape), tuple(d / 16 for d in spacing)
    disc = (distances(*fine, centre) < radius).reshape(shape[0], 16, shape[1], 16).mean((1, 3))
    device = built(shape, spacing)
    for views, sinogram in zip(device.views, device.project(torch.from_numpy(disc)), strict=True):
        offsets = ray_offsets(views, centre)
        chords = 2 * np.sqrt(np.maximum(radius**2 - offsets**2, 0))
        well_inside = np.abs(offsets) < radius - 2 * device.pitch
        assert abs(sinogram.numpy() - chords)[well_inside].mean() < 0.03 * 2 * radius
        # The integral over a view is the disc's area, whatever the view.
        areas = (sinogram * views.spacing[1] * views.cosines).sum(1).numpy()
        np.testing.assert_allclose(areas, math.pi * radius**2, rtol=5e-3)


def test_line_integrals_are_sums_over_scipys_rotated_image(distances):
    shape = (65, 65)  # odd, so that scipy turns about a pixel and its columns are our offsets
    generator = np.random.default_rng(0)
    image = ndimage.gaussian_filter(generator.random(shape), 2.0) * (distances(shape, (1.0, 1.0)) < 24)
    image = ndimage.gaussian_filter(image, 1.0)
    device = built(shape, (1.0, 1.0))
    for views, sinogram in zip(device.views, device.project(torch.from_numpy(image)), strict=True):
        for view in range(0, views.shape[0], 8):
            # Rays x = t + mY of the first half run along rows turned by atan(m); the second half sees the transpose.
            seen = image if views.number == 0 else image.T
            angle = math.degrees(math.atan(float(views.slopes[view])))
            turned = ndimage.rotate(seen, -angle, reshape=False, order=3)
            offsets = views.offsets[view].numpy()
            ours = np.interp(np.arange(65) - 32, offsets, sinogram[view].numpy())
            np.testing.assert_allclose(ours, turned.sum(0), atol=0.02 * turned.sum(0).max())


@pytest.mark.parametrize(("shape", "spacing"), GEOMETRIES)
def test_what_is_projected_and_back_projected_is_what_was_there(distances, shape, spacing):
    width = 1.5 * max(spacing)
    centres = [(3.0, -2.0), (-4.0, 5.0), (0.0, 0.0)]
    image = sum(
        weight * np.exp(-(distances(shape, spacing, centre) ** 2) / (2 * width**2))
        for weight, centre in zip((1.0, 0.5, -0.7), centres, strict=True)
    )
    device = built(shape, spacing)
    back = device.back_project(device.project(torch.from_numpy(image))).numpy()
    np.testing.assert_allclose(back, image, atol=0.01)


def test_slices_are_projected_one_by_one():
    device = built((20, 24), (1.0, 1.0))
    slices = torch.rand((2, 5, 20, 24), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    together = device.effect(slices, lambda _first, _views, sinogram: sinogram)
    alone = device.effect(slices[1:, 3:4], lambda _first, _views, sinogram: sinogram)
    assert torch.allclose(together[1:, 3:4], alone, atol=1e-12)


def test_groups_of_slices_are_counted_through(monkeypatch):
    from pytest_segrobust.perturbations.ct import projection

    slices = torch.rand((1, 5, 20, 24), generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def numbered(first, _views, sinogram):
        weights = torch.arange(first, first + sinogram.shape[1], dtype=torch.float64)
        return sinogram * weights.reshape(-1, 1, 1)

    whole = built((20, 24), (1.0, 1.0)).effect(slices, numbered)
    monkeypatch.setattr(projection, "BLOCK", 2500)
    projection.scanner.cache_clear()
    small = built((20, 24), (1.0, 1.0))
    projection.scanner.cache_clear()
    assert small.group == 2
    assert torch.allclose(small.effect(slices, numbered), whole, atol=1e-12)


def test_views_are_at_most_a_pixel_apart_at_the_edge_and_cover_half_a_turn():
    device = built((100, 80), (1.0, 1.0))
    angles = np.sort(
        np.concatenate(
            [
                np.degrees(np.arctan(device.views[0].slopes.numpy()))[:, 0],
                90 + np.degrees(np.arctan(device.views[1].slopes.numpy()))[:, 0],
            ]
        )
    )
    steps = np.radians(np.diff([*angles, angles[0] + 180]))
    assert steps.max() * 50 <= 1 + 1e-9
    assert steps.sum() == pytest.approx(math.pi)


def test_the_rays_together_see_all_photons():
    """A ray's density is its share of the photons of even views: their sum over half a turn is the same for every point."""
    device = built((30, 30), (1.0, 1.0))
    # Per mm of detector, the densities of all views add to 1000 views.
    total = sum(float((views.density / (views.spacing[1] * views.cosines)).sum()) for views in device.views)
    assert total == pytest.approx(1000, rel=1e-3)
