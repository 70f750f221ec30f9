"""Two models at the same point, patient by patient: the difference with its bounds, and whether it is within a margin.

A difference is oriented so that positive is worse, whatever the metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .decision import decide
from .statistics import Interval, clopper_pearson, mean_interval

if TYPE_CHECKING:
    from pytest_segrobust.metrics.catalogue import Better

Shown = Literal["non-inferior", "worse", "open"]

_SHOWN: dict[str, Shown] = {"passed": "non-inferior", "failed": "worse", "inconclusive": "open"}


@dataclass(frozen=True)
class PairedDifference:
    """How much worse the new model is than the old one: the mean over patients, with both one-sided bounds."""

    old: float
    new: float
    estimate: float
    interval: Interval
    n_patients: int


def worse_by(old: np.ndarray, new: np.ndarray, better: Better) -> np.ndarray:
    """Per patient how much worse `new` (patients,) is than `old`; of a bias, how much farther from zero."""
    farther: np.ndarray = np.abs(new) - np.abs(old) if better == "zero" else new - old
    return -farther if better == "higher" else farther


def paired_difference(
    old: np.ndarray, new: np.ndarray, better: Better, confidence: float = 0.95, *, seed: int = 0
) -> PairedDifference:
    """The difference of the scores of the same patients in the same order.

    Raises ValueError for fewer than two patients and where a score is not finite.
    """
    if old.shape != new.shape:
        raise ValueError(f"{len(old)} and {len(new)} patients are no pairs")
    values = worse_by(old, new, better)
    return PairedDifference(
        float(old.mean()),
        float(new.mean()),
        float(values.mean()),
        mean_interval(values, confidence, seed=seed),
        len(values),
    )


def paired_share_difference(old: np.ndarray, new: np.ndarray, confidence: float = 0.95) -> PairedDifference:
    """The same of a failure, 1 in patients that have it: by how much its rate is higher.

    Exact and conservative: of patients with the failure under the new model alone, and of those under the old model
    alone, Clopper-Pearson bounds that each hold with half of the error (Bonferroni).
    """
    if old.shape != new.shape or not len(old):
        raise ValueError(f"{len(old)} and {len(new)} patients are no pairs")
    had, has = old > 0, new > 0
    level = 1 - (1 - confidence) / 2
    n = len(old)
    fresh_low, fresh_high = clopper_pearson(int((has & ~had).sum()), n, level)
    gone_low, gone_high = clopper_pearson(int((had & ~has).sum()), n, level)
    interval = Interval(
        fresh_low - gone_high,
        fresh_high - gone_low,
        "exact binomial (Clopper-Pearson) of new and of repaired patients, at half of the error each",
    )
    old_rate, new_rate = float(had.mean()), float(has.mean())
    return PairedDifference(old_rate, new_rate, new_rate - old_rate, interval, n)


def shown(margin: float, interval: Interval) -> Shown:
    """What an interval of a difference shows: at most the margin, more than the margin, or neither.

    "No significant difference" is not among these: an interval that holds 0 and the margin shows nothing.
    """
    return _SHOWN[decide("at most", margin, interval.low, interval.high)]
