"""Softmax of moments against its derivatives and against sampling."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pytest_segrobust.reference_networks.gaussian import Gaussian
from pytest_segrobust.reference_networks.propagating_softmax import softmax


@pytest.mark.parametrize("shape", [(2, 4, 3, 2), (1, 3, 2, 2, 2), (1, 2, 5, 1)])
def test_variances_are_the_squared_derivatives_times_the_logits(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = Gaussian(torch.randn(shape, generator=generator) * 2, torch.rand(shape, generator=generator))
    result = softmax(logits)
    torch.testing.assert_close(result.mean, logits.mean.softmax(1))
    columns = logits.mean.movedim(1, -1).reshape(-1, shape[1])
    variances = logits.variance.movedim(1, -1).reshape(-1, shape[1])
    for mean, variance, got in zip(
        columns, variances, result.variance.movedim(1, -1).reshape(-1, shape[1]), strict=True
    ):
        jacobian = torch.autograd.functional.jacobian(lambda x: x.softmax(0), mean)
        torch.testing.assert_close(got, jacobian.square() @ variance)


def test_small_noise_of_logits_is_sampled_softmax(assert_moments: Callable[[torch.Tensor, Gaussian], None]) -> None:
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn(1, 3, 4, 4, generator=generator)
    logits = Gaussian(mean, 1e-4 * torch.rand(mean.shape, generator=generator))
    samples = logits.mean + logits.variance.sqrt() * torch.randn(10_000, *mean.shape, generator=generator)
    assert_moments(samples.softmax(2), softmax(logits))


def test_a_sure_network_keeps_a_positive_variance() -> None:
    logits = Gaussian(torch.tensor([30.0, 0.0, -5.0]).reshape(1, 3, 1, 1), torch.ones(1, 3, 1, 1))
    result = softmax(logits)
    assert result.mean[0, 0].item() == 1.0  # in float32
    assert (result.variance > 0).all()
