"""The loss of SUPER-Net: term by term, and where it is smallest."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal

from pytest_segrobust.reference_networks.elbo import divergence, elbo, gaussian_loss
from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution
from pytest_segrobust.reference_networks.super_unet import SuperUNet


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
