"""Batch and instance norm of moments: torch's means, and variances against derivatives and sampling."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional

from pytest_segrobust.reference_networks.gaussian import Gaussian, certain
from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution
from pytest_segrobust.reference_networks.propagating_norm import PropagatingBatchNorm, PropagatingInstanceNorm

Check = Callable[[torch.Tensor, Gaussian], None]
SHAPES = [(2, 3, 6, 5), (2, 3, 4, 3, 5)]


def given(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Gaussian:
    generator = torch.Generator().manual_seed(0)
    mean = 2 + 3 * torch.randn(shape, generator=generator, dtype=dtype)
    return Gaussian(mean, torch.rand(shape, generator=generator, dtype=dtype))


def with_gain(norm: nn.Module) -> nn.Module:
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, 1.5, -2.0]))
        norm.bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
    return norm


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_has_torch_s_means_and_running_statistics(shape: tuple[int, ...]) -> None:
    ours = with_gain(PropagatingBatchNorm(3))
    theirs = with_gain(nn.BatchNorm2d(3) if len(shape) == 4 else nn.BatchNorm3d(3))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for _ in range(3):
        torch.testing.assert_close(ours(given(shape)).mean, theirs(given(shape).mean))
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    torch.testing.assert_close(ours.eval()(given(shape)).mean, theirs.eval()(given(shape).mean))


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_at_evaluation_is_sampled_batch_norm(shape: tuple[int, ...], assert_moments: Check) -> None:
    norm, activation = with_gain(PropagatingBatchNorm(3)), given(shape)
    norm(activation)
    norm.eval()
    generator = torch.Generator().manual_seed(1)
    samples = activation.mean + activation.variance.sqrt() * torch.randn(10_000, *shape, generator=generator)
    outputs = functional.batch_norm(
        samples.flatten(0, 1), norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False
    )
    assert_moments(outputs.unflatten(0, (10_000, shape[0])), norm(activation))


def first_order(norm: Callable[[torch.Tensor], torch.Tensor], activation: Gaussian) -> torch.Tensor:
    """Variances by the squares of all derivatives: exact to first order for independent activations."""
    jacobian = torch.autograd.functional.jacobian(norm, activation.mean)
    flat = jacobian.reshape(activation.mean.numel(), -1)
    return (flat.square() @ activation.variance.flatten()).reshape(activation.mean.shape)


@pytest.mark.parametrize("shape", [(1, 3, 16, 12), (1, 3, 6, 5, 6)])
@pytest.mark.parametrize("kind", ["instance", "batch"])
def test_own_statistics_as_constants_are_right_up_to_one_over_the_voxels(kind: str, shape: tuple[int, ...]) -> None:
    activation = given(shape, torch.float64)
    norm = with_gain(PropagatingInstanceNorm(3) if kind == "instance" else PropagatingBatchNorm(3)).double()
    result = norm(activation)

    def by_torch(values: torch.Tensor) -> torch.Tensor:
        return functional.instance_norm(values, weight=norm.weight.detach(), bias=norm.bias.detach())

    torch.testing.assert_close(result.mean, by_torch(activation.mean))  # one image: its batch is itself
    expected = first_order(by_torch, activation)
    space = list(range(2, len(shape)))
    voxels = activation.mean[0, 0].numel()
    spread, centre = torch.var_mean(activation.mean, space, correction=0, keepdim=True)
    z = ((activation.mean - centre) / spread.sqrt()).flatten(2)
    # the expansion in the module's docstring is all of it
    shared = ((1 + z[..., None] * z[..., None, :]).square() * activation.variance.flatten(2)[..., None, :]).sum(-1)
    full = activation.variance.flatten(2) * (1 - 2 * (1 + z.square()) / voxels) + shared / voxels**2
    gain = norm.weight.square().reshape(1, -1, 1) / spread.flatten(2)
    torch.testing.assert_close(expected.flatten(2), gain * full, rtol=1e-4, atol=0)
    # and what is left out of it is 2 (1 + z^2) / n of the variance at most, and little of their sum
    lost = (expected - result.variance).flatten(2).abs()
    assert (lost <= gain * (2 * (1 + z.square()) / voxels) * activation.variance.flatten(2).clamp_min(1)).all()
    assert (result.variance.sum() / expected.sum()).item() == pytest.approx(1, abs=3 / voxels)


@pytest.mark.parametrize("shape", [(1, 3, 12, 10), (1, 3, 5, 6, 5)])
def test_instance_norm_is_near_sampled_instance_norm_at_small_deviations(shape: tuple[int, ...]) -> None:
    """10 000 draws: what is left out is of the order of one over the voxels, 120 and 150, and of the variance's share of s^2."""
    norm, activation = with_gain(PropagatingInstanceNorm(3)), given(shape)
    activation = Gaussian(activation.mean, 0.01 * (0.2 + activation.variance))
    generator = torch.Generator().manual_seed(1)
    samples = activation.mean + activation.variance.sqrt() * torch.randn(10_000, *shape[1:], generator=generator)
    with torch.no_grad():
        outputs = functional.instance_norm(samples, weight=norm.weight, bias=norm.bias).double()
        result = norm(activation)
    assert (outputs.mean(0) - result.mean[0]).abs().max() < 0.005
    ratios = outputs.var(0) / result.variance[0]
    assert (ratios.mean() - 1).abs() < 0.03
    assert (ratios - 1).abs().max() < 0.25
    ranked = [each.flatten() for each in (outputs.var(0), result.variance[0])]
    assert spearmanr(*ranked).statistic > 0.97


def test_instance_norm_takes_back_the_noise_of_a_single_weight_which_propagation_keeps() -> None:
    """The stated limit: y = w x has no variance after a norm by its own statistics, and propagation says it has."""
    torch.manual_seed(0)
    image = torch.randn(1, 1, 8, 8)
    layer = PropagatingConvolution(2, 1, 1, 1)
    noisy = (layer.weight.abs() + 0.1) * (1 + 0.1 * torch.randn(1000, 1, 1, 1))
    outputs = functional.instance_norm(noisy * image, eps=1e-12)
    assert outputs.var(0).max() < 1e-6
    assert PropagatingInstanceNorm(1)(layer(certain(image))).variance.sum() > 0


def test_gradients_reach_the_gain_through_the_variance() -> None:
    for norm in (PropagatingBatchNorm(3), PropagatingInstanceNorm(3)):
        norm(given(SHAPES[0])).variance.sum().backward()
        assert norm.weight.grad.min() > 0
