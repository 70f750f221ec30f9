"""Ghosts against k-space lines scaled one by one, and against copies of the image where the lines divide it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.mr.ghosting import every
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize(("intensity", "ghosts"), [(0.5, 4), (1.0, 3), (2.5, 11), (0.3, 2)])
def test_every_nth_line_from_the_centre_is_scaled(scanned, done, intensity, ghosts):
    image, frame = scanned
    axis = 1 if len(frame.spacing) == 2 else 0
    size = image.shape[axis + 2]
    spectrum = np.fft.fftshift(np.fft.fftn(image[0, 0].numpy()), axes=axis)
    for place in range(size):
        line = place - size // 2
        if line % ghosts == 0 and abs(line) > 0.01 * size:
            spectrum[(slice(None),) * axis + (place,)] *= 1 - intensity
    expected = np.fft.ifftn(np.fft.ifftshift(spectrum, axes=axis))
    result = done(image, frame, "ghosting", intensity=intensity, ghosts=ghosts)
    np.testing.assert_allclose(result[0], expected.real, atol=1e-6)
    assert np.abs(expected.imag).max() < 1e-9  # both of k and -k are scaled: nothing is lost to the real part


def test_ghosts_are_fainter_copies_at_equal_distances(framed, done):
    image = torch.zeros((1, 1, 60, 48), dtype=torch.float64)
    image[0, 0, 20:30, 20:26] = 800.0
    change = done(image, framed((1, 1)), "ghosting", intensity=0.6, ghosts=4)[0] - image[0, 0].numpy()
    copies = sum(np.roll(image[0, 0].numpy(), 12 * j, axis=1) for j in range(4)) / 4
    mean = image[0, 0].numpy().mean(1, keepdims=True)  # the centre, which is not changed
    np.testing.assert_allclose(change, -0.6 * (copies - mean), atol=1e-9)


def test_the_centre_keeps_brightness_and_place(scanned, done):
    image, frame = scanned
    result = done(image, frame, "ghosting", intensity=1.0)
    assert result.mean() == pytest.approx(float(image.mean()), rel=1e-9)


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [
        (4, 16, [4, 8]),
        (4, 15, [4]),
        (2.5, 16, [3, 5, 8]),
        (2, 300, list(range(4, 151, 2))),  # 2 % of 300 lines are the central seven
        (100, 16, None),
        (math.inf, 16, None),
    ],
)
def test_lines_are_the_nearest_to_multiples(count, size, expected):
    comb = every(count, size)
    assert (comb if comb is None else np.flatnonzero(comb).tolist()) == expected


def test_a_sentence_that_does_not_say_how_many_means_four(scanned, done):
    image, frame = scanned
    assert np.array_equal(
        done(image, frame, "ghosting", intensity=0.4), done(image, frame, "ghosting", intensity=0.4, ghosts=4)
    )


def test_the_axis_may_be_named(scanned, done):
    image, frame = scanned
    result = [done(image, frame, "ghosting", intensity=0.4, ghosts=4, axis=axis) for axis in ("rows", "columns")]
    default = done(image, frame, "ghosting", intensity=0.4)
    assert [np.array_equal(default, each) for each in result] == [len(frame.spacing) == 3, len(frame.spacing) == 2]


@pytest.mark.parametrize(
    "parameters",
    [{"intensity": 0, "ghosts": 4}, {"intensity": 0.5, "ghosts": math.inf}, {"intensity": 0.5, "ghosts": 40}],
)
def test_what_cannot_change_anything_changes_no_bit_and_is_no_error(scanned, parameters):
    image, frame = scanned
    result = perturb(image, None, [Point.of("ghosting", **parameters)], [frame])
    assert torch.equal(result.images, image)
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}]


def test_an_image_that_is_the_same_all_along_the_axis_has_no_ghosts(framed):
    image = torch.linspace(0, 900, 40, dtype=torch.float64).reshape(1, 1, 40, 1).expand(1, 1, 40, 32).contiguous()
    result = perturb(image, None, [Point.of("ghosting", intensity=0.5)], [framed((1, 1))])
    assert torch.allclose(result.images, image)
