"""Poisson counts from normal numbers: the inverse of the distribution function, so that a count is smooth in its mean."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from ..elementwise import elementwise

if TYPE_CHECKING:
    import torch

FEW = 5.0  # mean counts: below it the probabilities are summed, which is exact, above it expanded around the normal law


def counts(mean: torch.Tensor, normal: torch.Tensor) -> torch.Tensor:
    """The count whose distribution function reaches Φ(`normal`), for each mean ≥ 0; float64, any shape, no gradient.

    Where the expansion is too close to a whole number to tell which side it is on, the distribution function decides;
    a number beyond six standard deviations, one in 500 million, counts as six.
    """
    import torch

    with torch.no_grad():
        return _counts(mean.double().reshape(-1), normal.double().reshape(-1).clamp(-6.0, 6.0)).reshape(mean.shape)


def _counts(mean: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    many = mean.clamp_min(FEW)
    place, doubt = _expanded(many, w)
    nearest = place.round()
    doubtful = ((place - nearest).abs_() < doubt).nonzero().squeeze(1)
    result = place.floor_()
    if len(doubtful):
        result[doubtful] = _decided(nearest[doubtful], many[doubtful], w[doubtful])
    few = (mean < FEW).nonzero().squeeze(1)
    if len(few):
        result[few] = _summed(mean[few], w[few])
    return result.clamp_min_(0.0)


def _expanded(mean: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where w falls between counts, to the order 1/λ, and an upper bound of the error: next term's 1/λ^1.5.

    In place where it can be: fresh memory costs more than the arithmetic.
    """
    root = mean.sqrt()
    inverse = 1 / root
    square = w * w
    # λ + √λ (w + (1/3 + w²/6) v - (w/36 + w³/72) v² + (-8/405 + 7w²/810 + w⁴/270) v³), v = 1/√λ
    place = (square / 270).add_(7 / 810).mul_(square).sub_(8 / 405).mul_(inverse)
    place.sub_((square / 72).add_(1 / 36).mul_(w)).mul_(inverse)
    place.add_((square / 6).add_(1 / 3)).add_(root.mul_(w)).add_(mean)
    doubt = square.mul_(square).mul_(w.abs()).mul_(0.02).add_(0.05).mul_(inverse).div_(mean)
    return place, doubt


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
    for n in itertools.count(1):
        chance -= probability  # what is left of it after the counts below n
        higher = chance > 0
        left = int(torch.count_nonzero(higher))
        if 2 * left < len(places):  # go on with the few that are left
            result[places] = passed
            keep = higher.nonzero().squeeze(1)
            places, passed, higher = places[keep], passed[keep], higher[keep]
            mean, chance, probability = mean[keep], chance[keep], probability[keep]
        if left == 0:
            break
        passed += higher
        probability.mul_(mean).div_(n)
    return result


def _chance(w: torch.Tensor) -> torch.Tensor:
    """Φ(w), exact in the lower tail too."""
    import torch

    return elementwise(torch.special.erfc, w * -math.sqrt(0.5)) * 0.5
