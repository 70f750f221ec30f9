"""Which axis is the slice axis, and images that come back from their slices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.frame import Frame
from pytest_segrobust.perturbations.slices import axial_slices, thick_slices


def frame_of(spacing, axes):
    return Frame("case", np.array([0.0]), np.array([1.0]), spacing, axes)


@pytest.mark.parametrize(
    ("spacing", "axes", "thick", "axial"),
    [
        ((1.0, 1.0, 1.0), ("R", "A", "S"), 2, 2),
        ((5.0, 1.0, 1.0), ("?", "?", "?"), 0, 0),
        ((1.0, 1.0, 5.0), ("I", "A", "R"), 2, 0),
        ((1.0, 3.0, 3.0), ("R", "S", "A"), 2, 1),
        ((1.0, 2.0), ("R", "S"), None, None),
    ],
)
def test_slices_lie_across_the_largest_spacing_or_the_bodys_axis(spacing, axes, thick, axial):
    frame = frame_of(spacing, axes)
    assert thick_slices(frame).axis == thick
    assert axial_slices(frame).axis == axial


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_image_comes_back_from_its_slices_and_they_know_their_spacing(axis):
    spacing = tuple(9.0 if i == axis else 0.5 + i for i in range(3))
    stack = thick_slices(frame_of(spacing, ("?",) * 3))
    image = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    slices = stack.slices(image)
    assert slices.shape[1] == image.shape[axis + 1]
    assert torch.equal(slices[:, 1], image.select(axis + 1, 1))
    assert torch.equal(stack.image(slices), image)
    assert stack.spacing == tuple(d for i, d in enumerate(spacing) if i != axis)
