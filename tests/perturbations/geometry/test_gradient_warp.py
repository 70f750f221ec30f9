"""Gradient nonlinearity: the stated displacement at the edge, none at the centre, cubic between."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.point import Point

CPU = torch.device("cpu")


def motion(shape, spacing, displacement):
    frame = Frame("case", np.array([0.0]), np.array([1.0]), spacing, ("L", "P", "S")[: len(spacing)])
    image = torch.rand((1, 1, *shape), generator=torch.Generator().manual_seed(0))
    return perturb(image, None, [Point.of("gradient warp", displacement=displacement)], [frame]).movements[0]


@pytest.mark.parametrize(("shape", "spacing"), [((41, 31), (1.0, 1.2)), ((31, 21, 11), (1.0, 1.0, 3.0))])
def test_the_displacement_is_radial_and_grows_with_the_cube_of_the_distance(shape, spacing):
    source = np.stack(
        [p.expand(shape).numpy() for p in motion(shape, spacing, 2.5).motions[0].source(0, shape[0], CPU)]
    )
    step = np.reshape(spacing, (-1, *(1 for _ in shape)))
    middle = (np.reshape(shape, step.shape) - 1) / 2
    here, there = (np.indices(shape) - middle) * step, (source - middle) * step
    edge = max(np.multiply(shape, spacing)) / 2
    distance = np.sqrt((here**2).sum(0))
    moved = np.sqrt(((there - here) ** 2).sum(0))
    np.testing.assert_allclose(moved, 2.5 * (distance / edge) ** 3, atol=1e-9)
    np.testing.assert_allclose((there * here).sum(0), np.sqrt((there**2).sum(0)) * distance, atol=1e-6)


@pytest.mark.parametrize("displacement", [1.0, 5.0, 60.0])
def test_the_inverse_is_exact_however_strong(displacement):
    shape = (41, 31)
    movement = motion(shape, (1.0, 1.2), displacement)
    target = np.stack([p.expand(shape).numpy() for p in movement.motions[0].target(0, shape[0], CPU)])
    step, middle = np.reshape((1.0, 1.2), (2, 1, 1)), (np.reshape(shape, (2, 1, 1)) - 1) / 2
    there = (target - middle) * step
    edge = max(41, 31 * 1.2) / 2
    back = there * (1 + displacement * (there**2).sum(0) / edge**3)
    np.testing.assert_allclose(back, (np.indices(shape) - middle) * step, atol=1e-6)


def test_the_image_shrinks_and_all_of_it_stays_in_view():
    """But for single voxels at the edge, most of whose new neighbours come from outside."""
    movement = motion((41, 41), (1.0, 1.0), 4.0)
    assert not bool(movement.view[0, 20])
    assert bool(movement.view[4:-4, 4:-4].all())
    assert bool(movement.seen[1:-1, 1:-1].all())
    assert float(movement.seen.double().mean()) > 0.95
