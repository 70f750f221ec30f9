"""Moment propagation through the whole network against sampling its own weights.

What is exact: every linear layer, given independent activations; the share of the last convolution's noise. What is not:
ReLU and max-pool near their kinks, and above all that voxels of a channel, and classes, share the noise of one kernel.

The tolerances below were measured on networks with random weights (8 seeds, weights' deviation 0.003 and 0.01 beside means
of 0.1) and rounded outwards. The sum of variances over that of sampling, and the rank correlation of the maps of the
predicted class's variance:

    levels, convolutions per level, norm     ratio: median, range     rank correlation: median, least
    1, 1, batch                              1.0, 0.8 to 1.5          0.94, 0.87
    2, 1, batch                              1.0, 0.8 to 1.5          0.90, 0.81
    3, 1, batch                              1.1, 0.7 to 2.7          0.91, 0.81
    2, 2, batch                              1.1, 0.2 to 2.7          0.8, 0.4
    2, 1, instance                           1.4, 1.1 to 2.6          0.9, 0.74
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from torch.func import functional_call, vmap

from pytest_segrobust.reference_networks.elbo import elbo
from pytest_segrobust.reference_networks.gaussian import Gaussian
from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution
from pytest_segrobust.reference_networks.propagating_norm import PropagatingBatchNorm
from pytest_segrobust.reference_networks.propagating_upsampling import PropagatingUpsampling
from pytest_segrobust.reference_networks.super_unet import SuperUNet
from pytest_segrobust.reference_networks.unet import UNet


def networks(dimensions: int, *, seed: int = 0, size: int = 8, **form: Any) -> tuple[SuperUNet, torch.Tensor]:
    """A SUPER-Net with running statistics of its own, and an image."""
    torch.manual_seed(seed)
    network = SuperUNet(dimensions, **form)
    shape = (1, *(size,) * dimensions)
    with torch.no_grad():
        for _ in range(30):
            network(torch.randn(4, *shape))
    return network.eval(), torch.randn(1, *shape)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("upsampling", ["nearest", "linear"])
def test_without_noise_it_is_the_deterministic_network(
    dimensions: int, norm: str, upsampling: str, set_deviation: Callable[..., None]
) -> None:
    network, image = networks(dimensions, filters=(2, 3, 4), norm=norm, upsampling=upsampling)
    set_deviation(network, 1e-7)
    probabilities, variances = network(image)
    torch.testing.assert_close(probabilities, network.deterministic()(image).softmax(1))
    assert 0 <= variances.min() <= variances.max() < 1e-8


@pytest.mark.parametrize("dimensions", [2, 3])
def test_probabilities_do_not_depend_on_the_noise_and_variances_grow_with_its_square(
    dimensions: int, set_deviation: Callable[..., None]
) -> None:
    network, image = networks(dimensions, filters=(2, 3))
    set_deviation(network, 1e-3)
    probabilities, variances = network(image)
    set_deviation(network, 2e-3)
    again, larger = network(image)
    assert torch.equal(probabilities, again)
    torch.testing.assert_close(larger, 4 * variances, rtol=1e-2, atol=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_noise_of_the_last_convolution_is_exact_to_first_order(
    dimensions: int, set_deviation: Callable[..., None]
) -> None:
    """Against the derivatives by all weights: sum over weights of sigma^2 (dp / dw)^2.

    Only near for all noise of a network of one level: classes share the hidden noise, which a diagonal covariance of the
    logits leaves out. The last convolution's kernels are independent of one another.
    """
    network, image = networks(dimensions, filters=(4,), convolutions=1, size=4)
    set_deviation(network, 1e-4)
    network, image = network.double(), image.double()
    plain = network.deterministic()
    state = network.mean_weights()
    names = [f"{name}.weight" for name, module in network.named_modules() if isinstance(module, PropagatingConvolution)]

    def probabilities(*weights: torch.Tensor) -> torch.Tensor:
        return functional_call(plain, state | dict(zip(names, weights, strict=True)), (image,)).softmax(1)

    with torch.no_grad():
        got, variances = network(image)
    jacobians = torch.autograd.functional.jacobian(probabilities, tuple(state[name] for name in names))
    torch.testing.assert_close(got, probabilities(*(state[name] for name in names)))
    of_all = sum(jacobian.flatten(got.ndim).square().sum(-1) for jacobian in jacobians) * 1e-8
    set_deviation(network.down, 1e-9)
    with torch.no_grad():
        _, of_last = network(image)
    torch.testing.assert_close(of_last, jacobians[-1].flatten(got.ndim).square().sum(-1) * 1e-8, rtol=1e-4, atol=0)
    assert 0.5 < (variances.sum() / of_all.sum()).item() < 2


@pytest.mark.parametrize("dimensions", [2, 3])
def test_every_linear_layer_within_the_network_is_sampled_with_independent_activations(
    dimensions: int, set_deviation: Callable[..., None], assert_moments: Callable[[torch.Tensor, Gaussian], None]
) -> None:
    network, image = networks(dimensions, filters=(2, 3), convolutions=1, size=4, upsampling="linear")
    set_deviation(network, 0.05)
    plain = network.deterministic()
    seen: list[tuple[str, Gaussian, Gaussian]] = []
    linear = (PropagatingConvolution, PropagatingBatchNorm, PropagatingUpsampling)
    for name, module in network.named_modules():
        if isinstance(module, linear):
            module.register_forward_hook(lambda _, given, result, name=name: seen.append((name, given[0], result)))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        network(image)
        assert len(seen) == 8  # four convolutions, three norms, one up-sampling
        for name, given, result in seen:
            inputs = given.mean + given.variance.sqrt() * torch.randn(10_000, *given.mean.shape, generator=generator)
            layer, twin = network.get_submodule(name), plain.get_submodule(name)
            if isinstance(layer, PropagatingConvolution):
                weights = layer.weight + 0.05 * torch.randn(10_000, *layer.weight.shape, generator=generator)
                run = vmap(lambda x, w, twin=twin: functional_call(twin, {"weight": w}, (x,)))
                assert_moments(run(inputs, weights), result)
            else:
                assert_moments(twin(inputs.flatten(0, 1)).unflatten(0, (10_000, 1)), result)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_the_whole_network_is_near_sampling_its_own_weights(
    dimensions: int,
    norm: str,
    set_deviation: Callable[..., None],
    sampled_probabilities: Callable[..., torch.Tensor],
) -> None:
    lowest, highest, least_rank = {"batch": (0.75, 1.55, 0.75), "instance": (1.05, 2.7, 0.65)}[norm]
    size = 8 if dimensions == 2 else 4
    found, correlations = [], []
    for seed in range(3):
        network, image = networks(dimensions, seed=seed, size=size, filters=(3, 5), convolutions=1, norm=norm)
        set_deviation(network, 0.003)
        with torch.no_grad():
            probabilities, variances = network(image)
        samples = sampled_probabilities(network, network.deterministic(), image).double()
        assert (samples.mean(0) - probabilities).abs().max() < 0.003
        sampled = samples.var(0)
        chosen = probabilities.argmax(1, keepdim=True)
        found.append((variances.sum() / sampled.sum()).item())
        ranked = [every.gather(1, chosen).flatten() for every in (variances, sampled)]
        correlations.append(spearmanr(*ranked).statistic)
    assert lowest < min(found) <= max(found) < highest
    assert min(correlations) > least_rank


def test_drawn_weights_are_those_of_the_kernels_and_a_generator_repeats_them(
    set_deviation: Callable[..., None],
) -> None:
    network, _ = networks(2, filters=(2, 3))
    set_deviation(network, 0.5)
    draws = [network.sampled_weights(torch.Generator().manual_seed(seed)) for seed in (*range(500), 0)]
    assert all(torch.equal(value, draws[-1][name]) for name, value in draws[0].items())
    plain = UNet(2, filters=(2, 3))
    plain.load_state_dict(draws[0])
    weights = torch.stack([draw["down.1.0.weight"] for draw in draws[:-1]])
    assert weights.std(0).mean().item() == pytest.approx(0.5, rel=0.02)
    torch.testing.assert_close(weights.mean(0), network.down[1][0].weight.detach(), rtol=0, atol=0.12)
    assert torch.equal(draws[0]["last.bias"], network.last.bias)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_gradients_of_the_loss_reach_every_parameter_and_the_image(dimensions: int, norm: str) -> None:
    torch.manual_seed(0)
    network = SuperUNet(dimensions, filters=(4, 6, 8), norm=norm)
    image = torch.randn(2, 1, *(8,) * dimensions, requires_grad=True)
    elbo(network, image, torch.randint(3, (2, *(8,) * dimensions)), beta=0.0).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name
    assert image.grad.abs().max() > 0


def test_means_of_another_form_are_refused() -> None:
    with pytest.raises(ValueError, match="another form"):
        SuperUNet(2, filters=(2, 3)).take_means(UNet(2, filters=(2, 3), convolutions=1))
