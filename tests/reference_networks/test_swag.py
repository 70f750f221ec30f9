"""SWAG: moments of known walks through the weights, draws of the Gaussian, batch norm after a draw."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pytest_segrobust.reference_networks.swag import Swag, renew_statistics
from pytest_segrobust.reference_networks.unet import UNet


class Point(nn.Module):
    """A network that is nothing but weights."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(size))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + self.weights.sum()


def collected(snapshots: torch.Tensor, rank: int) -> Swag:
    point = Point(snapshots.shape[1])
    swag = Swag(point, rank)
    for weights in snapshots:
        point.weights.data = weights
        swag.collect(point)
    return swag


def test_descent_on_a_quadratic_has_its_known_mean_and_variance() -> None:
    """Gradient a (w - w*) + s noise, step r: an autoregression about w* with variance r s^2 / (a (2 - r a))."""
    generator = torch.Generator().manual_seed(0)
    curvature = torch.tensor([1.0, 2.0, 4.0]).repeat_interleave(200)
    target, noise, step = 3.0, 0.2, 0.2
    point = Point(600)
    swag = Swag(point, rank=20)
    nn.init.constant_(point.weights, target)
    for iteration in range(1050):
        gradient = curvature * (point.weights.data - target) + noise * torch.randn(600, generator=generator)
        point.weights.data = point.weights.data - step * gradient
        if iteration >= 50:
            swag.collect(point)
    expected = step * noise**2 / (curvature * (2 - step * curvature))
    assert swag.mean.mean().item() == pytest.approx(target, abs=1e-3)
    for which in range(3):
        part = slice(200 * which, 200 * (which + 1))
        assert (swag.variance[part].mean() / expected[part].mean()).item() == pytest.approx(1, abs=0.03)


def test_moments_are_those_of_all_snapshots_and_the_deviations_of_the_last() -> None:
    snapshots = torch.randn(25, 4, generator=torch.Generator().manual_seed(1)) * 1e-3 + torch.arange(4.0)
    swag = collected(snapshots, rank=10)
    torch.testing.assert_close(swag.mean, snapshots.mean(0))
    torch.testing.assert_close(swag.variance, snapshots.var(0), rtol=1e-3, atol=0)
    expected = snapshots[-10:] - snapshots.mean(0)
    torch.testing.assert_close(swag.deviations.sort(0).values, expected.sort(0).values, rtol=0, atol=1e-6)


def test_draws_have_half_the_diagonal_and_half_the_low_rank_covariance() -> None:
    generator = torch.Generator().manual_seed(2)
    mixing = torch.tensor([[1.0, 0.9, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.2]])
    snapshots = torch.randn(30, 3, generator=generator) @ mixing + 1
    swag = collected(snapshots, rank=30)
    draws = torch.stack([swag.sample(generator)["weights"] for _ in range(5000)])
    covariance = torch.cov(snapshots.T)  # all snapshots are among the last: D D^T / (K - 1) is their covariance
    expected = 0.5 * torch.diag(covariance.diagonal()) + 0.5 * covariance
    torch.testing.assert_close(torch.cov(draws.T), expected, rtol=0, atol=0.06)
    torch.testing.assert_close(draws.mean(0), snapshots.mean(0), rtol=0, atol=0.05)
    assert expected[0, 1] > 0.2  # and not within that tolerance of 0


def test_draws_repeat_with_a_generator_and_passes_with_a_seed() -> None:
    swag = collected(torch.randn(5, 3), rank=3)
    first, again = (swag.sample(torch.Generator().manual_seed(4))["weights"] for _ in range(2))
    assert torch.equal(first, again)
    image = torch.zeros(1)
    torch.manual_seed(3)
    one, two = swag.eval()(image), swag(image)
    torch.manual_seed(3)
    assert not torch.equal(one, two)
    assert torch.equal(one, swag(image))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_unet_s_gaussian_is_a_network_that_can_be_saved(dimensions: int) -> None:
    torch.manual_seed(0)
    network = UNet(dimensions, filters=(2, 3))
    swag = Swag(network, rank=3)
    for _ in range(4):
        for parameter in network.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        network(torch.randn(2, 1, *(4,) * dimensions))  # moves running statistics, which are the last snapshot's
        swag.collect(network)
    again = Swag(UNet(dimensions, filters=(2, 3)), rank=3)
    again.load_state_dict(swag.state_dict())
    image = torch.randn(1, 1, *(4,) * dimensions, requires_grad=True)
    for each in (swag, again):
        each.eval()
    torch.manual_seed(1)
    output = swag(image)
    torch.manual_seed(1)
    assert torch.equal(output, again(image))
    output.sum().backward()
    assert image.grad.abs().max() > 0
    plain = UNet(dimensions, filters=(2, 3))
    plain.load_state_dict(swag.mean_weights())
    assert torch.equal(plain.down[0][1].running_mean, network.down[0][1].running_mean)
    torch.testing.assert_close(plain.last.bias, swag.mean[-3:], rtol=0, atol=0)


def test_less_than_two_snapshots_are_no_gaussian() -> None:
    swag = collected(torch.zeros(1, 2), rank=2)
    with pytest.raises(ValueError, match="1 snapshots"):
        swag.sample()
    with pytest.raises(ValueError, match="rank"):
        Swag(Point(2), rank=1)


def test_renewed_statistics_are_those_of_the_batches_under_the_weights_now() -> None:
    torch.manual_seed(0)
    network = UNet(2, filters=(2, 3), dropout=0.5).eval()
    batches = [torch.randn(4, 1, 8, 8) for _ in range(3)]
    renew_statistics(network, batches)
    first = network.down[0][0]
    means = torch.stack([first(batch).mean((0, 2, 3)) for batch in batches]).mean(0)
    torch.testing.assert_close(network.down[0][1].running_mean, means)
    assert not any(module.training for module in network.modules())
    assert network.down[0][1].momentum == 0.1
