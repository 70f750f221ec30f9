"""Requirements that must hold at every point of a domain: measure where they are likeliest to fail, and decide there."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.perturbations.point import CLEAN, Point

from .all_patients import values_at
from .breaking_point import breaking_point, first_to_fail, held, worded
from .decision import judged, unsaid
from .failures import gross_failures
from .fresh_noise import with_fresh_noise
from .metric import level_of
from .patients import GROSS_FAILURE_RATE, MEAN
from .screening import Screening, screen
from .severity import SeverityLine
from .verification import Verification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.records import BreakingPoint, Measurement, RequirementResult

    from .decision import Cell
    from .patients import PatientValues


class OverPoints(Verification):
    """Each point is decided by itself, all patients together; the worst point decides."""

    line: SeverityLine | None = None
    drawn: Sequence[float] = ()  # severities of the line that were measured

    def decide(self, first_points: Sequence[Point]) -> dict[str, Any]:
        """Screen, measure the worst on all patients, follow the line of severity through the worst of them."""
        screening = self.screen(first_points) if self.requirement.domains else Screening()
        decided = self.chosen(screening, first_points)
        self.progress("deciding", 0, len(decided))
        self.measure(decided)
        self.progress("deciding", len(decided), len(decided))
        for point in decided:
            self.judge(point)
        self.line = self._line()
        severities = self._curve(self.line) if self.line else []
        found = None
        if self.line and self.cells:
            found, severities = self._breaking_point(self.line, severities)
        self.drawn = severities
        return {
            "curve": self._curve_cells(self.line, severities) if self.line else [],
            "breaking_point": found,
            "search": self.summary([(trial.point, trial.worst) for trial in screening.trials], screening.patients),
            "warnings": self.corner_warnings(),
            "unperturbed": self.unperturbed(decided),
        }

    def severities(self) -> Sequence[tuple[float, Point]]:
        """Those of the degradation curve; the clean image alone where there is none."""
        line = self.line
        return [(severity, line.point(severity)) for severity in self.drawn] if line else [(0.0, CLEAN)]

    def run(self, first_points: Sequence[Point]) -> RequirementResult:
        """The result, with what its worst point gives under noise that the search has not seen."""
        found = super().run(first_points)
        if found.worst is None or not self.cells:
            return found
        point = self.points[self.worst.point]
        if not self.space.free:
            return found  # one point alone is stated: nothing was chosen for what its draw of noise did
        rows = self.evaluation.measure_with_fresh_noise(point, realisations=self.realisations)
        if not rows:
            return found
        here = [structure for structure in self.structures if (str(point), structure) in self.cells]
        cells = [cell for structure in here if (cell := self._cell(point, structure, rows))]
        fewest = self.decision.minimum_patients
        silent = [unsaid(self.criterion, self.values(rows, s), str(point), s, fewest) for s in here]
        return with_fresh_noise(
            found,
            cells,
            self.criterion,
            plausible=self.plausible.holds(point),
            blocked=[u for u in silent if u is not None and u.blocks],
            failures=self._only_with_fresh_noise(found, rows),
        )

    def values(self, rows: Sequence[Measurement], structure: str) -> PatientValues:
        """What is judged of a point's measurements."""
        return self.cohort.at(rows, structure)

    def judge(self, point: Point) -> None:
        """Decide the cells of a point inside the domain; from here on they count for the verdict."""
        for structure in self.structures:
            if (str(point), structure) not in self.cells:
                self.judge_values(self.values(self.measured[str(point)], structure), point, structure)

    def screen(self, first_points: Sequence[Point]) -> Screening:
        """Search on the screening patients, one noise draw each; on all where these lack one of the structures."""
        structures = [s for s in self.structures if self.cohort.counted(s)]
        if not structures:
            return Screening()
        few = self._cohort(self.evaluation.measure([CLEAN], screening=True))
        screening = all(few.counted(structure) for structure in structures)
        return screen(
            self.space,
            self.criterion,
            few if screening else self.cohort,
            structures,
            lambda points: self.evaluation.measure(points, screening=screening, realisations=1),
            budget=self.budget.points,
            corners=self.budget.corners,
            seed=self.seed,
            first=first_points,
            progress=lambda done: self.progress("searching", min(done, self.budget.points), self.budget.points),
        )

    def chosen(self, screening: Screening, first_points: Sequence[Point]) -> list[Point]:
        """The points that decide: the worst found, all corners (of a plausible part, too), last time's, the mildest."""
        if not self.requirement.domains:
            return [CLEAN]
        chosen = screening.worst(self.space, self.budget.worst)
        if screening.patients == len(self.evaluation.patients) and self.realisations == 1:
            chosen += [trial.position for trial in screening.trials]  # measured on all patients already
        chosen += self.space.corners(self.budget.corners)
        chosen += [position for position in map(self.space.position, first_points[: self.budget.corners]) if position]
        clinical = self.plausible.corners(self.budget.corners)
        return list(dict.fromkeys([*map(self.space.point, chosen), *clinical, self.space.identity()]))

    def _line(self) -> SeverityLine | None:
        """The line through the worst point; None where there is none, or where it would decide nothing and is not wished."""
        if not (self.cells or self.unsaid) or not self.requirement.domains:
            return None
        if not (self.space.continuous or self.decision.curve_of_single_strengths):
            return None
        position = self.space.position(self.points[self.worst.point]) if self.cells else None
        line = SeverityLine.of(self.space, position) if position else None
        return line or SeverityLine.of(self.space, self.space.corners(1)[0])

    def _curve(self, line: SeverityLine) -> list[float]:
        """The severities of the degradation curve, measured on all patients; those in the domain decide, too."""
        steps = self.budget.curve_points
        severities = sorted({0.0, line.severity, *(k / steps for k in range(1, steps + 1))})
        self.progress("degradation curve", 0, len(severities))
        self.measure([line.point(severity) for severity in severities])
        self.progress("degradation curve", len(severities), len(severities))
        for severity in severities:
            if line.decides(severity):
                self.judge(line.point(severity))
        return severities

    def _breaking_point(self, line: SeverityLine, severities: list[float]) -> tuple[BreakingPoint, list[float]]:
        cell = self.worst
        if cell.verdict == "passed":
            return held(line, 1.0), severities
        done = 0

        def measure(severity: float) -> np.ndarray:
            nonlocal done
            self.measure([line.point(severity)])
            done += 1
            self.progress("breaking point", done, self.budget.bisections)
            if line.decides(severity):
                self.judge(line.point(severity))
            return self._numbers(line.point(severity), first)

        judged_at = [c.structure for c in self.cells.values() if c.point == cell.point]
        curves = {s: {x: self._numbers(line.point(x), s) for x in severities} for s in judged_at}
        first = first_to_fail(curves, self.criterion, otherwise=cell.structure)
        found, curve = breaking_point(line, curves[first], self.criterion, measure, bisections=self.budget.bisections)
        return worded(found, cell.verdict, first if len(curves) > 1 else ""), list(curve)

    def _numbers(self, point: Point, structure: str) -> np.ndarray:
        """The criterion's number per patient at a point that has been measured: of all patients, NaN where one has none."""
        values = self.values(self.measured[str(point)], structure)
        numbers = self.criterion.reduced(values.values)
        if not values.without:
            return numbers
        everyone = dict.fromkeys(self.cohort.patient_of[case] for case in self.cohort.counted(structure))
        known = dict(zip(values.patients, numbers, strict=True))
        return np.array([known.get(patient, np.nan) for patient in everyone])

    def _curve_cells(self, line: SeverityLine, severities: Sequence[float]) -> list[tuple[float, Cell]]:
        cells = []
        for structure in self.structures:
            for severity in severities:
                point = line.point(severity)
                cell = self.cells.get((str(point), structure)) or self._cell(
                    point, structure, self.measured[str(point)]
                )
                cells += [(severity, cell)] if cell else []
        return cells

    def _only_with_fresh_noise(self, found: RequirementResult, rows: Sequence[Measurement]) -> list[str]:
        """Cases with a gross failure under fresh noise that have none of those that were counted, in words."""
        if found.gross_failures is None or self.requirement.measure.metric == GROSS_FAILURE_RATE:
            return []
        counted = {failure["case"] for failure in found.gross_failures.cases}
        judged_here = [m for m in rows if MEAN in self.structures or m.structure in self.structures]
        failed = {m.case: why for m, why in gross_failures(judged_here, self.cohort.dsc_below) if m.case not in counted}
        if not failed:
            return []
        case, why = next(iter(failed.items()))
        return [f"with fresh noise at the worst point, {len(failed)} more cases fail grossly, such as {case} ({why})"]

    def _cell(self, point: Point, structure: str, rows: Sequence[Measurement]) -> Cell | None:
        """The cell of a point, which decides nothing by itself; None where there is nothing to say."""
        values = self.values(rows, structure)
        if values.constant or self.criterion.undefined(values.values):
            return None
        return judged(self.criterion, values, str(point), structure, self.decision.minimum_patients)


class AllPatients(OverPoints):
    """A statistic of all patients: of a few of them it says nothing, so there is no screening."""

    def values(self, rows: Sequence[Measurement], structure: str) -> PatientValues:
        """Uncertainty and error of each patient."""
        return values_at(self.cohort, rows, structure)

    def screen(self, first_points: Sequence[Point]) -> Screening:  # noqa: ARG002 - they are measured on all patients
        """None."""
        return Screening()

    def chosen(self, screening: Screening, first_points: Sequence[Point]) -> list[Point]:
        """The corners, an even spread inside of domains with several parameters, and what every requirement has."""
        points = super().chosen(screening, first_points)
        spread = self.budget.points // 6 if len(self.space.continuous) > 1 else 0
        inside = itertools.islice(self.space.spread(self.seed), spread)
        return list(dict.fromkeys([*points, *map(self.space.point, inside)]))


def over_points(metric: str) -> type[OverPoints]:
    """The kind of verification that a metric needs."""
    return AllPatients if level_of(metric) == "patients" else OverPoints
