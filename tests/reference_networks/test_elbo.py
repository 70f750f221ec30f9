"""The loss of SUPER-Net: term by term, and where it is smallest."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal
from torch.nn import functional

from pytest_segrobust.reference_networks.elbo import (
    divergence,
    elbo,
    expected_cross_entropy,
    expected_elbo,
    gaussian_loss,
)
from pytest_segrobust.reference_networks.gaussian import Gaussian
from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution
from pytest_segrobust.reference_networks.super_unet import SuperUNet
from pytest_segrobust.reference_networks.training import segmentation_loss


def test_the_likelihood_is_the_one_of_torch_without_its_constant() -> None:
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.randn(2, 3, 4, 5, generator=generator).softmax(1)
    variances = torch.rand(2, 3, 4, 5, generator=generator)
    labels = torch.randint(3, (2, 4, 5), generator=generator)
    total = 0.0
    for image in range(2):
        for row in range(4):
            for column in range(5):
                for label in range(3):
                    place = (image, label, row, column)
                    normal = Normal(probabilities[place], (variances[place] + 1e-3).sqrt())
                    truth = torch.tensor(float(labels[image, row, column] == label))
                    total -= (normal.log_prob(truth) + 0.5 * math.log(2 * math.pi)).item()
    assert gaussian_loss(probabilities, variances, labels).item() == pytest.approx(total / 40, rel=1e-5)


def test_the_best_variance_is_the_squared_error() -> None:
    probabilities = torch.tensor([0.7, 0.3]).reshape(1, 2, 1, 1)
    labels = torch.zeros(1, 1, 1, dtype=torch.long)
    variances = torch.full((1, 2, 1, 1), 0.3**2 - 1e-3, requires_grad=True)
    gaussian_loss(probabilities, variances, labels).backward()
    assert variances.grad.abs().max() < 1e-5
    for other in (0.05, 0.2):
        assert gaussian_loss(probabilities, torch.full_like(variances, other), labels) > gaussian_loss(
            probabilities, variances, labels
        )


def test_variances_out_of_all_bounds_do_not_make_the_loss_infinite() -> None:
    labels = torch.zeros(1, 1, 1, dtype=torch.long)
    probabilities = torch.full((1, 2, 1, 1), 0.5)
    for variance in (0.0, 1e30):
        assert gaussian_loss(probabilities, torch.full((1, 2, 1, 1), variance), labels).isfinite()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_expected_cross_entropy_is_that_of_draws_of_the_logits(dimensions: int) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, *(3,) * dimensions)
    logits = Gaussian(
        torch.randn(shape, generator=generator, dtype=torch.float64),
        0.1 * torch.rand(shape, generator=generator, dtype=torch.float64),
    )
    labels = torch.randint(3, (2, *(3,) * dimensions), generator=generator)
    noise = torch.randn(10_000, *shape, generator=generator, dtype=torch.float64)
    drawn = (logits.mean + logits.variance.sqrt() * noise).flatten(0, 1)
    sampled = functional.cross_entropy(drawn, labels.repeat(10_000, *(1,) * dimensions))
    expected = expected_cross_entropy(logits, labels)
    of_means = functional.cross_entropy(logits.mean, labels)
    assert sampled - of_means > 0.01
    assert (expected - of_means).item() == pytest.approx((sampled - of_means).item(), rel=0.05)


def test_the_expected_bound_is_the_segmentation_loss_where_there_is_no_noise() -> None:
    torch.manual_seed(0)
    network = SuperUNet(2, filters=(2, 3)).eval()
    for module in network.modules():
        if isinstance(module, PropagatingConvolution):
            torch.nn.init.constant_(module.rho, -40.0)
    images, labels = torch.randn(2, 1, 4, 4), torch.randint(3, (2, 4, 4))
    expected = segmentation_loss(network.deterministic(), images, labels)
    torch.testing.assert_close(expected_elbo(network, images, labels, beta=0.0), expected)
    with_it = expected_elbo(network, images, labels, beta=0.01)
    assert (with_it - expected).item() == pytest.approx(0.01 * divergence(network).item(), rel=1e-4)


def test_the_expected_bound_makes_noise_small_that_hurts_and_the_divergence_makes_it_large() -> None:
    torch.manual_seed(0)
    network = SuperUNet(2, filters=(2, 3))
    images, labels = torch.randn(2, 1, 8, 8), torch.randint(3, (2, 8, 8))
    expected_elbo(network, images, labels, beta=0.0).backward()
    assert (network.last.rho.grad > 0).all()
    network.zero_grad()
    expected_elbo(network, images, labels, beta=1.0).backward()
    assert (network.last.rho.grad < 0).all()


@pytest.mark.parametrize("form", ["exact", "scaled"])
def test_the_divergence_is_the_sum_over_all_kernels_and_is_weighed_by_beta(form: str) -> None:
    torch.manual_seed(0)
    network = SuperUNet(2, filters=(2, 3)).eval()
    kernels = [module for module in network.modules() if isinstance(module, PropagatingConvolution)]
    assert len(kernels) == 7
    expected = sum((k.divergence() if form == "exact" else k.scaled_divergence()).item() for k in kernels)
    assert divergence(network, form).item() == pytest.approx(expected, rel=1e-5)
    images, labels = torch.randn(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long)
    with_it = elbo(network, images, labels, beta=0.01, form=form)
    without = gaussian_loss(*network(images), labels)
    assert (with_it - without).item() == pytest.approx(0.01 * expected, rel=1e-4)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="exact"):
        divergence(SuperUNet(2, filters=(2,)), "scalled")
