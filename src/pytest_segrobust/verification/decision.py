"""The verdict: an interval over patients against a limit, for each point and structure, and of all these the worst."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.perturbations.point import CLEAN

from .metric import bounds_of
from .patients import GROSS_FAILURE_RATE, PatientValues
from .statistics import (
    RESAMPLES,
    Interval,
    mean_interval,
    patients_needed,
    patients_needed_for_share,
    share_interval,
    tolerance_interval,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_segrobust.evidence.records import Verdict
    from pytest_segrobust.requirements.requirement import Comparison, Requirement

SHARES = (GROSS_FAILURE_RATE, "silent_failure_rate", "early_warning")
"""Metrics that are shares of patients by themselves."""

SEVERITY: tuple[Verdict, ...] = ("passed", "inconclusive", "not_evaluable", "failed")  # the last one decides


def decide(comparison: Comparison, limit: float, low: float, high: float) -> Verdict:
    """The verdict of the deciding interval [low, high]: all of it good, all of it bad, or neither.

    Nothing is rounded. "below" and "above" are strict, "at most", "at least" and "within" include the limit.
    """
    if not low <= high:
        raise ValueError(f"[{low}, {high}] is no interval")
    good, bad = {
        "below": (high < limit, low >= limit),
        "at most": (high <= limit, low > limit),
        "above": (low > limit, high <= limit),
        "at least": (low >= limit, high < limit),
        "within": (-limit <= low and high <= limit, low > limit or high < -limit),
    }[comparison]
    return "passed" if good else "failed" if bad else "inconclusive"


def meets(comparison: Comparison, limit: float, values: np.ndarray) -> np.ndarray:
    """Which values are on the good side of the limit."""
    met: np.ndarray = {
        "below": values < limit,
        "at most": values <= limit,
        "above": values > limit,
        "at least": values >= limit,
        "within": np.abs(values) <= limit,
    }[comparison]
    return met


def excess(comparison: Comparison, limit: float, values: np.ndarray) -> np.ndarray:
    """How far values are beyond the limit, in the measure's unit; negative on the good side."""
    if comparison in ("below", "at most"):
        return values - limit
    if comparison in ("above", "at least"):
        return limit - values
    distance: np.ndarray = np.abs(values) - limit
    return distance


@dataclass(frozen=True)
class Criterion:
    """What a requirement decides on: always the mean of one number per patient, against `limit`.

    For "for 95 % of patients" that number is 1 where the patient meets the stated limit, and the criterion is
    "at least 0.95"; for a gross failure rate it is 1 where the patient has one.
    """

    requirement: Requirement
    comparison: Comparison
    limit: float
    seed: int
    resamples: int = RESAMPLES

    @classmethod
    def of(cls, requirement: Requirement, *, seed: int, resamples: int = RESAMPLES) -> Criterion:
        """What this requirement decides on."""
        if requirement.patients is not None:
            return cls(requirement, "at least", requirement.patients, seed, resamples)
        return cls(requirement, requirement.comparison, requirement.limit, seed, resamples)

    @property
    def is_share(self) -> bool:
        """Whether the number per patient is 0 or 1, so that exact bounds hold."""
        return self.requirement.patients is not None or self.requirement.measure.metric in SHARES

    def reduced(self, values: np.ndarray) -> np.ndarray:
        """The number per patient whose mean is judged."""
        if self.requirement.patients is None:
            return values
        return meets(self.requirement.comparison, self.requirement.limit, values).astype(float)

    def estimate(self, values: np.ndarray) -> float:
        """What the deciding interval is of, of patients' values."""
        return float(self.reduced(values).mean())

    def undefined(self, values: np.ndarray) -> tuple[str, bool] | None:  # noqa: ARG002 - a mean is always defined
        """Why there is no estimate of these values, and whether that says nothing of the model; None where there is one."""
        return None

    def interval(self, values: np.ndarray, confidence: float | None = None) -> Interval:
        """The deciding interval at the requirement's confidence, or at another, of patients' values."""
        level = self.requirement.confidence if confidence is None else confidence
        met = self.reduced(values)
        if self.requirement.patients is not None:
            return tolerance_interval(met, self.requirement.patients, level)
        if self.is_share:
            return share_interval(met, level)
        return mean_interval(met, level, seed=self.seed, resamples=self.resamples)

    def shown(self, interval: Interval) -> tuple[float, float]:
        """The bounds without what no mean of the metric can be, such as a DSC above 1; verdicts are of the interval."""
        measure = self.requirement.measure
        if measure.form != "value" or self.is_share:
            return interval.low, interval.high
        least, most = bounds_of(measure)
        return min(max(interval.low, least), most), min(max(interval.high, least), most)

    def badness(self, values: np.ndarray) -> float:
        """What a search maximises: how far beyond the limit the patients are (the claimed share of them)."""
        beyond = excess(self.requirement.comparison, self.requirement.limit, values)
        if self.requirement.patients is not None:
            return float(np.quantile(beyond, self.requirement.patients))
        return float(excess(self.comparison, self.limit, np.asarray(values.mean())))

    @property
    def foresees(self) -> bool:
        """Whether there is a formula for how many patients would decide."""
        return True

    def patients_needed(self, values: np.ndarray) -> int | None:
        """About how many patients in all would decide, if these were typical; None where no number would."""
        met = self.reduced(values)
        if self.is_share:
            return patients_needed_for_share(int(met.sum()), len(met), self.limit, self.requirement.confidence)
        limit = float(np.copysign(self.limit, met.mean())) if self.comparison == "within" else self.limit
        return patients_needed(met, limit, self.requirement.confidence)


@dataclass(frozen=True)
class Cell:
    """The decision at one point for one structure. `excess` is how far the estimate is beyond the limit.

    `trivial` is a change of the clean image against itself: it can fail, but passing it says nothing.
    """

    point: str
    structure: str
    estimate: float
    interval: Interval
    excess: float
    values: PatientValues
    verdict: Verdict
    trivial: bool = False


@dataclass(frozen=True)
class Unsaid:
    """A point at which nothing can be said of a structure's uncertainty, and why.

    Where it `blocks`, no other point makes up for it: maps that say nothing, or too few patients with a value. Where it
    does not, there was nothing to say: nothing is wrong there, or nobody failed.
    """

    point: str
    structure: str
    reason: str
    blocks: bool


def unsaid(
    criterion: Criterion, values: PatientValues, point: str, structure: str, minimum_patients: int
) -> Unsaid | None:
    """Why a measure of uncertainty says nothing at a point; None where there is a cell, or too few patients at all."""
    if values.constant:
        return Unsaid(point, structure, values.constant, blocks=True)
    fewest, n = _fewest(criterion, minimum_patients), len(values.values)
    if values.without and n < fewest:
        why = reasons(values.without)
        if not n:
            return Unsaid(point, structure, f"none of {values.of} patients has a value ({why})", blocks=False)
        few = f"{n} of {values.of} patients have a value, {fewest} are needed (the others: {why})"
        return Unsaid(point, structure, few, blocks=True)
    nothing = criterion.undefined(values.values) if n >= fewest else None
    return None if nothing is None else Unsaid(point, structure, nothing[0], blocks=not nothing[1])


def reasons(cases: Mapping[str, str]) -> str:
    """The different reasons of cases, the most frequent first."""
    return "; ".join(reason for reason, _ in Counter(cases.values()).most_common())


def _fewest(criterion: Criterion, minimum_patients: int) -> int:
    return max(minimum_patients, 1 if criterion.is_share else 2)


def judged(
    criterion: Criterion, values: PatientValues, point: str, structure: str, minimum_patients: int
) -> Cell | None:
    """The cell of these patients' values; None where they are too few to say anything.

    Raises EvidenceError where `unsaid` has a reason: what says nothing must never look decided.
    """
    if values.constant:
        raise EvidenceError(f"{structure} at {point}: {values.constant}")
    if len(values.values) < _fewest(criterion, minimum_patients):
        return None
    interval = criterion.interval(values.values)
    estimate = criterion.estimate(values.values)
    return Cell(
        point=point,
        structure=structure,
        estimate=estimate,
        interval=interval,
        excess=float(excess(criterion.comparison, criterion.limit, np.asarray(estimate))),
        values=values,
        verdict=decide(criterion.comparison, criterion.limit, interval.low, interval.high),
        trivial=point == str(CLEAN) and criterion.requirement.measure.form != "value",
    )


def worst(cells: Iterable[Cell]) -> Cell:
    """The cell that decides: a failed one before an inconclusive one before a passed one, then the largest excess.

    Of cells that all passed, one at which the claim could have failed is shown before the clean image's drop of 0.
    A pass needs every cell to pass, so it needs no correction for their number (intersection-union).
    """
    return max(cells, key=_badness)


def _badness(cell: Cell) -> tuple[int, bool, float, str, str]:
    says = not (cell.trivial and cell.verdict == "passed")
    return SEVERITY.index(cell.verdict), says, cell.excess, cell.point, cell.structure
