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

Curve = dict[float, np.ndarray]  # severity -> the criterion's number per patient, in one order of patients


def breaking_point(
    line: SeverityLine, curve: Mapping[float, np.ndarray], criterion: Criterion, measure: Callable[[float], np.ndarray],
    *, bisections: int,
) -> tuple[BreakingPoint, Curve]:  # fmt: skip
    """The mildest severity on `line` whose estimate is beyond the limit, and the curve with what was measured for it.

    `curve` holds the patients' numbers (`Criterion.reduced`) at the severities measured so far, `measure` gives them at
    another. The first failing severity of the curve is narrowed by bisection against the one before it; with a curve
    that fails, holds and fails again, that is said. Where nothing fails it is censored: held to the end of the line.
    """
    known: Curve = dict(sorted(curve.items()))
    failing = _failing(known, criterion)
    if not failing:
        return held(line, max(known)), known
    fails = failing[0]
    holds = max((severity for severity in known if severity < fails), default=None)
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
    again = [severity for severity in known if severity > fails and not _beyond(known[severity], criterion)]
    if again:
        words += f"; not monotone: it holds again at {line.point(again[0])}, so milder failures between tried severities may exist"
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
    return not meets(criterion.comparison, criterion.limit, np.asarray(numbers.mean())).all()


def _failing(curve: Curve, criterion: Criterion) -> list[float]:
    return [severity for severity, numbers in curve.items() if _beyond(numbers, criterion)]


def _interval(curve: Curve, criterion: Criterion) -> tuple[float | None, float | None]:
    """Percentile bounds of the first crossing, over resampled patients; None where a bound is beyond the line."""
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
    return np.column_stack([column[rows].mean(axis=1) for column in columns])


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
