"""Speckle noise is a share of the intensity."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.point import Point


def test_the_noise_over_the_intensity_is_normal_with_sigma(scan):
    found = perturb(scan.images.double(), None, [Point.of("speckle noise", sigma=0.2)] * 3, scan.frames).images
    for before, after in zip(scan.unit(scan.images), scan.unit(found), strict=True):
        ratio = ((after - before) / before).ravel()
        assert ratio.std() == pytest.approx(0.2, rel=4 / math.sqrt(2 * ratio.size))
        assert stats.kstest(ratio / 0.2, "norm").pvalue > 0.001


def test_black_stays_black(scan, bits):
    scan.images[:, :, 3:9] = 100.0
    noisy = perturb(scan.images, None, [Point.of("speckle noise", sigma=0.5)] * 3, scan.frames).images
    assert torch.equal(bits(noisy)[:, :, 3:9], bits(scan.images)[:, :, 3:9])


@pytest.mark.parametrize("snr", [20.0, 6.0])
def test_snr_is_measured_back_in_the_perturbed_region(volume, measured_snr, snr):
    region = {"core": volume.labels == 2}
    for on in (None, "core"):
        point = Point.of("speckle noise", snr=snr, on=on)
        found = perturb(volume.images, None, [point] * 3, volume.frames, regions=region).images
        for before, after, core in zip(volume.unit(volume.images), volume.unit(found), region["core"], strict=True):
            mask = core.numpy() if on else np.ones(core.shape, bool)
            weights = before[:, mask] ** 2
            sampling = 8.686 * 4.5 * math.sqrt((weights**2).sum() / 2) / weights.sum()
            assert measured_snr(before, after, mask) == pytest.approx(snr, abs=sampling)


def test_an_snr_is_a_sigma_in_decibels(volume, bits):
    points = [Point.of("speckle noise", snr=20), Point.of("speckle noise", sigma=0.1)]
    a, b = (perturb(volume.images, None, [point] * 3, volume.frames).images for point in points)
    assert torch.equal(bits(a), bits(b))
