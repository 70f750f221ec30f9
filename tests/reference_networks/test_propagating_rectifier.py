"""ReLU and max-pool to first order: exact away from the kink, and how wrong at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.distributions import Normal
from torch.nn import functional

from pytest_segrobust.reference_networks.gaussian import Gaussian
from pytest_segrobust.reference_networks.propagating_rectifier import (
    PropagatingConcatenation,
    PropagatingPooling,
    PropagatingRectifier,
)

DRAWS = 10_000
Check = Callable[[torch.Tensor, Gaussian], None]


def rectified(mean: torch.Tensor) -> Gaussian:
    """Exact moments of max(x, 0), x ~ N(mean, 1)."""
    normal = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    density, below = normal.log_prob(mean).exp(), normal.cdf(mean)
    first = mean * below + density
    return Gaussian(first, (mean.square() + 1) * below + mean * density - first.square())


def drawn(given: Gaussian) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return given.mean + given.variance.sqrt() * torch.randn(DRAWS, *given.mean.shape, generator=generator)


def test_relu_is_sampled_relu_four_deviations_from_zero(assert_moments: Check) -> None:
    mean = torch.tensor([-3.0, -1.0, 1.0, 2.0]).reshape(1, 1, 2, 2)
    given = Gaussian(mean, mean.square() / 16)
    result = PropagatingRectifier()(given)
    assert_moments(drawn(given)[:, :, :, 1].clamp_min(0), Gaussian(result.mean[:, :, 1], result.variance[:, :, 1]))
    assert result.mean[0, 0, 0].tolist() == result.variance[0, 0, 0].tolist() == [0, 0]


# the errors in standard deviations (variances) of what comes in, where the mean is so many of them from zero
@pytest.mark.parametrize(
    ("distance", "of_mean", "of_variance"),
    [(0.0, 0.399, 0.66), (1.0, 0.084, 0.25), (2.0, 0.0085, 0.04), (2.8, 0.0008, 0.006), (4.0, 8e-6, 2e-4)],
)
def test_relu_near_zero_is_wrong_by_as_much_as_stated(distance: float, of_mean: float, of_variance: float) -> None:
    mean = torch.tensor([distance, -distance], dtype=torch.float64).reshape(1, 1, 1, 2)
    given, exact = Gaussian(mean, torch.ones_like(mean)), rectified(mean)
    result = PropagatingRectifier()(given)
    error = exact.mean - result.mean
    assert (error >= 0).all()
    assert 0.8 * of_mean < error.max() <= of_mean
    assert (exact.variance - result.variance).abs().max() <= of_variance


@pytest.mark.parametrize("dimensions", [2, 3])
def test_max_pool_is_sampled_max_pool_where_one_voxel_stands_out(dimensions: int, assert_moments: Check) -> None:
    generator = torch.Generator().manual_seed(1)
    shape = (1, 2, *(4,) * dimensions)
    places = torch.randperm(2 * 4**dimensions, generator=generator).reshape(shape).float()
    given = Gaussian(places, 0.02 * (1 + torch.rand(shape, generator=generator)))  # the next is 5 deviations away
    samples = drawn(given)
    pool = functional.max_pool2d if dimensions == 2 else functional.max_pool3d
    assert_moments(pool(samples.flatten(0, 1), 2).unflatten(0, (DRAWS, 1)), PropagatingPooling(dimensions)(given))


def test_max_pool_takes_the_variance_from_the_largest_mean() -> None:
    given = Gaussian(torch.tensor([[[[1.0, 9.0], [3.0, 4.0]]]]), torch.tensor([[[[5.0, 6.0], [7.0, 8.0]]]]))
    result = PropagatingPooling(2)(given)
    assert (result.mean.item(), result.variance.item()) == (9, 6)


def test_max_pool_of_four_alike_is_one_deviation_too_low_and_twice_too_sure_of_spread() -> None:
    given = Gaussian(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    largest = drawn(given).amax((-1, -2))
    result = PropagatingPooling(2)(given)
    assert largest.mean() - result.mean.item() == pytest.approx(1.03, abs=0.03)
    assert result.variance.item() / largest.var() == pytest.approx(2.03, abs=0.1)


def test_concatenation_keeps_the_order_of_both() -> None:
    first = Gaussian(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    second = Gaussian(torch.full((1, 2, 2, 2), 2.0), torch.full((1, 2, 2, 2), 3.0))
    result = PropagatingConcatenation()(first, second)
    assert result.mean[0, :, 0, 0].tolist() == [0, 2, 2]
    assert result.variance[0, :, 0, 0].tolist() == [1, 3, 3]
