"""Spikes: what is added in k-space is one value of the size stated, at a place off the centre."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.mr.spikes import places, wave
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("intensity", [0.1, 2.0])
def test_the_difference_is_one_spike_of_the_stated_share_of_the_largest(scanned, done, intensity):
    image, frame = scanned
    spectrum = np.fft.fftn(image[0, 0].numpy())
    added = np.fft.fftn(done(image, frame, "spikes", intensity=intensity)[0] - image[0, 0].numpy())
    largest = np.abs(spectrum).max()
    spikes = np.argwhere(np.abs(added) > 1e-6 * largest)
    assert len(spikes) == 2
    shape = np.array(added.shape)
    assert np.array_equal((spikes[0] + spikes[1]) % shape, 0 * shape)  # k and -k: the real part halves a spike
    assert np.any(spikes[0] != 0)
    np.testing.assert_allclose(np.abs(added[tuple(spikes.T)]), intensity * largest / 2, rtol=1e-6)
    # So the image is the real part of the one whose k-space has the whole spike at one place, TorchIO's definition.
    spectrum[tuple(spikes[0])] += 2 * added[tuple(spikes[0])]
    np.testing.assert_allclose(
        np.fft.ifftn(spectrum).real, done(image, frame, "spikes", intensity=intensity)[0], atol=1e-5
    )


def test_stripes_have_the_amplitude_of_the_mean(framed, done):
    image = torch.full((1, 1, 128, 128), 400.0, dtype=torch.float64)
    change = done(image, framed((1, 1)), "spikes", intensity=0.2)[0] - 400.0
    assert change.std() == pytest.approx(0.2 * 400 / math.sqrt(2), rel=1e-6)
    assert np.abs(change).max() <= 80 + 1e-6


def test_more_spikes_keep_those_that_were_there(scanned, done):
    image, frame = scanned
    change = [
        np.fft.fftn(done(image, frame, "spikes", intensity=0.2, spikes=n)[0] - image[0, 0].numpy()) for n in (1, 2, 3)
    ]
    found = [{tuple(at) for at in np.argwhere(np.abs(each) > 1e-6 * np.abs(each).max())} for each in change]
    assert [len(each) for each in found] == [2, 4, 6]
    assert found[0] < found[1] < found[2]


def test_a_fraction_is_a_last_spike_of_that_share(scanned, done):
    image, frame = scanned
    one, some, two = (done(image, frame, "spikes", intensity=0.2, spikes=n) for n in (1, 1.3, 2))
    np.testing.assert_allclose(some, one + 0.3 * (two - one), atol=1e-9)


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 6), (2, 9)])
def test_every_place_of_half_a_k_space_is_drawn_once(shape):
    count = math.prod((n - 1) // 2 * 2 + 1 for n in shape) // 2
    found = places([i / (2 * count) for i in range(2 * count)], shape)
    assert len(found) == len(set(found)) == count
    assert not {tuple(-f for f in each) for each in found} & set(found)
    assert all(2 * abs(f) < n for each in found for f, n in zip(each, shape, strict=True))


def test_places_are_spread_evenly():
    first = [places([u], (9, 7))[0] for u in np.linspace(0, 1, 31, endpoint=False) + 0.5 / 31]
    assert len(set(first)) == 31


def test_a_wave_is_a_cosine():
    x, y = np.meshgrid(np.arange(30), np.arange(17), indexing="ij")
    found = wave((5, -8), 1.234, like=torch.zeros((1, 30, 17), dtype=torch.float64)).numpy()
    np.testing.assert_allclose(found, np.cos(2 * np.pi * (5 * x / 30 - 8 * y / 17) + 1.234), atol=1e-12)


@pytest.mark.parametrize("parameters", [{"intensity": 0, "spikes": 3}, {"intensity": 0.5, "spikes": 0}])
def test_no_intensity_or_no_spike_changes_no_bit_and_is_no_error(scanned, parameters):
    image, frame = scanned
    result = perturb(image, None, [Point.of("spikes", **parameters)], [frame])
    assert torch.equal(result.images, image)
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}]


def test_an_image_without_signal_has_no_spikes(framed):
    image = torch.zeros((1, 1, 20, 20))
    result = perturb(image, None, [Point.of("spikes", intensity=0.5)], [framed((1, 1))])
    assert torch.equal(result.images, image)
