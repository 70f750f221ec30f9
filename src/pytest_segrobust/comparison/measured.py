"""What one run has measured of one requirement, read back from its store."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import EvidenceError, SegrobustError
from ..perturbations.point import CLEAN, Point
from ..requirements.sentence import parse
from ..verification.decision import Criterion
from ..verification.failures import gross_failures
from ..verification.metric import level_of
from ..verification.patients import MEAN, Cohort, PatientValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..evidence.records import Measurement, RequirementResult
    from ..requirements.decision_settings import DecisionSettings
    from ..requirements.requirement import Measure, Requirement
    from .opened import OpenedRun

    Measured = Callable[[Point, int], list[list[Measurement]]]


def claim_of(result: RequirementResult) -> Requirement | None:
    """The requirement that a result's sentence states; None for a test in Python, whose text claims nothing."""
    try:
        return replace(parse(result.statement), id=result.id, confidence=result.confidence)
    except SegrobustError:
        return None


def has_patient_values(measure: Measure) -> bool:
    """Whether each patient has a value of it: not where one statistic of all patients is the measure."""
    return level_of(measure.metric) in ("cases", "voxels")


class MeasuredClaim:
    """The rows of one run for one requirement; `more` measures a point that was not, where the model is at hand."""

    def __init__(
        self,
        run: OpenedRun,
        result: RequirementResult,
        claim: Requirement,
        decision: DecisionSettings,
        more: Measured | None = None,
    ) -> None:
        self.run, self.result, self.claim, self.decision = run, result, claim, decision
        self._more = more
        self._draws: dict[str, list[list[Measurement]]] = {}

    @cached_property
    def clean(self) -> list[Measurement]:
        """The clean measurements of all cases."""
        return self.run.store.find(self.result.context, str(CLEAN), 0)

    @cached_property
    def scores(self) -> Cohort:
        """The patients with the metric's own score, whatever form the requirement gives it."""
        return self._cohort(replace(self.claim.measure, form="value"))

    @property
    def structures(self) -> tuple[str, ...]:
        """The structures that the claim is about."""
        if self.claim.average:
            return (MEAN,)
        return (self.claim.structure,) if self.claim.structure else self.scores.structures

    def worst_points(self) -> Iterator[tuple[str, Point]]:
        """The structures, each with the point that is its worst; the deciding one's first."""
        if self.result.worst:
            yield str(self.result.worst.get("structure")), Point.from_json(self.result.worst["parameters"])
        for entry in self.result.structures:
            if entry.get("worst"):
                yield str(entry["structure"]), Point.from_json(entry["worst"]["parameters"])

    def known_points(self) -> dict[str, float | None]:
        """The texts of points that may have been measured on all patients, with their severity on the curve."""
        found: dict[str, float | None] = {str(CLEAN): None}
        found |= {str(point): None for _, point in self.worst_points()}
        for each in self.result.curve:
            found[each.point] = each.severity
        for trial in self.result.search.get("trials", []):
            found.setdefault(str(trial["point"]), None)
        return found

    def draws(self, text: str, point: Point | None = None, *, least: int = 1) -> list[list[Measurement]]:
        """The noise draws at a point that all cases have; those that are lacking are measured where that is possible."""
        if text not in self._draws:
            found: list[list[Measurement]] = []
            while len(rows := self.run.store.find(self.result.context, text, len(found))) == len(self.clean) > 0:
                found.append(rows)
            self._draws[text] = found
        found = self._draws[text]
        if point is not None and self._more is not None and not found:
            found += self._more(point, least)
        return found

    def at(self, draws: Sequence[Sequence[Measurement]], structure: str) -> PatientValues:
        """The metric's score per patient. Raises EvidenceError where a case is missing or out of view."""
        return self.scores.at([row for draw in draws for row in draw], structure)

    def failures(self, draws: Sequence[Sequence[Measurement]]) -> dict[tuple[str, str], tuple[Measurement, str]]:
        """The gross failures at a point by case and structure, of the structures that the claim is about."""
        rows = (row for draw in draws for row in draw if MEAN in self.structures or row.structure in self.structures)
        found: dict[tuple[str, str], tuple[Measurement, str]] = {}
        for row, why in gross_failures(rows, self._dsc_below):
            found.setdefault((row.case, row.structure), (row, why))
        return found

    def contradiction(self) -> str:
        """Why the rows are not those of the result, read with this [decision]; "" where they give the same numbers."""
        worst = self.result.worst
        if worst is None or self.result.estimate is None:
            return "it has no estimate"
        point = str(Point.from_json(worst["parameters"]))
        draws = self.draws(point)
        if not draws:
            return f"its measurements at {point} are not in the store"
        criterion = Criterion.of(self.claim, seed=int(self.run.run.get("seed") or 0))
        rows = [row for draw in draws for row in draw]
        try:
            values = self._cohort(self.claim.measure).at(rows, str(worst["structure"])).values
        except EvidenceError as error:
            return str(error)
        again = criterion.estimate(values)
        if not math.isclose(again, self.result.estimate, rel_tol=1e-9, abs_tol=1e-12):
            return f"its measurements give {again:.6g} at {point}, its report says {self.result.estimate:.6g}"
        listed = {
            (each["case"], each["structure"])
            for each in (self.result.gross_failures.cases if self.result.gross_failures else [])
            if each["point"] == point
        }
        if listed != set(self.failures(draws)):
            return f"its measurements have other gross failures at {point} than its report"
        return ""

    @property
    def _dsc_below(self) -> float | None:
        return self.decision.gross_failure.dsc_below if self.decision.gross_failure else None

    def _cohort(self, measure: Measure) -> Cohort:
        return Cohort(
            self.clean,
            measure,
            self.claim.comparison,
            empty_reference=self.decision.empty_reference,
            dsc_below=self._dsc_below,
            perturbed_structures=[name for domain in self.claim.domains for name in domain.acts_on],
        )
