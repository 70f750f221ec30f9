"""Up-sampling of moments against the matrix that torch's interpolation is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from pytest_segrobust.reference_networks.gaussian import Gaussian
from pytest_segrobust.reference_networks.propagating_upsampling import PropagatingUpsampling

MODES: dict[tuple[str, int], dict[str, Any]] = {
    ("nearest", 2): {"mode": "nearest"},
    ("nearest", 3): {"mode": "nearest"},
    ("linear", 2): {"mode": "bilinear", "align_corners": False},
    ("linear", 3): {"mode": "trilinear", "align_corners": False},
}


@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (2, 3, 4)])
@pytest.mark.parametrize("upsampling", ["nearest", "linear"])
def test_variances_are_the_squares_of_torch_s_own_weights(shape: tuple[int, ...], upsampling: str) -> None:
    options = MODES[upsampling, len(shape)]
    generator = torch.Generator().manual_seed(0)
    given = Gaussian(torch.randn(2, 3, *shape, generator=generator), torch.rand(2, 3, *shape, generator=generator))
    result = PropagatingUpsampling(len(shape), upsampling)(given)
    torch.testing.assert_close(result.mean, functional.interpolate(given.mean, scale_factor=2, **options))
    size = given.mean[0, 0].numel()
    responses = functional.interpolate(torch.eye(size).reshape(size, 1, *shape), scale_factor=2, **options)
    expected = given.variance.flatten(2) @ responses.reshape(size, -1).square()
    torch.testing.assert_close(result.variance.flatten(2), expected)


def test_interpolation_makes_the_inside_surer_and_leaves_the_corner() -> None:
    given = Gaussian(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
    variance = PropagatingUpsampling(2, "linear")(given).variance[0, 0]
    assert variance[0, 0] == 1
    assert variance[3, 3].item() == pytest.approx(0.625**2)
