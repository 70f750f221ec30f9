"""What changes with severity: uncertainty of wrong and right voxels, uncertainty and error, and what removal does."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_segrobust.evidence.rounding import exact

from .drawing import COLOURS
from .explained import finite
from .severity_axis import SeverityAxis, plain_axis, severity_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pytest_segrobust.evidence.records import RequirementResult

_MOST_TEXTS = 8


@dataclass(frozen=True)
class SeverityRow:
    """Means over patients at one severity; a value that is not there is None."""

    severity: float
    point: str
    n: int
    values: dict[str, float | None] = field(default_factory=dict)

    def of(self, key: str) -> float | None:
        """One of the means."""
        return self.values.get(key)


def severity_rows(result: RequirementResult) -> list[SeverityRow]:
    """The rows of `by_severity`, mildest first."""
    rows = []
    for entry in (result.uncertainty or {}).get("by_severity") or []:
        severity = finite(entry.get("severity"))
        if severity is not None:
            values = {key: finite(value) for key, value in entry.items() if key not in ("severity", "point", "n")}
            rows.append(SeverityRow(severity, str(entry.get("point") or ""), int(entry.get("n") or 0), values))
    return sorted(rows, key=lambda row: row.severity)


def axis_of(result: RequirementResult, rows: list[SeverityRow]) -> SeverityAxis:
    """The axis of the degradation curve where it knows these severities, else severity itself."""
    known = {round(point.severity, 9) for point in result.curve}
    if result.curve and {round(row.severity, 9) for row in rows} <= known:
        return severity_axis(result.curve, result.search.get("units"))
    return plain_axis()


def draw_line(
    plot: Axes, axis: SeverityAxis, rows: list[SeverityRow], key: str, *, series: str, marker: str, label: str
) -> None:
    """One mean over severity, broken where it is undefined."""
    plot.plot(
        [axis.at(row.severity) for row in rows],
        [math.nan if (value := row.of(key)) is None else value for row in rows],
        color=COLOURS[series],
        marker=marker,
        markersize=4,
        linewidth=1.6,
        label=label,
    )


def shade_claim(plot: Axes, axis: SeverityAxis, rows: list[SeverityRow]) -> None:
    """The claimed range, where more than that was measured."""
    if any(row.severity > 1 for row in rows):
        ends = (axis.at(0), axis.at(1))
        plot.axvspan(*ends, facecolor=COLOURS["claim"], edgecolor="none", zorder=0, label="claimed range")


def finish(plot: Axes, axis: SeverityAxis) -> None:
    """Labels and ticks of the axis of severity; it grows to the right, whatever the parameter does."""
    plot.set_xlabel(axis.label)
    if axis.ticks is not None:
        plot.set_xticks([place for place, _ in axis.ticks], [text for _, text in axis.ticks])
    plot.margins(x=0.03)
    if axis.step < 0:
        plot.invert_xaxis()


def texts(axis: SeverityAxis, rows: list[SeverityRow]) -> list[str]:
    """What stands under the bars of each severity, "" where there are too many to write all."""
    every = max(1, math.ceil(len(rows) / _MOST_TEXTS))
    written = dict(axis.ticks or ())
    found = []
    for number, row in enumerate(rows):
        if axis.ticks is not None:
            found.append(written.get(axis.at(row.severity), ""))
        elif number % every and number != len(rows) - 1:
            found.append("")
        else:
            found.append("clean" if row.severity == 0 else exact(float(f"{axis.at(row.severity):.3g}")))
    return found


def patients_of(rows: list[SeverityRow]) -> str:
    """`24 patients at each severity`, `20 to 24 patients`."""
    fewest, most = min(row.n for row in rows), max(row.n for row in rows)
    return f"{most} patients at each severity" if fewest == most else f"{fewest} to {most} patients"
