"""Salt and pepper: how many voxels, which, and by what they are replaced."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations import impulse_noise
from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.point import Point
from pytest_segrobust.requirements.sentence import parse


@pytest.mark.parametrize("density", [0.01, 0.08, 0.5, 1.0])  # MedMNIST-C has 0.01-0.17
def test_density_is_the_share_of_voxels_replaced_by_both_ends_of_the_scale_alike(flat_image, density):
    image, frames = flat_image(50.0, high=200.0)
    noisy = perturb(image, None, [impulse_noise(density=density)], frames).images
    assert set(noisy.unique().tolist()) <= {0.0, 50.0, 200.0}
    for value in (0.0, 200.0):
        expected = density / 2
        spread = math.sqrt(expected * (1 - expected) / image.numel())
        assert float((noisy == value).double().mean()) == pytest.approx(expected, abs=4.5 * spread)


def test_a_voxel_is_replaced_in_all_channels_together(flat_image):
    image, frames = flat_image(0.5, shape=(2, 3, 32, 32))
    noisy = perturb(image, None, [impulse_noise(density=0.3)] * 2, frames).images
    assert torch.equal(noisy[:, 0], noisy[:, 1])
    assert torch.equal(noisy[:, 0], noisy[:, 2])
    assert not torch.equal(noisy[0], noisy[1])


def test_a_denser_noise_adds_to_a_thinner_one(volume):
    thin, dense = (
        perturb(volume.images, None, [impulse_noise(density=d)] * 3, volume.frames).images for d in (0.05, 0.2)
    )
    replaced = thin != volume.images
    assert torch.equal(thin[replaced], dense[replaced])
    assert int((dense != volume.images).sum()) > 3 * int(replaced.sum())


@pytest.mark.parametrize("snr", [20.0, 8.0])
def test_snr_is_measured_back_in_the_perturbed_region(volume, measured_snr, snr):
    region = {"core": volume.labels >= 1}
    for on in (None, "core"):
        point = Point.of("salt and pepper noise", snr=snr, on=on)
        for draw in range(2):
            found = perturb(volume.images, None, [point] * 3, volume.frames, regions=region, realisation=draw)
            after = volume.unit(found.images)
            for i, before in enumerate(volume.unit(volume.images)):
                mask = region["core"][i].numpy() if on else np.ones(before.shape[1:], bool)
                sampling = 8.686 * 3 / math.sqrt(found.strengths[i]["changed"] * mask.sum())
                assert measured_snr(before, after[i], mask) == pytest.approx(snr, abs=sampling)


def test_an_snr_that_no_replacement_reaches_says_which_is_the_lowest(flat_image):
    image, frames = flat_image(1.0, shape=(1, 1, 16, 16))  # every second voxel turns from 1 to 0: 3.01 dB
    with pytest.raises(
        PerturbationError, match=r"case flat-0: .* cannot have an SNR of 2 dB; .* it has 3\.01 dB, the low"
    ):
        perturb(image, None, [Point.of("salt and pepper noise", snr=2)], frames)
    found = perturb(image, None, [Point.of("salt and pepper noise", snr=3.1)], frames).strengths[0]["snr"]
    assert found == pytest.approx(3.1, abs=1.5)


def test_thin_noise_may_miss_an_image_and_thick_noise_may_not(flat_image):
    image, frames = flat_image(0.5, shape=(1, 1, 8, 8))
    assert perturb(image, None, [impulse_noise(density=1e-4)], frames).strengths[0]["changed"] == 0
    image, frames = flat_image(0.0, shape=(1, 1, 8, 8))
    with pytest.raises(PerturbationError, match=r"salt and pepper noise\(snr=10\) should have changed the image"):
        perturb(image, None, [Point.of("salt and pepper noise", snr=10)], frames)


def test_a_sentence_may_write_an_ampersand():
    [domain] = parse("DSC drop under salt & pepper noise with density <= 5 % is below 5 %").domains
    assert domain.perturbation == "salt and pepper noise"
