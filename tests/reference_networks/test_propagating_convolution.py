"""Random kernels on random activations: exact moments, and the divergence from the prior."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.func import vmap
from torch.nn import functional

from pytest_segrobust.reference_networks.dimensions import CONVOLVE
from pytest_segrobust.reference_networks.gaussian import Gaussian, certain
from pytest_segrobust.reference_networks.propagating_convolution import RHO, PropagatingConvolution

DRAWS = 10_000
Check = Callable[[torch.Tensor, Gaussian], None]


def convolution(dimensions: int, channels: int = 2, filters: int = 3, size: int = 3) -> PropagatingConvolution:
    torch.manual_seed(0)
    made = PropagatingConvolution(dimensions, channels, filters, size, "last")
    with torch.no_grad():
        made.rho.copy_(torch.linspace(-6, -3, filters))  # standard deviations of 0.05 to 0.22 beside means of 0.1
        made.bias.copy_(torch.linspace(-1, 1, filters))
    return made


def activation(dimensions: int, channels: int = 2, size: int = 4) -> Gaussian:
    generator = torch.Generator().manual_seed(1)
    shape = (1, channels, *(size,) * dimensions)
    return Gaussian(torch.randn(shape, generator=generator), torch.rand(shape, generator=generator))


def sampled(layer: PropagatingConvolution, given: Gaussian) -> torch.Tensor:
    """Outputs of as many draws of the kernels and of independent activations, by torch's own convolution."""
    generator = torch.Generator().manual_seed(2)
    deviation = functional.softplus(layer.rho).sqrt().reshape(-1, *(1,) * (layer.dimensions + 1))
    weights = layer.weight + deviation * torch.randn(DRAWS, *layer.weight.shape, generator=generator)
    inputs = given.mean + given.variance.sqrt() * torch.randn(DRAWS, *given.mean.shape, generator=generator)

    def convolve(image: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return CONVOLVE[layer.dimensions](image, weight, layer.bias, padding=layer.padding)

    with torch.no_grad():
        return vmap(convolve)(inputs, weights)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_moments_are_those_of_sampled_kernels_and_activations(dimensions: int, assert_moments: Check) -> None:
    layer, given = convolution(dimensions), activation(dimensions, size=3 if dimensions == 3 else 5)
    assert_moments(sampled(layer, given), layer(given))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_an_image_that_is_known_gives_the_kernels_variance_alone(dimensions: int, assert_moments: Check) -> None:
    layer, given = convolution(dimensions, size=1), certain(activation(dimensions).mean)
    assert_moments(sampled(layer, given), layer(given))
    squares = given.mean.square().sum(1, keepdim=True)
    expected = functional.softplus(layer.rho).reshape(1, -1, *(1,) * dimensions) * squares
    torch.testing.assert_close(layer(given).variance, expected)


def test_each_of_the_three_terms_of_the_variance_is_there() -> None:
    layer, given = convolution(2), activation(2)
    spread = layer.variance.reshape(-1, 1, 1, 1).expand_as(layer.weight)
    expected = (
        functional.conv2d(given.mean.square(), spread, padding=1)
        + functional.conv2d(given.variance, layer.weight.square(), padding=1)
        + functional.conv2d(given.variance, spread, padding=1)
    )
    torch.testing.assert_close(layer(given).variance, expected)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_divergence_is_the_one_of_torch(dimensions: int) -> None:
    layer = convolution(dimensions)
    deviation = layer.variance.sqrt().reshape(-1, *(1,) * (dimensions + 1)).expand_as(layer.weight)
    expected = kl_divergence(Normal(layer.weight, deviation), Normal(0, 1)).sum()
    torch.testing.assert_close(layer.divergence(), expected, rtol=1e-5, atol=0)


def test_the_scaled_divergence_counts_a_window_once_and_takes_the_mean_over_kernels() -> None:
    layer = convolution(2, channels=4, filters=2)
    first, second = layer.variance.tolist()
    spread = [variance - 1 - math.log(variance) for variance in (first, second)]
    expected = 0.5 * (9 * sum(spread) / 2 + layer.weight.square().sum().item())
    assert layer.scaled_divergence().item() == pytest.approx(expected, rel=1e-5)
    assert layer.scaled_divergence() < layer.divergence()


@pytest.mark.parametrize("role", ["hidden", "up", "last"])
def test_parameters_start_where_the_authors_start_them(role: str) -> None:
    torch.manual_seed(0)
    layer = PropagatingConvolution(2, 16, 400, 3, role)
    low, high = RHO[role]
    assert low <= layer.rho.min() < low + 0.1 * (high - low)
    assert high >= layer.rho.max() > high - 0.1 * (high - low)
    assert layer.weight.abs().max() <= 0.2
    assert layer.weight.mean().abs() < 0.002
    assert layer.weight.std().item() == pytest.approx(0.088, abs=0.001)  # 0.1, less what is cut off beyond 0.2


def test_gradients_reach_means_and_variances() -> None:
    layer = convolution(2)
    layer(activation(2)).variance.sum().backward()
    assert layer.weight.grad.abs().min() > 0
    assert layer.rho.grad.abs().min() > 0
