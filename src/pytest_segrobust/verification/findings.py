"""What a verification has found, before it is put into words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_segrobust.perturbations.point import CLEAN

from .words import verdict_reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import BreakingPoint, Measurement
    from pytest_segrobust.perturbations.point import Point
    from pytest_segrobust.requirements.requirement import Requirement

    from .decision import Cell, Criterion, Unsaid
    from .patients import Cohort


@dataclass(frozen=True)
class Findings:
    """What a verification has found: the cells that decide, the curve, and the cohort they are about."""

    requirement: Requirement
    criterion: Criterion
    cohort: Cohort
    structures: tuple[str, ...]
    points: Mapping[str, Point]
    measurements: Mapping[str, Sequence[Measurement]]  # by point, all patients
    cells: Sequence[Cell]
    plausible: Cell | None = None  # the decision in the plausible part of a stress test
    plausible_unsaid: Sequence[Unsaid] = ()
    curve: Sequence[tuple[float, Cell]] = ()
    breaking_point: BreakingPoint | None = None
    search: Mapping[str, Any] | None = None
    warnings: Sequence[str] = ()
    minimum_patients: int = 0
    unsaid: Sequence[Unsaid] = ()  # points at which nothing can be said of uncertainty
    decided: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of a cell along a line: all its points
    uncertainty: dict[str, Any] | None = None  # what the report draws of it
    breaking_by_patient: dict[str, Any] | None = None
    strata: Sequence[dict[str, Any]] = ()  # reported beside the decision
    unexhausted: str = ""  # why nothing may pass
    unperturbed: str = ""  # why nothing was shown

    def points_of(self, cell: Cell) -> Sequence[str]:
        """The points that a cell was decided at: one, or those of a line of growing severity."""
        return self.decided.get(cell.point, (cell.point,))

    def place(self, cell: Cell) -> str:
        """Where a cell was decided, in words: "at gamma(gamma=2)", "on clean images"."""
        if cell.point == str(CLEAN):
            return "on clean images"
        if cell.point not in self.decided:
            return f"at {cell.point}"
        return f"over {len(self.decided[cell.point])} severities up to {cell.point}"

    def lacking(self) -> dict[str, str]:
        """The structures of which nothing can be decided, and why."""
        return {s: why for s in self.structures if (why := self._lacks(s))}

    def blocked(self, structure: str | None = None) -> str:
        """Why nothing may pass although there are decisions: at some point the uncertainty of a structure says nothing."""
        blocking = [u for u in self.unsaid if u.blocks and structure in (None, u.structure)]
        more = f", and {len(blocking) - 1} more such points" if len(blocking) > 1 else ""
        return _at(blocking[0]) + more if blocking else ""

    def hidden(self) -> str:
        """What a stress test does not show in its plausible part, where a clinic would meet it; "" where it is shown."""
        part = self.plausible
        if part is not None and part.verdict != "passed":
            return verdict_reason(self.requirement, self.criterion, part, self.place(part))
        return next((_at(unsaid) for unsaid in self.plausible_unsaid if unsaid.blocks), "")

    def _lacks(self, structure: str) -> str:
        cells = [cell for cell in self.cells if cell.structure == structure]
        if any(cell.verdict == "failed" for cell in cells):
            return ""
        places = {cell.point for cell in cells}
        silent = [unsaid for unsaid in self.unsaid if unsaid.structure == structure]
        if silent and places <= {str(CLEAN)}:  # what holds on clean images alone was not shown under a perturbation
            first = next((unsaid for unsaid in silent if unsaid.blocks), silent[-1])
            others = len(silent) - 1
            return _at(first) + (f", and nothing can be said at {others} more points" if others else "")
        if places:
            return ""
        patients = {self.cohort.patient_of[case] for case in self.cohort.counted(structure)}
        return f"{len(patients)} patients can be judged for {structure}, {self.minimum_patients} are needed"


def _at(unsaid: Unsaid) -> str:
    return f"{unsaid.structure} at {unsaid.point}: {unsaid.reason}"
