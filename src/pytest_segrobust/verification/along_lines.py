"""Requirements on the course of uncertainty over severity: lines from the identity to the corners of the domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.perturbations.point import CLEAN, Point

from .along_severities import values_along
from .decision import Unsaid
from .severity import SeverityLine
from .verification import Verification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .space import Space

Line = list[tuple[float, Point]]


class AlongLines(Verification):
    """A statistic of patients and severities together, along each line; the worst line decides."""

    lines: dict[str, Line]  # by their end

    def decide(self, first_points: Sequence[Point]) -> dict[str, Any]:  # noqa: ARG002 - lines have no points to try first
        """Measure all lines on all patients and judge each."""
        self.lines = {}
        for space in filter(None, (self.space, self.plausible.space)):
            self.lines |= self._lines(space)
        points = [point for line in self.lines.values() for _, point in line]
        self.progress("severities", 0, len(points))
        self.measure(points)
        self.progress("severities", len(points), len(points))
        for end, line in self.lines.items():
            for structure in self.structures:
                values = values_along(self.cohort, [self.measured[str(point)] for _, point in line], structure)
                self.judge_values(values, self.points[end], structure)
        if not self.lines:
            nowhere = "there is no severity that could grow: state a perturbation with a range"
            self.unsaid = {(str(CLEAN), s): Unsaid(str(CLEAN), s, nowhere, blocks=True) for s in self.structures}
        return {
            "decided": {end: [str(point) for _, point in line] for end, line in self.lines.items()},
            "search": self.summary(),
            "warnings": self.corner_warnings(),
            "unperturbed": self.unperturbed(points),
        }

    def severities(self) -> Sequence[tuple[float, Point]]:
        """Those of the line that decides."""
        line = self.lines.get(self.worst.point) if self.cells else None
        return line or next(iter(self.lines.values()), [(0.0, CLEAN)])

    def _lines(self, space: Space) -> dict[str, Line]:
        lines = {}
        for corner in space.corners(self.budget.corners) if space.names else ():
            line = SeverityLine.of(space, corner)
            points = _points(line, self.budget.curve_points) if line else []
            if len(points) > 1:
                lines[str(points[-1][1])] = points
        return lines


def _points(line: SeverityLine, steps: int) -> Line:
    """The clean image, and what lies inside the stated domain: at even severities, or at least at its end."""
    severities = sorted({line.severity, *(k / steps for k in range(1, steps + 1))})
    inside = [(severity, line.point(severity)) for severity in severities if line.decides(severity)]
    points: Line = [(0.0, CLEAN)]
    for severity, point in inside:
        if severity > 0 and point not in [known for _, known in points]:
            points.append((severity, point))
    return points
