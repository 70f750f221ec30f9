"""The mean of passes that come one by one, and the map of how they differ; memory does not grow with their number.

The same maps as `metrics.uncertainty.maps`, of a batch and on the device. Entropies are in nats. A sigmoid network has a
map for each structure, of its own two classes 1 - p and p; channels that exclude each other have one map together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from pytest_segrobust.requirements.uncertainty_settings import Map

SPREADS = ("variance", "summed_variance")
SPLITS = ("expected_entropy", "mutual_information")
ROUNDING = 32 * torch.finfo(torch.float32).eps
"""Probabilities and entropies that differ by less, 4e-6, are equal: a network's own sums round as much when an image is mirrored.

Variances between passes below its square, 1.5e-11, and mutual information below it (a difference of entropies) are 0.
"""


class RunningMoments:
    """Passes of a batch, each (N, channels, *spatial) of probabilities.

    `structures` are the channels of each structure of a sigmoid network, None where channels exclude each other.
    `shown` is the one map that is wanted, None for the mean alone.
    """

    def __init__(self, shown: Map | None, structures: list[tuple[int, ...]] | None = None) -> None:
        self.passes = 0
        self._shown = shown
        self._structures = structures
        self._total = torch.zeros(0)
        self._centre = torch.zeros(0)  # Welford's (1962) mean: nearly equal passes lose no digits, equal ones give 0
        self._squares = torch.zeros(0)
        self._within = torch.zeros(0)
        self._entropy = torch.zeros(0)

    def add(
        self,
        probabilities: torch.Tensor,
        variances: torch.Tensor | None = None,
        expected_entropy: torch.Tensor | None = None,
    ) -> None:
        """One more pass; `variances` (N, classes, *spatial) and `expected_entropy` (N, 1, *spatial) it has by itself."""
        first = self.passes == 0
        self.passes += 1
        # a sum beside the running mean, so that the mean has the same bits with and without a map
        self._total = probabilities if first else self._added(self._total, probabilities)
        if self._shown in SPREADS or (self._shown is not None and self._structures is not None):
            self._spread(self._heads(probabilities), first=first)
        if self._shown in SPREADS and variances is not None:
            self._within = variances if first else self._added(self._within, variances)
        if self._shown in SPLITS:
            one = self._entropy_of(self._heads(probabilities)) if expected_entropy is None else expected_entropy
            self._entropy = one if first else self._added(self._entropy, one)

    def _added(self, total: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
        """The sum; in place from the third on, for the first may be the network's own."""
        return total + one if self.passes == 2 else total.add_(one)

    def _spread(self, heads: torch.Tensor, *, first: bool) -> None:
        if first:
            self._centre, self._squares = heads.clone(), torch.zeros_like(heads)
            return
        away = heads - self._centre
        self._centre.add_(away, alpha=1 / self.passes)
        self._squares.addcmul_(away, heads.sub(self._centre))

    @property
    def mean(self) -> torch.Tensor:
        """The mean probabilities so far, (N, channels, *spatial)."""
        return self._total if self.passes == 1 else self._total / self.passes

    def map(self) -> torch.Tensor:
        """The map, (N, 1, *spatial), or (N, structures, *spatial) of a sigmoid network."""
        shown = self._shown
        if shown is None:
            raise ValueError("no map was asked for")
        sigmoid = self._structures is not None
        heads = (self._centre if sigmoid else self.mean).clamp(0, 1)
        if shown in SPREADS:
            variances = _beyond(self._squares / self.passes, ROUNDING**2)
            if len(self._within):
                variances += self._within / self.passes
            if sigmoid:
                return variances if shown == "variance" else 2 * variances
            return variances.sum(1, keepdim=True) if shown == "summed_variance" else of_winner(heads, variances)
        if shown == "least_confidence":
            return torch.minimum(heads, 1 - heads) if sigmoid else 1 - heads.amax(1, keepdim=True)
        entropy = self._entropy_of(heads)
        if shown == "predictive_entropy":
            return entropy
        expected = torch.minimum(self._entropy / self.passes, entropy)  # Jensen's, which rounding may miss
        return expected if shown == "expected_entropy" else _beyond(entropy - expected, ROUNDING)

    def _heads(self, probabilities: torch.Tensor) -> torch.Tensor:
        """What entropies and variances are of: all channels, or a structure's most probable one."""
        if self._structures is None:
            return probabilities
        return torch.stack([probabilities[:, list(channels)].amax(1) for channels in self._structures], 1)

    def _entropy_of(self, heads: torch.Tensor) -> torch.Tensor:
        heads = heads.clamp(0, 1)
        if self._structures is None:
            return entropy(heads)
        summed: torch.Tensor = torch.special.entr(heads) + torch.special.entr(1 - heads)
        return summed.clamp_min_(0)


def _beyond(values: torch.Tensor, rounding: float) -> torch.Tensor:
    """The values, exactly 0 where rounding alone can make them; NaN stays."""
    return torch.where(values < rounding, 0.0, values)


def entropy(probabilities: torch.Tensor) -> torch.Tensor:
    """H = -Σ p ln p of (N, classes, *spatial) in nats, (N, 1, *spatial)."""
    summed: torch.Tensor = torch.special.entr(probabilities).sum(1, keepdim=True)
    return summed.clamp_min_(0)


def of_winner(scores: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The value (N, 1, *spatial) of the channel whose score is largest, the lowest channel on ties."""
    best, chosen = scores[:, 0], values[:, 0]
    for channel in range(1, scores.shape[1]):
        chosen = torch.where(scores[:, channel] > best, values[:, channel], chosen)
        best = torch.maximum(best, scores[:, channel])
    return chosen.unsqueeze(1)
