"""The axis of severity: in the parameter's own unit where one parameter changes, from 0 to 1 where several do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import exact
from pytest_segrobust.evidence.strict_json import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import CurvePoint

_MOST_TICKS = 6
_SEVERITY = "severity (0 clean, 1 end of the stated range)"


@dataclass(frozen=True)
class SeverityAxis:
    """Where a severity s is drawn: at `start + s * step`. `ticks` are places and texts, None for round numbers."""

    label: str
    start: float = 0.0
    step: float = 1.0
    ticks: tuple[tuple[float, str], ...] | None = None

    def at(self, severity: float) -> float:
        """The place of a severity on the axis."""
        return self.start + severity * self.step


def plain_axis() -> SeverityAxis:
    """Severity itself."""
    return SeverityAxis(_SEVERITY)


def severity_axis(curve: Sequence[CurvePoint], units: Mapping[str, str] | None = None) -> SeverityAxis:
    """The axis of a degradation curve; `units` gives the unit of a parameter by its name."""
    by_severity = {point.severity: _changing(point.parameters) for point in curve}
    named = {key for found in by_severity.values() for key in found}
    if len(named) != 1:
        return plain_axis()
    ((perturbation, parameter),) = named
    unit = (units or {}).get(parameter, "")
    label = f"{perturbation}: {parameter}" + (f" ({unit})" if unit else "")
    values = {severity: next(iter(found.values()), None) for severity, found in sorted(by_severity.items())}
    finite = [(severity, value) for severity, value in values.items() if value is not None and math.isfinite(value)]
    line = _line(finite)
    if line is not None and not any(value is not None and math.isinf(value) for value in values.values()):
        return SeverityAxis(label, *line)
    # An SNR is infinite for the clean image: evenly in severity, with the parameter's values written there.
    chosen = list(values)[:: max(1, math.ceil(len(values) / _MOST_TICKS))]
    if (last := max(values)) not in chosen:
        chosen.append(last)
    return SeverityAxis(label, ticks=tuple((severity, _text(values[severity])) for severity in chosen))


def _changing(steps: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float | None]:
    """The numbers of a point by perturbation and parameter; words, such as the axis of a flip, do not change."""
    found = {}
    for step in steps:
        for name, value in step.get("parameters", {}).items():
            if number(value) is not None:
                found[(str(step.get("perturbation", "")), str(name))] = number(value)
    return found


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Start and step, where value is a straight function of severity; None where it is not, or cannot be told."""
    if len(points) < 2:
        return None
    (s0, v0), (s1, v1) = points[0], points[-1]
    if s0 == s1 or v0 == v1:
        return None
    step = (v1 - v0) / (s1 - s0)
    start = v0 - s0 * step
    span = abs(v1 - v0)
    return (start, step) if all(abs(start + s * step - v) <= 1e-6 * span for s, v in points) else None


def _text(value: float | None) -> str:
    return "clean" if value is None or math.isinf(value) else exact(float(f"{value:.3g}"))
