"""Does uncertainty find the wrong voxels.

All maps are (*spatial): uncertainty `u`, `wrong` (bool: prediction differs from reference), and the region that counts.
Take `region.error_band`: in the whole image nearly all voxels are easy and right, and any map looks good. Prevalence, the
share of wrong voxels, is always beside the values: AUPR means nothing without it.

AUROC, AUPR and AUSE sort once, O(n log n), a fifth of a second for a million voxels; the rest is O(n).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from . import ranking
from .measured import Mask, Measured, Values, finite, is_constant, is_level, undefined, within

CURVE_POINTS = 101


@dataclass(frozen=True)
class ErrorDetection:
    """Wrong voxels as what is to be detected; `errors` of `voxels` are wrong.

    auroc  P(a wrong voxel is more uncertain than a right one), 0 to 1, 0.5 for no ranking; higher is better
    aupr   average precision, 0 to 1, the prevalence for no ranking; higher is better
    fpr95  share of right voxels flagged where 95 % of the wrong ones are, 0 to 1; lower is better
    """

    auroc: Measured
    aupr: Measured
    fpr95: Measured
    errors: int
    voxels: int

    @property
    def prevalence(self) -> float:
        """Share of voxels that are wrong."""
        return self.errors / self.voxels if self.voxels else 0.0


def error_detection(uncertainty: Values, wrong: Mask, region: Mask | None = None) -> ErrorDetection:
    """How uncertainty ranks wrong voxels above right ones (Hendrycks and Gimpel 2017).

    No value without wrong voxels, without right ones, or with constant uncertainty.
    """
    u, errors = _voxels(uncertainty, wrong, region)
    count = int(np.count_nonzero(errors))
    reason = _one_kind(count, u.size)
    if not reason and is_level(u):
        reason = f"uncertainty is the same for all {u.size} voxels: it ranks nothing"
    if reason:
        nothing = undefined(reason)
        return ErrorDetection(nothing, nothing, nothing, count, u.size)
    ranked = ranking.thresholds(u, errors)
    return ErrorDetection(
        Measured(ranking.auroc(ranked)),
        Measured(ranking.average_precision(ranked)),
        Measured(ranking.false_positive_rate_at(ranked)),
        count,
        u.size,
    )


@dataclass(frozen=True)
class Gap:
    """Mean uncertainty of wrong voxels, of right ones, and the first less the second; above 0 is right, higher better."""

    difference: Measured
    wrong: Measured
    right: Measured
    errors: int
    voxels: int


def uncertainty_gap(uncertainty: Values, wrong: Mask, region: Mask | None = None) -> Gap:
    """E[u | wrong] - E[u | right], in u's own unit (Carannante et al. 2026, variance of wrong and right voxels).

    A map without any spread has a gap of 0, which is a value: it does not separate. No gap without wrong or right voxels.
    """
    u, errors = _voxels(uncertainty, wrong, region)
    count = int(np.count_nonzero(errors))
    bad = Measured(float(u[errors].mean())) if count else undefined(_one_kind(0, u.size))
    good = Measured(float(u[~errors].mean())) if count < u.size else undefined(_one_kind(count, u.size))
    if bad.value is None or good.value is None:
        return Gap(undefined(_one_kind(count, u.size)), bad, good, count, u.size)
    return Gap(Measured(bad.value - good.value), bad, good, count, u.size)


@dataclass(frozen=True)
class ErrorOverlap:
    """Uncertain voxels (u > threshold) against wrong ones.

    ue_dice    2 |uncertain ∩ wrong| / (|uncertain| + |wrong|), 0 to 1; higher is better
    recall     share of wrong voxels that are uncertain, 0 to 1; 1 - recall are silent errors
    precision  share of uncertain voxels that are wrong, 0 to 1
    """

    ue_dice: Measured
    recall: Measured
    precision: Measured
    uncertain: int
    errors: int
    voxels: int


def error_overlap(uncertainty: Values, wrong: Mask, threshold: float, region: Mask | None = None) -> ErrorOverlap:
    """Uncertainty-error overlap at a stated threshold (Jungo and Reyes 2019, Jungo et al. 2020).

    UE-Dice is 1 where nothing is wrong and nothing uncertain (their convention), and says so. Constant uncertainty has
    values here: at a threshold it flags everything or nothing, and both are wrong.
    """
    u, errors = _voxels(uncertainty, wrong, region)
    uncertain = u > threshold
    hits, flagged, count = (int(np.count_nonzero(mask)) for mask in (uncertain & errors, uncertain, errors))
    if not u.size:
        nothing = undefined(_one_kind(0, 0))
        return ErrorOverlap(nothing, nothing, nothing, 0, 0, 0)
    dice = (
        Measured(2 * hits / (flagged + count))
        if flagged + count
        else Measured(1.0, "no voxel is wrong and none is uncertain: 1 by convention")
    )
    return ErrorOverlap(
        dice,
        Measured(hits / count) if count else undefined(_one_kind(0, u.size)),
        Measured(hits / flagged) if flagged else undefined(f"none of {u.size} voxels is above {threshold:.4g}"),
        flagged,
        count,
        u.size,
    )


@dataclass(frozen=True, eq=False)
class Sparsification:
    """The mean error of what is left when the most uncertain voxels are removed.

    `remaining` and `oracle` are curves over `removed` (0 to 1, 101 points); `ause` is the area between them, exact over
    all voxels, 0 for the order of the errors themselves, lower is better, below 1 for errors of 0 and 1. `random` is the
    same area for no order at all, which says what a value is worth.
    """

    ause: Measured
    random: Measured
    removed: Values
    remaining: Values
    oracle: Values
    voxels: int


def sparsification(uncertainty: Values, error: Values | Mask, region: Mask | None = None) -> Sparsification:
    """AUSE (Ilg et al. 2018) for errors of 0 and 1, or of any size, each (*spatial). Ties are averaged over their orders.

    Not divided by the mean error. No value where all errors are equal, or with constant uncertainty.
    """
    u, e = (np.asarray(part, np.float64) for part in within(region, np.asarray(uncertainty), np.asarray(error)))
    removed = np.linspace(0, 1, CURVE_POINTS)
    if not u.size:
        nothing = undefined(_one_kind(0, 0))
        return Sparsification(nothing, nothing, removed, np.zeros(0), np.zeros(0), 0)
    u, e = finite(u, "uncertainty"), finite(e, "errors")
    curve = ranking.selective_risks(u, e)
    best = np.cumsum(np.sort(e)) / np.arange(1, e.size + 1)
    kept = np.clip(np.ceil((1 - removed) * e.size - 1e-9).astype(np.intp), 1, e.size) - 1
    curves = removed, curve[kept], best[kept]
    if is_constant(e):
        nothing = undefined(f"all {e.size} voxels have the same error: no order is better")
        return Sparsification(nothing, nothing, *curves, e.size)
    random = Measured(max(float(e.mean() - best.mean()), 0.0))
    if is_level(u):
        constant = undefined(f"uncertainty is the same for all {u.size} voxels: it ranks nothing")
        return Sparsification(constant, random, *curves, e.size)
    return Sparsification(Measured(max(float((curve - best).mean()), 0.0)), random, *curves, e.size)


def _voxels(uncertainty: Values, wrong: Mask, region: Mask | None) -> tuple[Values, Mask]:
    u, errors = within(region, np.asarray(uncertainty), np.asarray(wrong))
    if errors.dtype != np.bool_:
        raise ValueError(f"wrong voxels must be given as bool, not {errors.dtype}")
    return finite(u, "uncertainty") if u.size else np.zeros(0), cast("Mask", errors)


def _one_kind(errors: int, voxels: int) -> str:
    """Why there is nothing to tell apart, "" where there are wrong and right voxels."""
    if not voxels:
        return "the region holds no voxels"
    if not errors:
        return f"none of {voxels} voxels is wrong: there is no error to find"
    return f"all {voxels} voxels are wrong: none is left to be told from them" if errors == voxels else ""
