"""Sampling as the measure of moment propagation, and a toy problem on which every family can learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch.func import functional_call, vmap

from pytest_segrobust.reference_networks.gaussian import Gaussian
from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution
from pytest_segrobust.reference_networks.super_unet import SuperUNet
from pytest_segrobust.reference_networks.unet import UNet

DRAWS = 10_000


def _z_scores(samples: torch.Tensor, expected: Gaussian) -> tuple[torch.Tensor, torch.Tensor]:
    samples = samples.double()
    count, mean = len(samples), samples.mean(0)
    centred = (samples - mean).square()
    variance = centred.mean(0)
    of_mean = (variance / count).sqrt().clamp_min(1e-12)
    of_variance = ((centred.square().mean(0) - variance.square()).clamp_min(0) / count).sqrt().clamp_min(1e-12)
    return (mean - expected.mean) / of_mean, (variance - expected.variance) / of_variance


@pytest.fixture
def assert_moments() -> Callable[[torch.Tensor, Gaussian], None]:
    """Samples (draws, ...) have the means and variances (...), each within five standard errors."""

    def check(samples: torch.Tensor, expected: Gaussian) -> None:
        with torch.no_grad():
            of_mean, of_variance = _z_scores(samples, expected)
        assert of_mean.abs().max() < 5
        assert of_variance.abs().max() < 5

    return check


@pytest.fixture
def set_deviation() -> Callable[[torch.nn.Module, float], None]:
    """Give all random kernels of a network one standard deviation."""

    def set_all(network: torch.nn.Module, deviation: float) -> None:
        for module in network.modules():
            if isinstance(module, PropagatingConvolution):
                torch.nn.init.constant_(module.rho, math.log(math.expm1(deviation**2)))

    return set_all


@pytest.fixture
def sampled_probabilities() -> Callable[..., torch.Tensor]:
    """Probabilities (draws, N, classes, *spatial) of deterministic networks with kernels drawn from a SUPER-Net's."""

    def sample(network: SuperUNet, plain: UNet, images: torch.Tensor, draws: int = DRAWS) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        plain.eval()
        means = network.mean_weights()
        deviations = {
            f"{name}.weight": module.variance.sqrt().reshape(-1, *(1,) * (network.dimensions + 1))
            for name, module in network.named_modules()
            if isinstance(module, PropagatingConvolution)
        }

        def probabilities(state: dict[str, torch.Tensor]) -> torch.Tensor:
            return functional_call(plain, state, (images,)).softmax(1)

        results = []
        with torch.no_grad():
            for _ in range(draws // 500):
                states = {name: value.expand(500, *value.shape) for name, value in means.items()}
                for name, deviation in deviations.items():
                    noise = torch.randn(500, *means[name].shape, generator=generator).to(means[name])
                    states[name] = means[name] + deviation * noise
                results.append(vmap(probabilities)(states))
        return torch.cat(results)

    return sample


@pytest.fixture
def toy_batches() -> Callable[..., Iterator[tuple[torch.Tensor, torch.Tensor]]]:
    """A bright and a dark disc (ball) in noise, without end: images (4, 1, *spatial) and labels (4, *spatial)."""

    def batches(seed: int = 0, dimensions: int = 2, size: int = 16) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        axes = [torch.arange(size, dtype=torch.float32)] * dimensions
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
        while True:
            labels = torch.zeros(4, *(size,) * dimensions, dtype=torch.long)
            for label in labels:
                for structure in (1, 2):
                    centre = 3 + (size - 6) * torch.rand(dimensions, *(1,) * dimensions, generator=generator)
                    label[(grid - centre).square().sum(0) < 9] = structure
            noise = 0.3 * torch.randn(labels.shape, generator=generator)
            yield (torch.tensor([0.0, 1.0, -1.0])[labels] + noise)[:, None], labels

    return batches
