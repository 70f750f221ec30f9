"""DSC after uncertain voxels are removed, by a threshold that is fixed before; and the form that charges for it.

A DSC without its uncertain voxels can rise by mere loss: a model that calls every voxel of the boundary uncertain
throws away as many right voxels as wrong ones. Read delta DSC beside the shares removed, or take the QU-BraTS score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..overlap import check_mask, confusion, dsc
from .measured import Mask, Measured, Values, finite, undefined, within

if TYPE_CHECKING:
    from collections.abc import Iterable

RIGHT_VOXELS_KEPT = 0.95
QU_BRATS_STEPS = 40


@dataclass(frozen=True)
class FrozenThreshold:
    """Voxels with u > `value` are uncertain; `rule` says how it was fixed, on how many cases."""

    value: float
    rule: str
    cases: int


def frozen_threshold(
    cases: Iterable[tuple[Values, Mask, Mask | None]], kept: float = RIGHT_VOXELS_KEPT
) -> FrozenThreshold:
    """The threshold at which validation cases keep this share of their right voxels: (uncertainty, wrong, region) each.

    Each case's own quantile of u over its right voxels, averaged over cases, so that a large image is no more than a
    small one. Freeze it on clean validation cases, before any perturbed case is looked at: a threshold chosen on the cases
    it is judged by always raises the DSC.

    Raises ValueError without a case that has right voxels, and for a share outside 0 to 1.
    """
    if not 0 < kept < 1:
        raise ValueError(f"a share of {kept} of the right voxels is not between 0 and 1")
    found = []
    for uncertainty, wrong, region in cases:
        u, errors = within(region, np.asarray(uncertainty), np.asarray(wrong))
        right = u[~errors.astype(bool)]
        if right.size:
            found.append(float(np.quantile(finite(right, "uncertainty"), kept)))
    if not found:
        raise ValueError("no validation case has right voxels to fix a threshold by")
    rule = f"{kept:.4g} quantile of right voxels' uncertainty, mean over {len(found)} clean validation cases"
    return FrozenThreshold(math.fsum(found) / len(found), rule, len(found))


@dataclass(frozen=True)
class Removal:
    """What removing the uncertain voxels does.

    delta_dsc      DSC of the rest less DSC of all, -1 to 1; higher is better, but see the price
    before, after  the two DSC
    price          share of right structure voxels (TP) that went, 0 to 1; lower is better
    found          share of wrong voxels (FP + FN) that went, 0 to 1; higher is better
    """

    delta_dsc: Measured
    before: Measured
    after: Measured
    price: Measured
    found: Measured
    removed: int


def removal(uncertainty: Values, prediction: Mask, reference: Mask, threshold: float) -> Removal:
    """Voxels with u > threshold leave both masks (Carannante et al. 2026, who leave the threshold open).

    No delta where both masks are empty, before or after: nothing is left to have an overlap.
    """
    u = finite(uncertainty, "the uncertainty map", reference.shape)
    gone = u > threshold
    whole = confusion(prediction, reference)
    rest = confusion(prediction & ~gone, reference & ~gone)
    right, errors = whole.true_positive, whole.union - whole.true_positive
    before = Measured(dsc(whole)) if whole.union else undefined("prediction and reference are empty")
    if rest.union:
        after = Measured(dsc(rest))
    elif whole.union:
        after = undefined("all voxels of prediction and reference are uncertain: no DSC is left")
    else:
        after = before
    delta = (
        Measured(after.value - before.value)
        if after.value is not None and before.value is not None
        else undefined(after.reason)
    )
    return Removal(
        delta,
        before,
        after,
        Measured((right - rest.true_positive) / right) if right else undefined("no voxel of the structure was found"),
        Measured((errors - (rest.union - rest.true_positive)) / errors) if errors else undefined("no voxel is wrong"),
        int(np.count_nonzero(gone)),
    )


@dataclass(frozen=True, eq=False)
class QuBrats:
    """The QU-BraTS score and its three curves over `thresholds` (0 to 100).

    score = (AUC_DSC + (1 - AUC_FTP) + (1 - AUC_FTN)) / 3, 0 to 1; higher is better. DSC(τ) is that of voxels with u ≤ τ,
    FTP(τ) = (TP_100 - TP_τ) / TP_100 the share of true positives that τ filters out, FTN(τ) likewise of true negatives.
    """

    score: Measured
    auc_dsc: Measured
    auc_ftp: Measured
    auc_ftn: Measured
    thresholds: Values
    dsc: Values
    ftp: Values
    ftn: Values


def qu_brats(
    uncertainty: Values, prediction: Mask, reference: Mask, *, highest: float, region: Mask | None = None
) -> QuBrats:
    """The score that charges for right voxels thrown away (Mehta et al. 2022, arXiv:2112.10074). One histogram, O(n).

    `highest` is the uncertainty that counts as 100, a fixed number such as the map's theoretical largest (1/4 for a
    variance, ln C for entropy), never the case's own largest. `region` is their brain mask: the DSC is of the whole image,
    true negatives and positives are those of the region. 40 steps and trapezoids, and DSC 1 where both filtered masks
    are empty, as in their code; without true positives or negatives at all there is no score.

    Raises ValueError for negative uncertainty or a `highest` that is not positive.
    """
    u = finite(uncertainty, "the uncertainty map", reference.shape)
    check_mask(reference, "the reference")
    check_mask(prediction, "the prediction", reference.shape)
    if not (math.isfinite(highest) and highest > 0) or u.min() < 0:
        raise ValueError(f"uncertainty from {u.min():.4g} on a scale from 0 to {highest:g}")
    inside = np.ones(u.shape, bool) if region is None else region
    check_mask(inside, "the region", u.shape)
    scale = np.linspace(0, 100, QU_BRATS_STEPS + 1)
    # The first threshold that keeps the voxel. Slack: 0.1 / 0.25 * 100 must still be within a threshold of 40.
    level = np.searchsorted(scale, np.minimum(u / highest, 1) * 100 * (1 - 1e-12), "left")
    both, nowhere = prediction & reference, ~(prediction | reference)
    parts = both, prediction ^ reference, both & inside, nowhere & inside
    tp, wrong, tp_in, tn_in = (
        np.cumsum(np.bincount(level[part], minlength=scale.size)).astype(np.float64) for part in parts
    )
    filtered = np.divide(2 * tp, 2 * tp + wrong, out=np.ones_like(tp), where=tp + wrong > 0)
    lost = [1 - kept / max(kept[-1], 1) for kept in (tp_in, tn_in)]
    # Trapezoids; np.trapezoid is of numpy 2 alone.
    areas = [float((curve[1:] + curve[:-1]).mean() / 2) for curve in (filtered, *lost)]
    named = (
        Measured(areas[0]),
        Measured(areas[1]) if tp_in[-1] else undefined("no true positive voxel that could be filtered out"),
        Measured(areas[2]) if tn_in[-1] else undefined("no true negative voxel that could be filtered out"),
    )
    reason = named[1].reason or named[2].reason
    score = undefined(reason) if reason else Measured((areas[0] + (1 - areas[1]) + (1 - areas[2])) / 3)
    return QuBrats(score, *named, scale, filtered, *lost)
