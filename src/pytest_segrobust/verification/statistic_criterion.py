"""What a requirement on a statistic of all patients decides on: that statistic itself, against its limit."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .all_patients import Statistic, statistic
from .along_severities import statistic_along
from .decision import SHARES, Criterion, decide
from .metric import level_of
from .statistics import RESAMPLES, Interval

if TYPE_CHECKING:
    from pytest_segrobust.requirements.requirement import Measure, Requirement

_POWER = 0.9  # with which that many patients decide


class StatisticCriterion(Criterion):
    """A correlation, an area or a detection rate of patients' values (patients, 2) or (patients, severities, 2)."""

    def found(self, values: np.ndarray, confidence: float | None = None) -> Statistic:
        """The statistic with its interval, or why there is none."""
        level = self.requirement.confidence if confidence is None else confidence
        table = np.ascontiguousarray(values, float)
        return _found(
            self.requirement.measure,
            table.tobytes(),
            table.shape,
            confidence=level,
            seed=self.seed,
            resamples=self.resamples,
        )

    def estimate(self, values: np.ndarray) -> float:
        """The statistic; NaN where there is none."""
        value = self.found(values).estimate
        return math.nan if value is None else value

    def undefined(self, values: np.ndarray) -> tuple[str, bool] | None:
        """Why there is none, and whether that says nothing of the model."""
        found = self.found(values)
        return (found.reason, found.says_nothing) if found.estimate is None else None

    def interval(self, values: np.ndarray, confidence: float | None = None) -> Interval:
        """The deciding interval; asked for only where the statistic is defined."""
        found = self.found(values, confidence)
        if found.interval is None:
            raise ValueError("a statistic that has no value has no interval")
        doubt = self._doubt(found.interval, found.fisher)
        return replace(found.interval, warning="; ".join(filter(None, (found.interval.warning, doubt))))

    def _doubt(self, own: Interval, fisher: tuple[float, float] | None) -> str:
        """What the cross-check has against a pass; "" where it agrees, or there is none: of cells it is far too cautious."""
        if fisher is None or level_of(self.requirement.measure.metric) != "patients":
            return ""
        if (
            decide(self.comparison, self.limit, own.low, own.high) != "passed"
            or decide(self.comparison, self.limit, *fisher) == "passed"
        ):
            return ""
        return (
            "Fisher's z, a cross-check that assumes normal values, has the bounds [{:.3g}, {:.3g}] and would not pass it: look "
            "at the scatter before this is relied on"
        ).format(*fisher)

    @property
    def foresees(self) -> bool:
        """Whether there is a formula: for correlations over patients."""
        return _spread(self.requirement.measure.metric, 0.0) is not None

    def patients_needed(self, values: np.ndarray) -> int | None:
        """About how many patients would decide a correlation, if it stayed: Fisher's z, ((z_conf + z_power) / distance)² + 3."""
        from scipy.special import ndtri

        value = self.estimate(values)
        spread = _spread(self.requirement.measure.metric, value)
        if spread is None or not abs(value) < 1 or not abs(self.limit) < 1:
            return None
        distance = abs(math.atanh(value) - math.atanh(self.limit))
        if distance < 1e-6:
            return None
        return math.ceil(((ndtri(self.requirement.confidence) + ndtri(_POWER)) / distance) ** 2 * spread) + 3


def criterion_of(requirement: Requirement, *, seed: int, resamples: int = RESAMPLES) -> Criterion:
    """What a requirement decides on: a mean or share of patients' numbers, or a statistic of all of them."""
    metric = requirement.measure.metric
    of_all = level_of(metric) in ("patients", "severities") and metric not in SHARES
    return (StatisticCriterion if of_all else Criterion).of(requirement, seed=seed, resamples=resamples)


def _spread(metric: str, value: float) -> float | None:
    """The variance of Fisher's z of a coefficient times n - 3, see `metrics.uncertainty.intervals.fisher_interval`."""
    known: dict[str, float] = {"pearson": 1.0, "spearman": 1 + value**2 / 2, "kendall": 0.437}
    return known.get(metric)


@lru_cache(maxsize=64)
def _found(
    measure: Measure, table: bytes, shape: tuple[int, ...], *, confidence: float, seed: int, resamples: int
) -> Statistic:
    values = np.frombuffer(table).reshape(shape)
    decide = statistic if values.ndim == 2 else statistic_along
    return decide(measure, values, confidence, seed=seed, resamples=resamples)
