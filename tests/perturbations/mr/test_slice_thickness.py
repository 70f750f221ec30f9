"""Thick slices against averages of a finely sampled image, and what stays as it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.mr.slice_thickness import profiles, sliced
from pytest_segrobust.perturbations.point import Point

FINE = 200  # samples per voxel of the brute force


def by_brute_force(line, thickness):
    """One line of voxels in thick slices, by averages over a fine staircase."""
    size, middle = len(line), (len(line) - 1) // 2
    places = (np.arange(size * FINE) + 0.5) / FINE - 0.5
    stairs = np.repeat(line, FINE)
    centres, means = [], []
    for number in range(-size, size + 1):
        centre = middle + number * thickness
        inside = np.abs(places - centre) < thickness / 2
        if inside.any():
            centres.append(centre)
            means.append(stairs[inside].mean())
    return np.interp(np.arange(size), centres, means)


@pytest.mark.parametrize("thickness", [1.3, 2.0, 2.5, 3.0, 7.77, 40.0])
@pytest.mark.parametrize("size", [2, 11, 24])
def test_slices_are_averages_interpolated_linearly(size, thickness):
    line = np.random.default_rng(size).uniform(0, 900, size)
    found = sliced(torch.from_numpy(line).reshape(1, 1, size), 1, thickness).numpy().ravel()
    np.testing.assert_allclose(found, by_brute_force(line, thickness), atol=900 / FINE)


@pytest.mark.parametrize("thickness", [1.001, 1.5, 2.0, 3.0, 5.0, 6.4, 100.0])
@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_profiles_weigh_every_voxel_and_sum_to_one(size, thickness):
    first, weights = profiles(size, thickness)
    np.testing.assert_allclose(weights.sum(1), 1)
    covered = {int(v) for f, row in zip(first, weights, strict=True) for v, w in enumerate(row, f) if w > 1e-9}
    assert covered == set(range(size))


@pytest.mark.parametrize(("spacing", "axis"), [((1, 1, 3), 2), ((3, 1, 1), 0), ((2, 2, 2), 2), ((1, 2), 1)])
def test_slices_lie_across_the_largest_spacing_in_mm(head, framed, done, spacing, axis):
    image = head((14, 15, 16)[: len(spacing)])
    result = done(image, framed(spacing), "thick slices", thickness=7.0)
    voxels = 7.0 / spacing[axis]
    np.testing.assert_allclose(result, sliced(image[0], axis, voxels).numpy(), atol=1e-9)
    by_factor = done(image, framed(spacing), "thick slices", factor=voxels)
    np.testing.assert_allclose(by_factor, result, atol=1e-5)  # points keep nine digits
    assert not np.allclose(result, image[0].numpy(), atol=1.0)


def test_the_axis_may_be_named(head, framed, done):
    image, frame = head((14, 15, 16)), framed((1, 1, 3))
    for word, axis in (("anterior-posterior", 1), ("columns", 1), ("left-right", 0), ("slices", 2)):
        result = done(image, frame, "thick slices", thickness=6.0, axis=word)
        np.testing.assert_allclose(result, sliced(image[0], axis, 6.0 / frame.spacing[axis]).numpy(), atol=1e-9)
    with pytest.raises(PerturbationError, match="has no axis 'slices'"):
        done(head((14, 15)), framed((1, 1)), "thick slices", thickness=6.0, axis="slices")


@pytest.mark.parametrize("thickness", [0.5, 3.0])
def test_slices_that_are_not_thicker_change_no_bit_and_are_no_error(head, framed, thickness):
    image = head((14, 15, 16)).float()
    result = perturb(image, None, [Point.of("thick slices", thickness=thickness)], [framed((1, 1, 3))])
    assert torch.equal(result.images, image)
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}]


def test_slightly_thicker_slices_change_the_image_slightly():
    line = torch.rand((1, 1, 31), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    changes = [float((sliced(line, 1, 1 + excess) - line).abs().max()) for excess in (1e-4, 1e-3, 1e-2)]
    assert changes == sorted(changes)
    assert changes[0] < 2e-3


def test_a_linear_ramp_stays_between_the_outermost_slices():
    ramp = torch.arange(21, dtype=torch.float64).reshape(1, 1, 21)
    result = sliced(ramp, 1, 4.0).ravel()
    assert torch.allclose(result[2:19], ramp.ravel()[2:19])


def test_one_slice_alone_is_no_error(framed):
    image = torch.rand((1, 1, 20, 20, 1), generator=torch.Generator().manual_seed(0))
    result = perturb(image, None, [Point.of("thick slices", thickness=9)], [framed((1, 1, 5))])
    assert torch.equal(result.images, image)
