"""Rician noise is what a magnitude image has, as strong as it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("signal", [0.0, 0.05, 0.2, 1.0])
def test_rician_noise_follows_the_rice_distribution(signal, flat_image):
    sigma = 0.1
    image, frames = flat_image(signal)
    noisy = perturb(image, None, [Point.of("rician noise", sigma=sigma)], frames).images.flatten().double().numpy()
    rice = stats.rice(signal / sigma, scale=sigma)
    assert noisy.mean() == pytest.approx(rice.mean(), abs=4 * rice.std() / math.sqrt(noisy.size))
    assert noisy.std() == pytest.approx(rice.std(), rel=0.02)
    assert stats.kstest(noisy, rice.cdf).pvalue > 0.001


def test_rician_noise_in_air_has_the_mean_of_rayleigh(flat_image):
    image, frames = flat_image(0.0, high=400.0)
    noisy = perturb(image, None, [Point.of("rician noise", sigma=0.05)], frames).images
    sigma = 0.05 * 400
    assert float(noisy.min()) >= 0
    assert float(noisy.mean()) == pytest.approx(sigma * math.sqrt(math.pi / 2), rel=0.01)


def test_rician_noise_has_the_distribution_of_monai(flat_image):
    from monai.transforms import RandRicianNoise

    image, frames = flat_image(0.15)
    ours = perturb(image, None, [Point.of("rician noise", sigma=0.1)], frames).images.flatten().numpy()
    transform = RandRicianNoise(prob=1.0, mean=0.0, std=0.1, sample_std=False)
    transform.set_random_state(seed=0)
    theirs = np.asarray(transform(image[0])).ravel()
    assert stats.ks_2samp(ours, theirs).pvalue > 0.001


def test_rician_noise_counts_from_the_files_own_zero_not_from_the_unit_scale(flat_image):
    image, frames = flat_image(300.0, low=200.0, high=600.0)
    noisy = perturb(image, None, [Point.of("rician noise", sigma=0.1)], frames).images.flatten().double().numpy()
    rice = stats.rice(300 / 40, scale=40)
    assert noisy.mean() == pytest.approx(rice.mean(), abs=4 * rice.std() / math.sqrt(noisy.size))


def test_rician_noise_takes_the_lowest_value_for_no_signal_where_values_are_negative(flat_image):
    image, frames = flat_image(-2.0, low=-2.0, high=2.0, minimum=-3.0)
    noisy = (
        perturb(image, None, [Point.of("rician noise", sigma=0.05)], frames).images[..., 1:].flatten().double().numpy()
    )
    rice = stats.rice(1.0 / 0.2, scale=0.2)
    assert noisy.mean() + 3 == pytest.approx(rice.mean(), abs=4 * rice.std() / math.sqrt(noisy.size))
    assert noisy.min() >= -3


def test_rician_noise_vanishes_with_sigma(volume):
    tiny = perturb(volume.images, None, [Point.of("rician noise", sigma=1e-6)] * 3, volume.frames)
    assert float((tiny.images - volume.images).abs().max()) < 0.01


@pytest.mark.parametrize("snr", [30.0, 10.0])
def test_the_strength_recorded_is_that_of_the_noise_in_the_perturbed_region(scan, measured_snr, snr):
    region = {"core": scan.labels == 2}
    point = Point.of("rician noise", snr=snr, on="core")
    result = perturb(scan.images, None, [point] * 3, scan.frames, regions=region)
    for i, (before, after) in enumerate(zip(scan.unit(scan.images), scan.unit(result.images), strict=True)):
        expected = measured_snr(before, after, region["core"][i].numpy())
        assert result.strengths[i]["snr"] == pytest.approx(expected, abs=1e-3)
        assert expected > snr - 0.5  # the same noise as Gaussian, weaker in air


def test_relative_sigma_is_the_one_of_monai_and_rood_mri(flat_image):
    from monai.transforms import RandRicianNoise

    image, frames = flat_image(0.0, low=100.0, high=900.0)
    image += torch.rand(image.shape, generator=torch.Generator().manual_seed(0)) * 700 + 100
    ours = perturb(image, None, [Point.of("rician noise", relative_sigma=0.32)], frames)
    transform = RandRicianNoise(prob=1.0, mean=0.0, std=0.32, relative=True, sample_std=False)
    transform.set_random_state(seed=0)
    theirs = np.asarray(transform(image[0]))
    differences = [(x - image[0]).flatten().numpy() for x in (ours.images[0], torch.from_numpy(theirs))]
    assert stats.ks_2samp(*differences).pvalue > 0.001
    assert differences[0].std() == pytest.approx(differences[1].std(), rel=0.01)


def test_relative_sigma_is_that_of_each_whole_channel_whatever_is_perturbed(volume):
    volume.images[:, 1] *= 3
    region = {"core": volume.labels == 2}
    sigmas = volume.images.double().flatten(2).std(2, correction=0)
    for on in (None, "core"):
        point = Point.of("rician noise", relative_sigma=0.3, on=on)
        found = perturb(volume.images.double(), None, [point] * 3, volume.frames, regions=region).images
        for i in range(3):
            for channel in range(2):
                absolute = Point.of("rician noise", absolute_sigma=0.3 * float(sigmas[i, channel]), on=on)
                expected = perturb(volume.images.double(), None, [absolute] * 3, volume.frames, regions=region).images
                assert torch.allclose(found[i, channel], expected[i, channel], rtol=1e-6)


def test_absolute_sigma_in_air_is_the_sigma_of_rayleigh(flat_image):
    image, frames = flat_image(0.0, high=400.0)
    noisy = perturb(image, None, [Point.of("rician noise", absolute_sigma=20)], frames).images
    assert stats.kstest(noisy.flatten().double().numpy(), stats.rayleigh(scale=20).cdf).pvalue > 0.001


def test_a_constant_channel_has_no_deviation_to_be_relative_to(flat_image, bits):
    image, frames = flat_image(0.25, shape=(1, 2, 8, 8))
    image[:, 1, :4] = 1
    noisy = perturb(image, None, [Point.of("rician noise", relative_sigma=0.5)], frames).images
    assert torch.equal(bits(noisy[:, 0]), bits(image[:, 0]))
    assert bool((noisy[:, 1] != image[:, 1]).all())
