"""One requirement from its claim to its result: screen, measure the worst on all patients, decide, find the breaking point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import SegrobustError
from pytest_segrobust.perturbations.catalogue import catalogue
from pytest_segrobust.perturbations.point import CLEAN, Point

from .breaking_point import breaking_point, first_to_fail, held, worded
from .decision import Cell, Criterion, judged, worst
from .masking import attacks, masking_checks, with_checks
from .patients import MEAN, Cohort
from .plausible import PlausiblePart
from .reach import claims_nothing, unperturbed
from .results import Findings, result, undecided
from .screening import Screening, screen
from .severity import SeverityLine
from .space import MOST_WORDS, Continuous, Space

if TYPE_CHECKING:
    import numpy as np

    from pytest_segrobust.evidence.records import BreakingPoint, Measurement, RequirementResult
    from pytest_segrobust.requirements.requirement import Requirement
    from pytest_segrobust.requirements.settings import DecisionSettings

    from .measuring import Evaluation
    from .profiles import Budget

Progress = Callable[[str, int, int], None]


def verify(
    requirement: Requirement,
    evaluation: Evaluation,
    *,
    decision: DecisionSettings,
    budget: Budget,
    seed: int,
    first_points: Sequence[Point] = (),
    progress: Progress | None = None,
) -> RequirementResult:
    """The result of a requirement, with all that a report says of it; the same inputs give the same result.

    A pass needs every point that was measured on all patients to pass: the worst ones of the search, the corners of the
    domain, and the points of the degradation curve. Errors of the data, of a perturbation or of the machine's files
    make it invalid, never passed. `first_points` are tried first, such as those that failed in the last run.
    """
    try:
        return _Verification(requirement, evaluation, decision, budget, seed=seed, progress=progress or _silent).run(
            first_points
        )
    except (SegrobustError, OSError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return undecided(requirement, "invalid", f"no result: {reason}")


def _silent(stage: str, done: int, total: int) -> None:
    pass


class _Verification:
    """The life of one verification: what has been measured so far, and the cells judged from it."""

    def __init__(
        self,
        requirement: Requirement,
        evaluation: Evaluation,
        decision: DecisionSettings,
        budget: Budget,
        *,
        seed: int,
        progress: Progress,
    ) -> None:
        self.attacked = any(catalogue()[domain.perturbation].attack for domain in requirement.domains)
        if self.attacked:
            budget = budget.for_attacks()
        self.requirement, self.evaluation, self.decision, self.budget = requirement, evaluation, decision, budget
        self.seed, self.progress = seed, progress
        self.space = Space.of(requirement)
        self.plausible = PlausiblePart.of(requirement)
        self.criterion = Criterion.of(requirement, seed=seed, resamples=budget.resamples)
        random = any(catalogue()[domain.perturbation].random for domain in requirement.domains)
        self.realisations = (decision.realisations or budget.realisations) if random else 1
        self.measured: dict[str, list[Measurement]] = {}  # by point, all patients
        self.points: dict[str, Point] = {}
        self.cells: dict[tuple[str, str], Cell] = {}
        if requirement.average:
            self.structures: tuple[str, ...] = (MEAN,)
        else:
            self.structures = (requirement.structure,) if requirement.structure else evaluation.structures

    def run(self, first_points: Sequence[Point]) -> RequirementResult:
        unknown = [s for s in self.structures if s != MEAN and s not in self.evaluation.structures]
        if unknown:
            known = ", ".join(self.evaluation.structures)
            return undecided(
                self.requirement, "not_evaluable", f"the model has no structure {unknown[0]!r}; it has {known}"
            )
        self.measure([CLEAN])
        self.cohort = self._cohort(self.measured[str(CLEAN)])
        empty = claims_nothing(self.criterion, self.cohort, self.structures)
        if empty:
            return undecided(self.requirement, "not_evaluable", empty)
        screening = self._screen(first_points) if self.requirement.domains else Screening()
        decided = self._decided(screening, first_points)
        self.progress("deciding", 0, len(decided))
        self.measure(decided)
        self.progress("deciding", len(decided), len(decided))
        for point in decided:
            self.judge(point)
        line = self._line()
        severities = self._curve(line) if line else []
        found = None
        if line and self.cells:
            found, severities = self._breaking_point(line, severities)
        found_all = result(
            Findings(
                requirement=self.requirement,
                criterion=self.criterion,
                cohort=self.cohort,
                structures=self.structures,
                points=self.points,
                measurements=self.measured,
                cells=list(self.cells.values()),
                plausible=self.plausible.worst(self.cells.values(), self.points),
                curve=self._curve_cells(line, severities) if line else [],
                breaking_point=found,
                search=self._summary(screening),
                warnings=self._search_warnings(),
                minimum_patients=self.decision.minimum_patients,
                unexhausted=self._unexhausted(),
                unperturbed=self._unperturbed(decided),
            )
        )
        return self._checked(found_all) if self.attacked else found_all

    def measure(self, points: Sequence[Point]) -> None:
        """Measure points on all patients, in one call for those that are new."""
        fresh = [point for point in dict.fromkeys(points) if str(point) not in self.measured]
        if not fresh:
            return
        for point in fresh:
            self.points[str(point)] = point
            self.measured[str(point)] = []
        for m in self.evaluation.measure(fresh, realisations=self.realisations):
            if m.point in self.measured:
                self.measured[m.point].append(m)

    def judge(self, point: Point) -> None:
        """Decide the cells of a point inside the domain; from here on they count for the verdict."""
        for structure in self.structures:
            key = (str(point), structure)
            if key not in self.cells:
                cell = self._cell(point, structure)
                if cell:
                    self.cells[key] = cell

    @property
    def worst(self) -> Cell:
        return worst(self.cells.values())

    def _cell(self, point: Point, structure: str) -> Cell | None:
        values = self.cohort.at(self.measured[str(point)], structure)
        return judged(self.criterion, values, str(point), structure, self.decision.minimum_patients)

    def _cohort(self, clean: Sequence[Measurement]) -> Cohort:
        gross = self.decision.gross_failure
        return Cohort(
            clean,
            self.requirement.measure,
            self.requirement.comparison,
            empty_reference=self.decision.empty_reference,
            dsc_below=gross.dsc_below if gross else None,
            perturbed_structures=[name for domain in self.requirement.domains for name in domain.acts_on],
        )

    def _screen(self, first_points: Sequence[Point]) -> Screening:
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

    def _decided(self, screening: Screening, first_points: Sequence[Point]) -> list[Point]:
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
        if not self.cells or not self.requirement.domains:
            return None
        position = self.space.position(self.points[self.worst.point])
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

    def _checked(self, found: RequirementResult) -> RequirementResult:
        """The result with the self-checks of its attack, at the most severe corner."""
        strongest = self.space.point(self.space.corners(1)[0])
        if not attacks(strongest):
            return found
        self.progress("checking the attack", 0, 1)
        checks = masking_checks(
            strongest,
            lambda points: self.evaluation.measure(points, screening=True),
            structures=() if MEAN in self.structures else self.structures,
            surrogate=self.evaluation.has_surrogate,
        )
        self.progress("checking the attack", 1, 1)
        return with_checks(found, checks, self.evaluation.attack_notes)

    def _numbers(self, point: Point, structure: str) -> np.ndarray:
        """The criterion's number per patient at a point that has been measured."""
        return self.criterion.reduced(self.cohort.at(self.measured[str(point)], structure).values)

    def _curve_cells(self, line: SeverityLine, severities: Sequence[float]) -> list[tuple[float, Cell]]:
        cells = []
        for structure in self.structures:
            for severity in severities:
                point = line.point(severity)
                cell = self.cells.get((str(point), structure)) or self._cell(point, structure)
                cells += [(severity, cell)] if cell else []
        return cells

    def _summary(self, screening: Screening) -> dict[str, Any]:
        if not self.requirement.domains:
            return {"points_tried": 0, "screening_patients": 0, "decided_points": 1}
        return {
            "points_tried": len(screening.trials),
            "screening_patients": screening.patients,
            "decided_points": len({point for point, _ in self.cells}),
            "realisations": self.realisations,
            "seed": self.seed,
            "units": {a.parameter.name: a.parameter.unit for a in self.space.axes if isinstance(a, Continuous)},
            "trials": [{"point": str(trial.point), "excess": trial.worst} for trial in screening.trials],
        }

    def _search_warnings(self) -> list[str]:
        corners, measured = self.space.corner_count, len(self.space.corners(self.budget.corners))
        if corners <= measured:
            return []
        return [f"{measured} of the domain's {corners} corners were measured on all patients"]

    def _unperturbed(self, decided: Sequence[Point]) -> str:
        counted = {case for structure in self.structures for case in self.cohort.counted(structure)}
        rows = [m for point in decided if point != CLEAN for m in self.measured[str(point)]]
        only_attacked = all(catalogue()[domain.perturbation].attack for domain in self.requirement.domains)
        if only_attacked and any(m.strength.get("changed", 1.0) > 0 for m in rows):
            return ""  # an attack that leaves an image as it is has found nothing worse; one that leaves all of them is none
        return unperturbed(counted, rows)

    def _unexhausted(self) -> str:
        """Why nothing may pass; "" where all that must be measured was."""
        if self.space.word_count <= MOST_WORDS:
            return ""
        return (
            f"only {MOST_WORDS} of {self.space.word_count} combinations of words were measured, and the others may be worse; "
            "state fewer words, or a requirement for each"
        )
