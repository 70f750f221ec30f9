"""Medians and quantiles over patients beside a decision, bounded by order statistics: what a mean does not say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.requirements import measure as measures

from .decision import SHARES
from .metric import level_of
from .order_statistics import quantile_interval
from .words import unit

if TYPE_CHECKING:
    from pytest_segrobust.requirements.requirement import Requirement

    from .decision import Cell


def reported_quantiles(requirement: Requirement, cell: Cell) -> list[dict[str, Any]]:
    """The median of patients' values at the deciding point, and of "for 95 % of patients" the quantile that it claims.

    That quantile's bound meets the limit exactly where the claim passes (Wilks 1941): the 95 % quantile from above of a drop
    that must stay below, the 5 % quantile from below of a score that must stay above. Bounds are each one-sided at the
    requirement's confidence, None where so many patients cannot bound them. Empty where patients have no values of their own.
    """
    metric = requirement.measure.metric
    if metric in SHARES or level_of(metric) not in ("cases", "voxels") or not len(cell.values.values):
        return []
    values = cell.values.values
    sized = requirement.patients is not None and requirement.comparison == "within"
    values = np.abs(values) if sized else values
    name = f"size of {measures.words(requirement.measure)}" if sized else measures.words(requirement.measure)
    shares = [0.5]
    if requirement.patients is not None:
        upwards = requirement.comparison in ("above", "at least")
        shares.append(1 - requirement.patients if upwards else requirement.patients)
    return [_quantile(requirement, name, values, share) for share in dict.fromkeys(shares)]


def _quantile(requirement: Requirement, name: str, values: np.ndarray, share: float) -> dict[str, Any]:
    found = quantile_interval(values, share, requirement.confidence)
    estimate = float(np.quantile(values, share))
    bounds = [bound if math.isfinite(bound) else None for bound in (found.low, found.high)]
    low, high = ("no bound" if bound is None else f"{bound:.4g}" for bound in bounds)
    of = unit(requirement)
    which = "median" if share == 0.5 else f"{100 * share:.4g} % quantile"
    warning = f"; {found.warning}" if found.warning else ""
    return {
        "share": share,
        "estimate": estimate,
        "interval": bounds,
        "n_patients": len(values),
        "words": f"{which} of {name} over {len(values)} patients: {estimate:.4g} [{low}, {high}]{f' {of}' if of else ''}, "
        f"{found.method}{warning}",
    }
