r"""Batch and instance norm of Gaussian activations; the norm's statistics are those of the mean, taken as constants.

At evaluation batch norm is y = gamma (x - m_run) / s_run + beta, linear in x: v' = v (gamma / s_run)^2 is exact.

Where the statistics come from the activations themselves (instance norm always, batch norm in training), write
x = m + e with independent e_p of variance v_p over the n voxels p of one channel, z = (m - mean(m)) / s, and expand:

    y_p = gamma [z_p + (e_p - mean(e) - z_p mean(z e)) / s] + beta + O(e^2)
    v'_p = (gamma / s)^2 [v_p (1 - 2 (1 + z_p^2) / n) + sum_q v_q (1 + z_p z_q)^2 / n^2]

so that v' = v (gamma / s)^2 up to terms of order 1/n: for independent activations the statistics vary little, and they
are taken as constants. s^2 is the variance of the means alone, which leaves out mean(v): small where the noise is.

The noise of a kernel is no independent e_p: it moves and scales whole channels, and a norm with the image's own
statistics takes much of that back (all of it for a 1x1 kernel on one channel). There v' is an upper estimate.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from pytest_segrobust.reference_networks.gaussian import Gaussian
from pytest_segrobust.reference_networks.instance_norm import EPSILON, normalised


class PropagatingBatchNorm(nn.Module):
    """Batch norm with the names of torch's parameters and buffers; the running statistics are those of the means."""

    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor

    def __init__(self, channels: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, activation: Gaussian) -> Gaussian:
        """The same shape (N, C, *spatial)."""
        mean, variance = activation
        if self.training:
            self.num_batches_tracked += 1
        result = functional.batch_norm(
            mean, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, EPSILON
        )
        each = (1, -1, *(1,) * (mean.ndim - 2))
        spread = mean.var([0, *range(2, mean.ndim)], correction=0) if self.training else self.running_var
        return Gaussian(result, variance * (self.weight.square() / (spread + EPSILON)).reshape(each))


class PropagatingInstanceNorm(nn.Module):
    """Instance norm: each image's and channel's own mean and variance over space, in training and at evaluation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, activation: Gaussian) -> Gaussian:
        """The same shape (N, C, *spatial)."""
        mean, variance = activation
        result, gain = normalised(mean, self.weight, self.bias)
        return Gaussian(result, variance * gain.square())
