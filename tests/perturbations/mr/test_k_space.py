"""Filters in k-space against numpy's, and the axes that are encoded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.mr.k_space import (
    encoded,
    filtered,
    lines,
    of_the_real_part,
    phase_axis,
    through_plane,
    varies,
)


@pytest.mark.parametrize("shape", [(12,), (9, 8), (6, 7, 10), (1, 5, 4)])
def test_any_weights_of_k_space_and_the_real_part_are_a_filter_of_half_a_spectrum(shape):
    generator = np.random.default_rng(0)
    image, weights = generator.normal(size=(2, *shape)), generator.uniform(size=shape)
    axes = tuple(range(1, len(shape) + 1))
    expected = np.fft.ifftn(np.fft.fftn(image, axes=axes) * weights, axes=axes).real
    result = filtered(torch.from_numpy(image), of_the_real_part(weights), range(len(shape)))
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_filter_of_one_axis_leaves_the_others_alone(axis):
    image = np.random.default_rng(0).normal(size=(2, 6, 7, 8))
    weights = np.random.default_rng(1).uniform(size=image.shape[axis + 1])
    shape = [1] * 4
    shape[axis + 1] = -1
    expected = np.fft.ifft(np.fft.fft(image, axis=axis + 1) * weights.reshape(shape), axis=axis + 1).real
    result = filtered(torch.from_numpy(image), of_the_real_part(weights), (axis,))
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


def test_the_gradient_is_that_of_finite_differences():
    image = torch.rand((1, 5, 6), dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weights = of_the_real_part(np.random.default_rng(0).uniform(size=(5, 6)))
    assert torch.autograd.gradcheck(lambda x: filtered(x, weights, (0, 1)) ** 2, (image,))
    assert torch.autograd.gradgradcheck(lambda x: filtered(x, weights, (0, 1)) ** 2, (image,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_threads_and_the_place_in_memory_change_no_bit(dtype, bits_of_threads):
    # 64 cubed: torch's own transforms differ there between one thread and two.
    shape = (64, 64, 64)
    images = torch.rand((2, 1, *shape), generator=torch.Generator().manual_seed(0)).to(dtype)
    weights = of_the_real_part(np.random.default_rng(0).uniform(size=shape))
    one, two = bits_of_threads(lambda: filtered(images[1], weights, (0, 1, 2)))
    askew = torch.empty(images[1].numel() + 1, dtype=dtype)[1:].reshape(images[1].shape).copy_(images[1])
    assert one.dtype == dtype
    assert torch.equal(one, two)
    assert torch.equal(one, filtered(askew, weights, (0, 1, 2)))


def test_lines_are_numbered_from_the_centre():
    assert lines(5).tolist() == [0, 1, 2, -2, -1]
    assert lines(4).tolist() == [0, 1, -2, -1]


@pytest.mark.parametrize(
    ("shape", "spacing", "slice_axis", "phase"),
    [
        ((20, 30), (1, 1), 1, 0),
        ((30, 20), (1, 2), 1, 0),  # 30 mm and 40 mm
        ((20, 20), (1, 1), 1, 1),
        ((20, 30, 10), (1, 1, 5), 2, 0),
        ((10, 40, 30), (5, 1, 1), 0, 2),
        ((20, 20, 20), (1, 1, 1), 2, 1),
        ((1, 40, 30), (1, 1, 1), 2, 2),  # one slice, whatever its spacing
        ((1, 1), (1, 1), 1, None),
    ],
)
def test_slices_lie_across_the_largest_spacing_and_phase_is_encoded_along_their_shorter_side(
    framed, shape, spacing, slice_axis, phase
):
    image, frame = torch.rand(1, *shape), framed(spacing)
    assert through_plane(frame) == slice_axis
    assert phase_axis(image, frame) == encoded(image, frame, None) == phase
    assert encoded(image, frame, "rows") == 0
    assert encoded(image, frame, "anterior-posterior") == 1


def test_an_axis_that_is_not_there_is_an_error(framed):
    with pytest.raises(PerturbationError, match="has no axis 'slices'"):
        encoded(torch.rand(1, 5, 5), framed((1, 1)), "slices")


def test_an_image_that_is_the_same_all_along_an_axis_does_not_vary_there():
    image = torch.arange(5.0).reshape(1, 5, 1).expand(1, 5, 4)
    assert varies(image, 0)
    assert not varies(image, 1)
    assert not varies(image, None)
