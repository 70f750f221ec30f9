"""Poisson noise counts photons: its law, its strength, and what holds none."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.noise.poisson_counts import counts
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("mean", [1e-3, 0.1, 1.0, 4.99, 5.0, 7.5, 10.0, 33.3, 100.0, 1e3])
def test_a_count_is_the_one_whose_distribution_function_reaches_the_number(mean):
    normal = np.random.default_rng(0).standard_normal(100_000, dtype=np.float32)
    found = counts(torch.full((100_000,), mean, dtype=torch.float64), torch.from_numpy(normal)).numpy()
    expected = stats.poisson.ppf(special.ndtr(normal.astype(float)), mean)
    assert (found == expected).mean() > 0.99999
    assert found.mean() == pytest.approx(mean, abs=4.5 * math.sqrt(mean / len(found)))
    assert found.var() == pytest.approx(mean, rel=4.5 * math.sqrt((2 + 1 / mean) / len(found)))


def test_counts_of_many_means_at_once_are_those_of_each_alone():
    generator = np.random.default_rng(1)
    mean = torch.from_numpy(10 ** generator.uniform(-3, 4, (3, 7, 1000)))
    mean[0, 0, :10] = 0
    normal = torch.from_numpy(generator.standard_normal((3, 7, 1000)))
    expected = stats.poisson.ppf(special.ndtr(normal.numpy()), mean.numpy())
    found = counts(mean, normal)
    assert np.array_equal(found.numpy(), np.maximum(expected, 0))  # scipy gives -1 for a mean of 0
    assert torch.equal(counts(mean[1, 2, 100:200], normal[1, 2, 100:200]), found[1, 2, 100:200])


@pytest.mark.parametrize("mean", [0.5, 4.99, 5.0, 5.5, 7.7, 11.0, 40.0, 1000.0])
def test_counts_are_exact_at_the_far_ends_of_the_normal_law_as_far_as_six_standard_deviations(mean):
    far = np.linspace(4, 6, 201)
    below = counts(torch.full((201,), mean, dtype=torch.float64), torch.from_numpy(-far)).numpy()
    above = counts(torch.full((201,), mean, dtype=torch.float64), torch.from_numpy(far)).numpy()
    assert np.array_equal(below, stats.poisson.ppf(special.ndtr(-far), mean))
    assert np.array_equal(above, stats.poisson.isf(special.ndtr(-far), mean))
    farther = torch.tensor([-9.0, 9.0], dtype=torch.float64)
    assert counts(torch.full((2,), mean, dtype=torch.float64), farther).tolist() == [below[-1], above[-1]]


@pytest.mark.parametrize("photons", [200, 50, 15])  # MedMNIST-C
@pytest.mark.parametrize("value", [0.03, 0.5, 1.2])
def test_photons_are_the_mean_count_where_the_unit_scale_is_one(flat_image, photons, value):
    image, frames = flat_image(1000 * value - 200, low=-200.0, high=800.0)
    noisy = perturb(image, None, [Point.of("poisson noise", photons=photons)], frames).images.double()
    found = (noisy.flatten().numpy() + 200) / 1000 * photons
    assert np.abs(found - found.round()).max() < 1e-3
    law = stats.poisson(photons * value)
    values = np.arange(law.ppf(0.001), law.ppf(0.999) + 1)
    shares = np.array([(found.round() == k).mean() for k in values])
    spread = np.sqrt(law.pmf(values) / len(found))
    assert (np.abs(shares - law.pmf(values)) < 5 * spread).all()


@pytest.mark.parametrize("snr", [25.0, 15.0, 3.0])
def test_snr_is_measured_back_in_the_perturbed_region(volume, measured_snr, snr):
    region = {"core": volume.labels == 2}
    for on in (None, "core"):
        point = Point.of("poisson noise", snr=snr, on=on)
        found = perturb(volume.images, None, [point] * 3, volume.frames, regions=region).images
        for before, after, core in zip(volume.unit(volume.images), volume.unit(found), region["core"], strict=True):
            mask = core.numpy() if on else np.ones(core.shape, bool)
            sampling = 0.1 if on is None else 8.686 * 4.5 / math.sqrt(mask.sum() * len(before))
            assert measured_snr(before, after, mask) == pytest.approx(snr, abs=sampling)


def test_what_is_at_or_below_the_scales_zero_holds_no_photons(scan, bits):
    noisy = perturb(scan.images, None, [Point.of("poisson noise", photons=20)] * 3, scan.frames).images
    dark = scan.images <= 100
    assert bool(dark.any())
    assert torch.equal(bits(noisy)[dark], bits(scan.images)[dark])
    assert float((noisy != scan.images)[~dark].double().mean()) > 0.99


def test_more_photons_change_the_noise_smoothly(volume):
    noises = [
        (perturb(volume.images, None, [Point.of("poisson noise", photons=p)] * 3, volume.frames).images - volume.images)
        for p in (1000, 1001, 2000)
    ]
    near, far = (np.corrcoef(noises[0].flatten(), other.flatten())[0, 1] for other in noises[1:])
    assert near > 0.99
    assert far > 0.98  # the same pattern, not another draw
    assert float(noises[2].std() / noises[0].std()) == pytest.approx(math.sqrt(0.5), rel=0.01)


def test_a_black_image_has_nothing_to_count_and_no_snr(flat_image):
    image, frames = flat_image(-0.5, shape=(1, 1, 8, 8))
    assert perturb(image, None, [Point.of("poisson noise", photons=10)], frames).strengths[0]["changed"] == 0
    with pytest.raises(PerturbationError, match=r"poisson noise\(snr=10\) should have changed the image"):
        perturb(image, None, [Point.of("poisson noise", snr=10)], frames)
    image[..., 0, 0] = 1  # one bright voxel is enough
    assert perturb(image, None, [Point.of("poisson noise", snr=10)], frames).strengths[0]["changed"] == 1 / 64
