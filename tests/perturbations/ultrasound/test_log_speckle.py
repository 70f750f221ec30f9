"""Speckle of a display: its law, its grains, its strength."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.point import Point
from pytest_segrobust.perturbations.ultrasound.log_speckle import FULL_WIDTH, correlated


@pytest.mark.parametrize("value", [0.09, 0.5, 1.3])
def test_its_deviation_is_sigma_times_the_root_of_the_intensity(echo, value):
    images, frames = echo((200, 200), value=value)
    noise = (perturb(images, None, [Point.of("log compressed speckle", sigma=0.2)], frames).images - images).flatten()
    assert stats.kstest(noise / (0.2 * math.sqrt(value)), "norm").pvalue > 0.001


def test_black_stays_black(scan, bits):
    dark = scan.images <= 100
    noisy = perturb(scan.images, None, [Point.of("log compressed speckle", sigma=0.3)] * 3, scan.frames).images
    assert torch.equal(bits(noisy)[dark], bits(scan.images)[dark])
    assert bool((noisy != scan.images)[~dark].float().mean() > 0.99)


def test_grains_are_a_gaussian_filter_of_white_noise_away_from_the_edges():
    field = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 40, 50, 30)))
    size = (6.0, 4.0, 0.0)
    sigmas = [wide / FULL_WIDTH for wide in size]
    found = correlated(field, size).numpy()
    for ours, white in zip(found, field.numpy(), strict=True):
        theirs = ndimage.gaussian_filter(white, sigmas, truncate=3.0)
        inner = (slice(8, -8), slice(8, -8), slice(None))
        ratio = (ours / theirs)[inner]
        assert np.allclose(ratio, ratio.flat[0], rtol=1e-9)


def test_grains_have_unit_variance_everywhere_and_the_width_stated():
    fields = torch.from_numpy(np.random.default_rng(1).standard_normal((4000, 24, 3)))
    grains = correlated(fields, (5.0, 2.0))
    deviation = grains.std(0)
    assert torch.allclose(deviation, torch.ones_like(deviation), atol=0.06)  # five standard errors, edges included
    correlation = np.corrcoef(grains[:, :, 1].numpy().T)
    assert np.interp(2.5, np.arange(8), correlation[12, 12:20]) == pytest.approx(0.5, abs=0.05)


def test_speckle_size_is_in_mm_along_every_axis(echo):
    images, frames = echo((160, 320), spacing=(0.5, 0.25))
    point = Point.of("log compressed speckle", sigma=0.1, speckle_size=2.0)
    noise = (perturb(images, None, [point], frames).images - images)[0, 0]
    for axis, lag in ((0, 2), (1, 4)):  # half of the width on either side
        size = noise.shape[axis] - lag
        pair = (noise.narrow(axis, 0, size).flatten(), noise.narrow(axis, lag, size).flatten())
        assert np.corrcoef(*pair)[0, 1] == pytest.approx(0.5, abs=0.06)
    assert float(noise.std()) == pytest.approx(0.1 * math.sqrt(0.5), rel=0.05)


def test_grains_below_a_voxel_are_white_noise(echo, bits):
    images, frames = echo((16, 16))
    points = [Point.of("log compressed speckle", sigma=0.1, speckle_size=s) for s in (0.0, 0.3)]
    points.append(Point.of("log compressed speckle", sigma=0.1))
    first, second, white = (perturb(images, None, [point], frames).images for point in points)
    assert torch.equal(bits(first), bits(white))
    assert torch.equal(bits(second), bits(white))


@pytest.mark.parametrize("snr", [20.0, 8.0])
def test_snr_is_measured_back_in_the_perturbed_region(volume, snr):
    region = {"core": volume.labels >= 1}
    for on in (None, "core"):
        point = Point.of("log compressed speckle", snr=snr, on=on)
        strengths = perturb(volume.images, None, [point] * 3, volume.frames, regions=region).strengths
        assert [strength["snr"] for strength in strengths] == pytest.approx([snr] * 3, abs=0.4 if on else 0.1)


def test_a_size_alone_changes_nothing(echo):
    images, frames = echo((16, 16))
    still = perturb(images, None, [Point.of("log compressed speckle", sigma=0.0, speckle_size=2.0)], frames)
    assert still.strengths == [{"snr": math.inf, "changed": 0.0}]
