"""What is gained by trusting only the cases that the model is sure of: risk and coverage, failures found.

Cases are patients (or voxels, for sparsification); the risk of a case is 1 - DSC.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from . import ranking
from .measured import Mask, Measured, Values, is_constant, is_level, paired, undefined

CONSTANT = "uncertainty is the same for all {} cases: it ranks nothing"
FEWEST = 2


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """The mean risk of the surest cases, `risk` at `coverage` k / n, and the areas under it.

    aurc    mean of R(k) over k = 1 … n: the area under the curve as steps; lower is better, 0 to the largest risk
            (Geifman, Uziel and El-Yaniv 2019). fd-shifts and ValUES take trapezoids, which differ by O(1/n).
    e_aurc  aurc - aurc_opt, with cases ordered by their risk; 0 is best
    n_aurc  (aurc_rand - aurc) / (aurc_rand - aurc_opt), aurc_rand = mean risk, which random orders have in the mean:
            1 for the order of the risks themselves, 0 for no information, negative for a misleading order

    AURC scales with the mean risk, so that a good model without any ranking has a low one: read it beside the others.
    """

    coverage: Values
    risk: Values
    aurc: Measured
    e_aurc: Measured
    n_aurc: Measured
    cases: int


def risk_coverage(uncertainty: Values, risks: Values) -> RiskCoverage:
    """The curve of cases, both (n,); a case may count as right or wrong (risk 0 or 1) too.

    No areas for constant uncertainty or fewer than two cases; no nAURC where all risks are equal. Ties are averaged over
    their orders. O(n log n).

    Raises ValueError for numbers that are not finite: a failed case has a risk too.
    """
    u, r = paired(uncertainty, risks, ("uncertainty", "risks"))
    n = u.size
    curve = ranking.selective_risks(u, r)
    reason = ""
    if n < FEWEST:
        reason = "one case has no order"
    elif is_level(u):
        reason = CONSTANT.format(n)
    if reason:
        nothing = undefined(reason)
        return RiskCoverage(np.arange(1, n + 1) / n, curve, nothing, nothing, nothing, n)
    area, best, chance = float(curve.mean()), _optimal(r), float(r.mean())
    share = (
        undefined(f"all {n} cases have the same risk: no order is better")
        if is_constant(r)
        else Measured((chance - area) / (chance - best))
    )
    return RiskCoverage(np.arange(1, n + 1) / n, curve, Measured(area), Measured(max(area - best, 0.0)), share, n)


def _optimal(risks: Values) -> float:
    return float((np.cumsum(np.sort(risks)) / np.arange(1, risks.size + 1)).mean())


@dataclass(frozen=True)
class FailureDetection:
    """How uncertainty finds the failed cases; `failures` of `cases` failed.

    auroc   P(a failed case is more uncertain than a good one), 0 to 1, 0.5 for no ranking; higher is better
    fpr95   share of good cases flagged where 95 % of the failures are; lower is better
    recall  share of failures among the `referred` most uncertain cases, 0 to 1; higher is better
    """

    auroc: Measured
    fpr95: Measured
    recall: Measured
    failures: int
    referred: int
    cases: int


def failure_detection(
    uncertainty: Values, dsc: Values, *, failed_below: float, referral_rate: float = 0.2
) -> FailureDetection:
    """Cases with a DSC below `failed_below` are failures; ⌊rate × n⌋ cases may be referred to a human reader.

    Of equally uncertain cases at the cut, none is referred unless all fit: a threshold can do no better. No AUROC without
    failures, or with nothing else, or with constant uncertainty. As in the failure detection benchmark of Zenk et al.
    2024 (arXiv:2406.03323) with binary failure.

    Raises ValueError for numbers that are not finite, and rates outside 0 to 1.
    """
    u, quality = paired(uncertainty, dsc, ("uncertainty", "DSC"))
    if not 0 <= referral_rate <= 1:
        raise ValueError(f"a referral rate of {referral_rate} is not between 0 and 1")
    n = u.size
    failed: Mask = quality < failed_below
    failures = int(np.count_nonzero(failed))
    flagged = referred(u, referral_rate)
    if not failures:
        nothing = undefined(f"none of {n} cases has a DSC below {failed_below:g}: there is no failure to find")
        return FailureDetection(nothing, nothing, nothing, 0, int(flagged.sum()), n)
    if is_level(u):
        nothing = undefined(CONSTANT.format(n))
        return FailureDetection(nothing, nothing, nothing, failures, int(flagged.sum()), n)
    found = Measured(float(np.count_nonzero(flagged & failed) / failures))
    if failures == n:
        nothing = undefined(f"all {n} cases have a DSC below {failed_below:g}: none is left to be told from them")
        return FailureDetection(nothing, nothing, found, failures, int(flagged.sum()), n)
    ranked = ranking.thresholds(u, failed)
    return FailureDetection(
        Measured(ranking.auroc(ranked)),
        Measured(ranking.false_positive_rate_at(ranked)),
        found,
        failures,
        int(flagged.sum()),
        n,
    )


def referred(uncertainty: Values, rate: float) -> Mask:
    """Which cases (n,) a reader sees: the most uncertain, at most ⌊rate × n⌋, and no case without its equals."""
    budget = math.floor(rate * uncertainty.size + 1e-9)
    if budget >= uncertainty.size:
        return np.ones(uncertainty.shape, bool)
    first_left_out = np.sort(uncertainty)[::-1][budget]
    chosen: Mask = uncertainty > first_left_out
    return chosen
