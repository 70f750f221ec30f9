"""The mildest severity at which a requirement fails, by bisection, with an interval over patients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_segrobust.evidence.records import BreakingPoint

from .decision import Criterion, excess, meets
from .statistics import resampled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .severity import SeverityLine

# severity -> the criterion's number per patient, in one order of patients, NaN of those who have none; or, of a statistic of
# all patients, what it is made of: (patients, 2)
Curve = dict[float, np.ndarray]


def breaking_point(
    line: SeverityLine, curve: Mapping[float, np.ndarray], criterion: Criterion, measure: Callable[[float], np.ndarray],
    *, bisections: int,
) -> tuple[BreakingPoint, Curve]:  # fmt: skip
    """The mildest severity on `line` whose estimate is beyond the limit, and the curve with what was measured for it.

    `curve` holds the patients' numbers (`Criterion.reduced`) at the severities measured so far, `measure` gives them at
    another. A severity at which nobody has a number is beyond no limit. The first failing severity of the curve is
    narrowed by bisection against the one before it; with a curve that fails, holds and fails again, that is said. Where
    nothing fails it is censored: held to the end of the line. The interval of a statistic of all patients is None.
    """
    known: Curve = dict(sorted(curve.items()))
    failing = _failing(known, criterion)
    if not failing:
        return held(line, max(_defined(known, criterion), default=max(known))), known
    fails = failing[0]
    holds = max((severity for severity in _defined(known, criterion) if severity < fails), default=None)
    for _ in range(bisections if holds is not None else 0):
        assert holds is not None
        middle = (holds + fails) / 2
        known[middle] = measure(middle)
        if _beyond(known[middle], criterion):
            fails = middle
        else:
            holds = middle
    known = dict(sorted(known.items()))
    low, high = _interval(known, criterion)
    point = line.point(fails)
    words = f"fails from {point} on, which is {fails:.3g} of the way to {line.point(1.0)}"
    if holds is None:
        words = f"fails at {point} already, the mildest that was tried"
        if fails == 0:
            words = "fails on clean images already: no perturbation is needed"
    again = [s for s in _defined(known, criterion) if s > fails and not _beyond(known[s], criterion)]
    if again:
        words += f"; not monotone: it holds again at {line.point(again[0])}"
        words += ", so milder failures between tried severities may exist" if fails > 0 else ""
    held_to = line.point(holds).to_json() if holds is not None else None
    return BreakingPoint(fails, point.to_json(), (low, high), held_to, words), known


def first_to_fail(curves: Mapping[str, Mapping[float, np.ndarray]], criterion: Criterion, *, otherwise: str) -> str:
    """The structure whose estimate is beyond the limit at the mildest severity; that of `otherwise` where none is milder."""
    first = {name: min(_failing(dict(curve), criterion), default=np.inf) for name, curve in curves.items()}
    return min(first, key=lambda name: (first[name], name != otherwise, name))


def worded(found: BreakingPoint, verdict: str, structure: str) -> BreakingPoint:
    """The words of a breaking point with the structure it is of; where nothing was shown, it is the estimate's alone."""
    words = f"{structure} {found.words}" if structure and found.severity is not None else found.words
    if verdict == "inconclusive":
        words = words.replace("fails", "has its estimate beyond the limit", 1)
    return replace(found, words=words)


def held(line: SeverityLine, severity: float) -> BreakingPoint:
    """What is said where nothing failed: how far it held, and no farther."""
    point = line.point(severity)
    stated = ", the largest stated" if severity == 1 else ", the largest tried"
    return BreakingPoint(None, None, (None, None), point.to_json(), f"the estimate held to {point}{stated}")


def _beyond(numbers: np.ndarray, criterion: Criterion) -> bool:
    estimate = _estimate(numbers, criterion)
    return not np.isnan(estimate) and not meets(criterion.comparison, criterion.limit, np.asarray(estimate)).all()


def _defined(curve: Curve, criterion: Criterion) -> list[float]:
    return [severity for severity, numbers in curve.items() if not np.isnan(_estimate(numbers, criterion))]


def _estimate(numbers: np.ndarray, criterion: Criterion) -> float:
    known = _known(numbers)
    return criterion.estimate(known) if numbers.ndim > 1 else float(known.mean()) if known.size else np.nan


def _known(numbers: np.ndarray) -> np.ndarray:
    known: np.ndarray = numbers if numbers.ndim > 1 else numbers[~np.isnan(numbers)]
    return known


def _failing(curve: Curve, criterion: Criterion) -> list[float]:
    return [severity for severity, numbers in curve.items() if _beyond(numbers, criterion)]


def _interval(curve: Curve, criterion: Criterion) -> tuple[float | None, float | None]:
    """Percentile bounds of the first crossing, over resampled patients; None where a bound is beyond the line."""
    if any(numbers.ndim > 1 for numbers in curve.values()):
        return None, None
    curve = {severity: numbers for severity, numbers in curve.items() if _known(numbers).size}
    severities = np.array(list(curve))
    columns = list(curve.values())
    crossings = np.concatenate(
        [
            _crossing(severities, excess(criterion.comparison, criterion.limit, _means(columns, rows)))
            for rows in resampled(len(columns[0]), criterion.seed, criterion.resamples)
        ]
    )
    # Whole crossings, not interpolated between them: infinity stands for "did not cross".
    alpha = 1 - criterion.requirement.confidence
    low, high = np.quantile(crossings, [alpha, 1 - alpha], method="inverted_cdf")
    return (float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None)


def _means(columns: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Means over resampled patients, (resamples, severities)."""
    return np.column_stack([_mean(column[rows]) for column in columns])


def _mean(drawn: np.ndarray) -> np.ndarray:
    """Of (resamples, patients), over those who have a number; NaN where nobody drawn has one."""
    unknown = np.isnan(drawn)
    if not unknown.any():
        means: np.ndarray = drawn.mean(axis=1)
        return means
    counts = (~unknown).sum(axis=1)
    found: np.ndarray = np.divide(
        np.where(unknown, 0, drawn).sum(axis=1), counts, out=np.full(len(drawn), np.nan), where=counts > 0
    )
    return found


def _crossing(severities: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """Where each row of `beyond` first reaches 0, between severities by a straight line; infinity where it never does."""
    failing = beyond >= 0
    first = failing.argmax(axis=1)
    rows = np.arange(len(beyond))
    before = np.maximum(first - 1, 0)
    rise = beyond[rows, first] - beyond[rows, before]
    share = np.where(rise > 0, -beyond[rows, before] / np.where(rise > 0, rise, 1), 0)
    crossing: np.ndarray = severities[before] + share * (severities[first] - severities[before])
    return np.where(failing.any(axis=1), np.where(first == 0, severities[0], crossing), np.inf)
