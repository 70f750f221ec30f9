"""Sums of weighted neighbours along one axis at a time: the same bits for every batch and number of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Taps = tuple[
    "torch.Tensor", "torch.Tensor"
]  # (taps, new length): which entries of an axis, and their weights in float64


def along(values: torch.Tensor, axis: int, taps: Taps) -> torch.Tensor:
    """New entries of an axis, each the weighted sum of some old ones."""
    index, weights = taps
    column = [-1 if other == axis else 1 for other in range(values.ndim)]
    terms = [
        values.index_select(axis, places) * weight.reshape(column)
        for places, weight in zip(index, weights.to(values.dtype), strict=True)
    ]
    total: torch.Tensor = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
