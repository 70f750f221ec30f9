"""Softmax over the classes of Gaussian logits, to first order with independent logits.

p = softmax(m), J = diag(p) - p p^T and v'_c = sum_d J_cd^2 v_d, which is

    v'_c = p_c^2 [(sum_{d != c} p_d)^2 v_c + sum_{d != c} p_d^2 v_d]

written without differences: a sure network's 1 - p_c is 0 in float32 and its variance would be 0 or less.
"""

from __future__ import annotations

import torch

from pytest_segrobust.reference_networks.gaussian import Gaussian


def softmax(logits: Gaussian) -> Gaussian:
    """Probabilities (N, classes, *spatial), which sum to 1, and their variances."""
    probabilities = logits.mean.softmax(1)
    classes = probabilities.shape[1]
    others = 1 - torch.eye(classes, dtype=probabilities.dtype, device=probabilities.device)

    def of_others(values: torch.Tensor) -> torch.Tensor:
        return torch.einsum("cd,nd...->nc...", others, values)

    squares = probabilities.square()
    return Gaussian(
        probabilities,
        squares * (of_others(probabilities).square() * logits.variance + of_others(squares * logits.variance)),
    )
