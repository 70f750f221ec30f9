"""Mean-field weights: stochastic by themselves, right moments, the exact divergence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from pytest_segrobust.reference_networks.bayes_by_backprop import MeanFieldConvolution, MeanFieldUNet
from pytest_segrobust.reference_networks.gaussian import Gaussian
from pytest_segrobust.reference_networks.unet import UNet


def convolution(dimensions: int = 2, *, local: bool = True) -> MeanFieldConvolution:
    torch.manual_seed(0)
    made = MeanFieldConvolution(dimensions, 2, 3, 3, "last", local=local)
    torch.nn.init.uniform_(made.rho, -3, -1)
    return made


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("local", "training"), [(True, True), (False, True), (True, False)])
def test_outputs_have_the_moments_that_the_weights_give(
    local: bool, training: bool, dimensions: int, assert_moments: Callable[[torch.Tensor, Gaussian], None]
) -> None:
    layer = convolution(dimensions, local=local).train(training)
    image = torch.randn(1, 2, *(3,) * dimensions)
    convolve = functional.conv2d if dimensions == 2 else functional.conv3d
    expected = Gaussian(
        convolve(image, layer.weight, layer.bias, padding=1),
        convolve(image.square(), functional.softplus(layer.rho).square(), padding=1),
    )
    with torch.no_grad():
        assert_moments(torch.stack([layer(image) for _ in range(10_000)]), expected)


def test_a_drawn_kernel_is_shared_by_all_voxels_and_local_noise_is_not() -> None:
    image = torch.ones(1, 2, 6, 6)
    layer = convolution(local=True)
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    assert layer.train()(image)[inside].std((-1, -2)).min() > 0.1
    assert layer.eval()(image)[inside].std((-1, -2)).max() < 1e-5


@pytest.mark.parametrize("prior", [1.0, 0.1])
def test_the_divergence_is_the_one_of_torch(prior: float) -> None:
    network = MeanFieldUNet(2, filters=(2, 3))
    expected = sum(
        kl_divergence(Normal(module.weight, functional.softplus(module.rho)), Normal(0, prior)).sum()
        for module in network.modules()
        if isinstance(module, MeanFieldConvolution)
    )
    torch.testing.assert_close(network.divergence(prior), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_two_passes_differ_at_evaluation_and_a_seed_repeats_them(dimensions: int) -> None:
    network = MeanFieldUNet(dimensions, filters=(2, 3)).eval()
    image = torch.randn(1, 1, *(4,) * dimensions)
    torch.manual_seed(5)
    first, second = network(image), network(image)
    torch.manual_seed(5)
    assert not torch.equal(first, second)
    assert torch.equal(first, network(image))


def test_mean_weights_are_the_deterministic_network_s() -> None:
    network, plain = MeanFieldUNet(2, filters=(2, 3)).eval(), UNet(2, filters=(2, 3)).eval()
    plain.load_state_dict({n: value for n, value in network.state_dict().items() if not n.endswith(".rho")})
    image = torch.randn(1, 1, 4, 4)
    with network.mean_weights():
        assert torch.equal(network(image), plain(image))
    assert not torch.equal(network(image), plain(image))


@pytest.mark.parametrize("estimator", ["weights", "local"])
def test_gradients_reach_means_and_deviations(estimator: str) -> None:
    torch.manual_seed(0)
    network = MeanFieldUNet(2, filters=(2, 3), estimator=estimator)
    functional.cross_entropy(network(torch.randn(2, 1, 8, 8)), torch.ones(2, 8, 8, dtype=torch.long)).backward()
    for module in network.modules():
        if isinstance(module, MeanFieldConvolution):
            assert module.weight.grad.abs().max() > 0
            assert module.rho.grad.abs().max() > 0


def test_an_unknown_estimator_is_refused() -> None:
    with pytest.raises(ValueError, match="local"):
        MeanFieldUNet(2, estimator="flipout")
