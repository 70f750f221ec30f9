"""Poisson counts from normal numbers: the inverse of the distribution function, so that a count is smooth in its mean."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from ..elementwise import elementwise

if TYPE_CHECKING:
    import torch

FEW = 5.0  # mean counts: below it the probabilities are summed, which is exact, above it expanded around the normal law
BLOCK = 16384  # voxels at a time on a CPU, which stay in its cache


def counts(mean: torch.Tensor, normal: torch.Tensor) -> torch.Tensor:
    """The count whose distribution function reaches Φ(`normal`), for each mean ≥ 0; float64, any shape, no gradient.

    Where the expansion is too close to a whole number to tell which side it is on, the distribution function decides;
    a number beyond six standard deviations, one in 500 million, counts as six.
    """
    import torch

    with torch.no_grad():
        size = BLOCK if mean.device.type == "cpu" else mean.numel()
        blocks = zip(torch.split(mean.reshape(-1), size), torch.split(normal.reshape(-1), size), strict=True)
        return torch.cat([_counts(m.double(), w.double().clamp(-6.0, 6.0)) for m, w in blocks]).reshape(mean.shape)


def _counts(mean: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    many = mean.clamp_min(FEW)
    place, doubt = _expanded(many, w)
    result = place.floor()
    nearest = place.round()
    doubtful = ((place - nearest).abs() < doubt).nonzero().squeeze(1)
    if len(doubtful):
        result[doubtful] = _decided(nearest[doubtful], many[doubtful], w[doubtful])
    few = (mean < FEW).nonzero().squeeze(1)
    if len(few):
        result[few] = _summed(mean[few], w[few])
    return result.clamp_min_(0.0)


def _expanded(mean: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where w falls between counts, to the order 1/λ, and an upper bound of the error: next term's 1/λ^1.5."""
    root = mean.sqrt()
    square = w * w
    place = mean + root * w + (1 / 3 + square / 6) - w * (1 / 36 + square / 72) / root
    place += (-8 / 405 + square * (7 / 810 + square / 270)) / mean
    return place, (0.05 + 0.02 * square * square * w.abs()) / (mean * root)


def _decided(nearest: torch.Tensor, mean: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """`nearest` or the count before it: P(N < n) is the regularised upper incomplete gamma function Q(n, λ)."""
    import torch

    n = nearest.clamp_min(1.0)
    below = torch.special.gammaincc(n, mean)
    return torch.where(_chance(w) > below, n, n - 1)


def _summed(mean: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    import torch

    result, passed = torch.zeros_like(mean), torch.zeros_like(mean)
    places = torch.arange(len(mean), device=mean.device)
    chance = _chance(w)
    probability = elementwise(torch.exp, -mean)
    below = probability
    for n in itertools.count(1):
        higher = chance > below
        left = int(torch.count_nonzero(higher))
        if 2 * left < len(places):  # go on with the few that are left
            result[places] = passed
            keep = higher.nonzero().squeeze(1)
            places, passed, higher = places[keep], passed[keep], higher[keep]
            mean, chance, probability, below = (x[keep] for x in (mean, chance, probability, below))
        if left == 0:
            break
        passed = passed + higher
        probability = probability * mean / n
        below = below + probability
    return result


def _chance(w: torch.Tensor) -> torch.Tensor:
    """Φ(w), exact in the lower tail too."""
    import torch

    return elementwise(torch.special.erfc, w * -math.sqrt(0.5)) * 0.5
