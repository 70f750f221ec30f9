"""Noise of fewer photons: as strong as it says, where physics has it, and that of counted photons."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.ct.attenuation import WATER
from pytest_segrobust.perturbations.ct.projection import scanner
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("noise", [1.0, 20.0])
def test_noise_in_hu_is_measured_back_exactly(change, cylinder, noise):
    assert math.sqrt((change(cylinder, "low dose", noise=noise) ** 2).mean()) == pytest.approx(noise, rel=1e-6)


def test_noise_in_hu_is_that_of_the_structure_it_is_confined_to(cylinder, frame):
    tumour = torch.zeros((1, 80, 80), dtype=torch.bool)
    tumour[:, 30:40, 35:50] = True
    image = torch.as_tensor(cylinder)[None, None]
    point = Point.of("low dose", noise=15.0, on="tumour")
    noisy = perturb(image, None, [point], [frame(2)], regions={"tumour": tumour}).images
    assert float(((noisy - image)[:, 0][tumour] ** 2).mean().sqrt()) == pytest.approx(15.0, rel=1e-6)


@pytest.mark.parametrize("dose", [0.9, 0.25, 0.01])
def test_a_share_of_the_dose_adds_the_variance_that_is_missing(change, cylinder, dose):
    added = change(cylinder, "low dose", dose=dose)[cylinder > -500]
    assert math.sqrt((added**2).mean()) == pytest.approx(12 * math.sqrt(1 / dose - 1), rel=1e-6)


def test_stronger_noise_is_the_same_noise_scaled(change, cylinder):
    weak, strong = (change(cylinder, "low dose", dose=dose) for dose in (0.5, 0.1))
    np.testing.assert_allclose(strong, 3 * weak, atol=1e-8)


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("photons", [1e4, 1e6])
def test_photons_give_the_noise_of_the_closed_form_in_air(change, frame, spacing, photons):
    """The variance of reconstructed white noise is the integral of the squared ramp: pi² / (12 views width³) per photon."""
    air = np.full((48, 48, 12), -1000.0)
    noise = change(air, "low dose", frame(3, spacing=spacing), photons=photons)[8:-8, 8:-8]
    expected = 1000 / WATER * math.pi / math.sqrt(12 * 1000 * spacing**3 * photons)
    assert noise.std() == pytest.approx(expected, rel=0.03)


def test_photons_give_the_noise_of_the_closed_form_in_the_middle_of_water(change, distances):
    diameter = 120.0
    water = np.where(distances((140, 140), (1.0, 1.0)) < diameter / 2, 0.0, -1000.0)
    middle = distances((140, 140), (1.0, 1.0)) < 12
    stack = np.repeat(water[..., None], 12, axis=2)
    noise = change(stack, "low dose", photons=1e5)[middle]
    expected = 1000 / WATER * math.pi * math.sqrt(math.exp(WATER * diameter) / (12 * 1000 * 1e5))
    # Rays beside the very middle are a little shorter.
    assert noise.std() == pytest.approx(expected, rel=0.05)


def test_the_noise_is_that_of_counted_photons_reconstructed(distances, frame):
    """The variance in space against Poisson counts, their logarithm and the back-projection of all of it."""
    shape, photons, draws = (40, 40), 500.0, 400
    slice_ = np.full(shape, -1000.0)
    slice_[distances(shape, (1.0, 1.0)) < 17] = 0.0
    for x in (-9.0, 9.0):
        slice_[distances(shape, (1.0, 1.0), (0.0, x)) < 4] = 5000.0
    device = scanner(shape, (1.0, 1.0), torch.float64, torch.device("cpu"))
    attenuation = torch.from_numpy((1 + slice_ / 1000).clip(0) * WATER)
    integrals = device.project(attenuation)
    generator = np.random.default_rng(0)

    def counted(views, p):
        expected = (photons * views.density * torch.exp(-p)).numpy()
        counts = np.maximum(generator.poisson(expected, size=(draws, *expected.shape)), 1)
        return torch.from_numpy(-np.log(counts / (photons * views.density.numpy()))) - p

    true = device.back_project(tuple(counted(v, p) for v, p in zip(device.views, integrals, strict=True)))
    true_deviation = (true * 1000 / WATER).std(0).numpy()

    stack = torch.from_numpy(np.repeat(slice_[..., None], draws, axis=2))[None, None]
    ours = perturb(stack, None, [Point.of("low dose", photons=photons)], [frame(3)]).images - stack
    our_deviation = ours[0, 0].std(-1).numpy()
    inside = distances(shape, (1.0, 1.0)) < 16
    ratio = our_deviation / true_deviation
    assert ratio[inside].mean() == pytest.approx(1, abs=0.05)
    # 400 draws leave 5 % of sampling error in a ratio; the rest is what the normal approximation gets wrong.
    assert ratio[inside].std() < 0.08
    assert np.corrcoef(our_deviation[inside], true_deviation[inside])[0, 1] > 0.8
    assert our_deviation[inside].max() > 1.5 * our_deviation[inside].min()


def test_noise_is_streaked_along_what_absorbs_most(change, distances):
    shape = (60, 60)
    slice_ = np.where(distances(shape, (1.0, 1.0)) < 28, 0.0, -1000.0)
    for x in (-16.0, 16.0):
        slice_[distances(shape, (1.0, 1.0), (0.0, x)) < 6] = 6000.0
    noise = change(np.repeat(slice_[..., None], 40, axis=2), "low dose", dose=0.1)
    between = noise[24:36, 25:35]
    along = (between[:, 1:] * between[:, :-1]).mean()
    across = (between[1:] * between[:-1]).mean()
    assert along > 0.3 * between.var()
    assert across < 0.0
    assert between.std() > 1.2 * noise[5:12, 25:35].std()


def test_the_spectrum_of_noise_rises_as_the_ramp_and_ends_at_a_pixel(change):
    noise = change(np.full((64, 64, 40), -1000.0), "low dose", noise=10.0)
    window = np.outer(np.hanning(64), np.hanning(64))[
        ..., None
    ]  # or the strong high frequencies leak into the low ones
    power = (abs(np.fft.fft2(noise * window, axes=(0, 1))) ** 2).mean(-1)
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64), indexing="ij"))
    slopes = np.array([(power / np.maximum(k, 1e-9))[abs(k - at) < 0.025].mean() for at in (0.08, 0.18, 0.28, 0.38)])
    np.testing.assert_allclose(slopes / slopes.mean(), 1, atol=0.06)
    assert power[k > 0.55].mean() < 0.05 * power[(k > 0.4) & (k < 0.5)].mean()


def test_starved_rays_stay_finite(done):
    block = np.full((64, 64), 20000.0)  # 0.4 per mm over 64 mm
    for parameters in ({"photons": 100.0}, {"dose": 0.005}, {"noise": 50.0}):
        assert bool(torch.isfinite(done(block, "low dose", **parameters).images).all())


def test_slices_are_cut_across_the_bodys_axis_wherever_it_is_stored(cylinder):
    stack = np.repeat(cylinder[..., None], 3, axis=2)
    last = Frame("body", np.array([0.0]), np.array([400.0]), (1.0, 1.0, 1.0), ("R", "A", "S"))
    first = replace(last, axes=("I", "R", "A"))
    point = [Point.of("low dose", dose=0.5)]
    a = perturb(torch.from_numpy(stack)[None, None], None, point, [last]).images[0, 0]
    b = perturb(torch.from_numpy(np.moveaxis(stack, 2, 0).copy())[None, None], None, point, [first]).images[0, 0]
    assert torch.allclose(a, b.movedim(0, 2), atol=1e-9)
    assert not torch.allclose(a[..., 0] - a[..., 0].mean(), a[..., 1] - a[..., 1].mean())


def test_a_share_of_the_dose_is_that_of_the_whole_image_where_nothing_is_denser_than_air(change):
    added = change(np.full((20, 20), -1000.0), "low dose", dose=0.5)
    assert math.sqrt((added**2).mean()) == pytest.approx(12, rel=1e-6)
