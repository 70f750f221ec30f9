"""Are probabilities frequencies: reliability table, ECE, ACE, Brier score and log-likelihood.

Over the voxels of a region: take `region.dilated` of prediction and reference together, because the background's easy
voxels make any model look calibrated. All are O(n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..overlap import check_mask
from .maps import check_probabilities
from .measured import Mask, Measured, Values, finite, undefined, within

BINS = 20
LOWEST_PROBABILITY = 1e-7
"""Floor of a probability in the log-likelihood: float32 rounds 1 - 6e-8 to 1, and what is left is 0."""


@dataclass(frozen=True, eq=False)
class ReliabilityTable:
    """Equal bins of confidence, (lower, upper] each: how many voxels, their summed confidence, and how many were right.

    Tables of several cases add up, so that no voxel need be kept.
    """

    count: npt.NDArray[np.int64]
    confidence_sum: Values
    right: npt.NDArray[np.int64]

    def __add__(self, other: ReliabilityTable) -> ReliabilityTable:
        if self.count.size != other.count.size:
            raise ValueError(f"tables of {self.count.size} and {other.count.size} bins do not add up")
        return ReliabilityTable(
            self.count + other.count, self.confidence_sum + other.confidence_sum, self.right + other.right
        )

    @property
    def rows(self) -> tuple[tuple[float, float, int, float | None, float | None], ...]:
        """(lower, upper, voxels, mean confidence, accuracy) of each bin; the last two None where it is empty."""
        bins = self.count.size
        return tuple(
            (
                at / bins,
                (at + 1) / bins,
                int(n),
                float(self.confidence_sum[at] / n) if n else None,
                float(self.right[at] / n) if n else None,
            )
            for at, n in enumerate(self.count)
        )

    @property
    def ece(self) -> Measured:
        """ECE = Σ_b (n_b / n) |confidence_b - accuracy_b|, 0 to 1; lower is better (Naeini et al. 2015, Guo et al. 2017)."""
        total = int(self.count.sum())
        if not total:
            return undefined("the region holds no voxels")
        return Measured(float(np.abs(self.confidence_sum - self.right).sum() / total))

    @property
    def ace(self) -> Measured:
        """Mean of |confidence_b - accuracy_b| over bins that hold voxels, 0 to 1; lower is better (Kahl et al. 2024).

        Bins of few voxels weigh as much as full ones, so that it is noisy; not the ACE of Nixon et al. 2019, whose bins
        hold equally many.
        """
        held = self.count > 0
        if not held.any():
            return undefined("the region holds no voxels")
        return Measured(float((np.abs(self.confidence_sum - self.right)[held] / self.count[held]).mean()))


def reliability(confidence: Values, right: Mask, region: Mask | None = None, *, bins: int = BINS) -> ReliabilityTable:
    """The table of a confidence, 0 to 1, and whether the voxel is right, both (*spatial).

    Top label: `reliability(probabilities.max(axis=0), probabilities.argmax(axis=0) == labels)`.
    One structure: `reliability(probability, mask)`, where "right" is the structure's presence.

    Raises ValueError for confidences outside 0 to 1.
    """
    c, correct = within(region, np.asarray(confidence), np.asarray(right))
    if correct.dtype != np.bool_:
        raise ValueError(f"right voxels must be given as bool, not {correct.dtype}")
    if not c.size:
        return ReliabilityTable(np.zeros(bins, np.int64), np.zeros(bins), np.zeros(bins, np.int64))
    c = finite(c, "confidence")
    if c.min() < 0 or c.max() > 1:
        raise ValueError(f"confidences run from {c.min():.4g} to {c.max():.4g}, not 0 to 1")
    at = np.clip(np.ceil(c * bins).astype(np.intp) - 1, 0, bins - 1)
    return ReliabilityTable(
        np.bincount(at, minlength=bins).astype(np.int64),
        np.bincount(at, c, minlength=bins).astype(np.float64),
        np.bincount(at[correct], minlength=bins).astype(np.int64),
    )


def brier(probabilities: Values, labels: npt.NDArray[np.integer], region: Mask | None = None) -> Measured:
    """Mean over voxels of Σ_c (p_c - [label = c])², 0 to 2; lower is better (Brier 1950, over all classes).

    `probabilities` are (classes, *spatial), `labels` class numbers (*spatial). Twice the binary form for two classes.
    """
    p, own = _voxels(probabilities, labels, region)
    if not own.size:
        return undefined("the region holds no voxels")
    return Measured(float(((p**2).sum(axis=0) - 2 * own + 1).mean()))


def negative_log_likelihood(
    probabilities: Values, labels: npt.NDArray[np.integer], region: Mask | None = None
) -> Measured:
    """Mean over voxels of -ln p of the true class, in nats, 0 to 16.1; lower is better.

    A probability of 0 counts as 1e-7, so that one voxel can't make it infinite; where that happened the value says so.
    """
    _, own = _voxels(probabilities, labels, region)
    if not own.size:
        return undefined("the region holds no voxels")
    floored = int(np.count_nonzero(own < LOWEST_PROBABILITY))
    reason = (
        f"{floored} of {own.size} voxels gave their true class less than 1e-07 and count as that" if floored else ""
    )
    return Measured(float(-np.log(np.maximum(own, LOWEST_PROBABILITY)).mean()), reason)


def _voxels(probabilities: Values, labels: npt.NDArray[np.integer], region: Mask | None) -> tuple[Values, Values]:
    """Probabilities (classes, n) of the region's voxels, and those of the true classes (n,)."""
    p = check_probabilities(probabilities)
    truth = np.asarray(labels)
    if truth.shape != p.shape[1:] or not np.issubdtype(truth.dtype, np.integer):
        raise ValueError(f"labels of shape {truth.shape} and type {truth.dtype} are no class numbers of {p.shape[1:]}")
    if truth.size and not (truth.min() >= 0 and truth.max() < p.shape[0]):
        raise ValueError(f"labels from {truth.min()} to {truth.max()} are no classes of {p.shape[0]}")
    if region is not None:
        check_mask(region, "the region", truth.shape)
        p, truth = p[:, region], truth[region]
    own = np.take_along_axis(p, truth[None], axis=0)[0]
    return p.reshape(p.shape[0], -1), own.ravel()
