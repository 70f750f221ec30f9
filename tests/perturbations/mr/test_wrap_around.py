"""Wrap-around against copies of the image, voxel by voxel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.mr.wrap_around import shifted
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("folded", [1, 4, 10])
def test_what_lies_beyond_folds_in_from_the_other_side(framed, done, folded):
    image = torch.rand((1, 1, 30, 20), dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 500
    u = image[0, 0].numpy()
    expected = u.copy()
    expected[:, :folded] += u[:, 20 - folded :]
    expected[:, 20 - folded :] += u[:, :folded]
    result = done(image, framed((1, 1)), "wrap-around", share=folded / 20)
    np.testing.assert_allclose(result[0], expected, atol=1e-9)


def test_the_result_is_that_of_k_space_sampled_less_densely(framed, done):
    # What a scanner does: every second line of a finely sampled k-space gives half the field of view.
    image = torch.rand((1, 1, 30, 20), dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 500
    half = np.fft.ifft(np.fft.fft(image[0, 0].numpy(), axis=1)[:, ::2], axis=1).real
    result = done(image, framed((1, 1)), "wrap-around", share=0.5)
    np.testing.assert_allclose(result[0, :, :10], half, atol=1e-9)
    np.testing.assert_allclose(result[0, :, 10:], half, atol=1e-9)


@pytest.mark.parametrize("distance", [-19.3, -3.5, -1.0, 0.0, 2.25, 18.9, 19.5, 40.0])
def test_shifts_are_interpolated_linearly_with_nothing_outside(distance):
    line = np.random.default_rng(0).uniform(1, 2, 20)
    padded = np.concatenate([[0.0], line, [0.0]])
    expected = np.interp(np.arange(20) + distance, np.arange(-1, 21), padded)
    found = shifted(torch.from_numpy(line).reshape(1, 1, 20), 1, distance)
    np.testing.assert_allclose(found.numpy().ravel(), expected, atol=1e-12)


def test_the_phase_axis_is_the_shorter_side_unless_named(scanned, done):
    image, frame = scanned
    image = image + 50
    result = [done(image, frame, "wrap-around", share=0.2, axis=axis) for axis in ("rows", "columns")]
    default = done(image, frame, "wrap-around", share=0.2)
    assert [np.array_equal(default, each) for each in result] == [len(frame.spacing) == 3, len(frame.spacing) == 2]


def test_air_that_folds_in_changes_no_bit_and_is_no_error(framed):
    image = torch.zeros((1, 1, 40, 30))
    image[..., 10:20, 10:20] = 700.0
    result = perturb(image, None, [Point.of("wrap-around", share=0.2)], [framed((1, 1))])
    assert torch.equal(result.images, image)
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}]
    deeper = perturb(image, None, [Point.of("wrap-around", share=0.4)], [framed((1, 1))])
    assert deeper.strengths[0]["changed"] > 0
