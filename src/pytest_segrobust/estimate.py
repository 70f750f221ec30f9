"""An estimate: a measure at one point, which compares with a limit through its interval and says why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import DataError, EvidenceError, SpecError
from .evidence.records import Measurement, RequirementResult
from .perturbations.point import CLEAN
from .perturbations.severity import is_identity
from .python_requirements import Comparison as Compared
from .requirements import claim
from .requirements import measure as measures
from .requirements.requirement import Comparison, Measure, Requirement
from .verification.all_patients import values_at
from .verification.chance import level_by_chance, met_by_chance
from .verification.decision import SEVERITY, Cell, Unsaid, judged, unsaid, worst
from .verification.failures import count_gross_failures
from .verification.findings import Findings
from .verification.metric import level_of
from .verification.moved import outweighs_limit
from .verification.patients import Cohort
from .verification.reach import claims_nothing
from .verification.statistic_criterion import criterion_of
from .verification.uncertainty_evidence import uncertainty_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .perturbations.point import Point
    from .requirements.decision_settings import DecisionSettings


@dataclass(frozen=True, eq=False)
class Estimate:
    """A measure at one point: a mean over patients per structure, or a statistic of all of them, with an interval.

    Compared with a limit it is true only where the whole deciding interval of every structure is on that side, so
    `assert` passes what has been shown and nothing else. An estimate is never equal to a number. Uncertainty may have no
    value at a point (constant, or nothing is wrong there): then comparing raises EvidenceError, "not evaluable: ...".
    """

    measure: Measure
    point: Point
    structure: str | None
    clean: tuple[Measurement, ...]
    perturbed: tuple[Measurement, ...]
    decision: DecisionSettings
    confidence: float
    seed: int
    context: str = ""
    score_keys: tuple[str, ...] = ()
    patients: float | None = None
    comparisons: list[Compared] | None = None
    notes: tuple[str, ...] = ()  # what a reader must know of the attacks that were made
    source: Mapping[str, Any] = field(default_factory=dict)  # where uncertainty comes from; {} of other measures
    doubts: tuple[str, ...] = ()  # of an attack that something weaker outdid: then nothing passes
    unsteady: Callable[[], str] | None = None  # why predictions depend on more than their images: asked before a pass

    WORDS: ClassVar[dict[Comparison, str]] = {
        "below": "is not below", "at most": "is not at most", "above": "is not above",
        "at least": "is not at least", "within": "is not within ±",
    }  # fmt: skip

    def for_patients(self, share: float) -> Estimate:
        """The claim for a share of patients instead of their mean: `drop.for_patients(0.95) < 0.05`."""
        claim.check_patients(self.measure, share)
        return replace(self, patients=share)

    def at_confidence(self, confidence: float) -> Estimate:
        """Another one-sided confidence than the spec's."""
        claim.check_share(confidence, "confidence")
        return replace(self, confidence=confidence)

    def within(self, limit: float) -> bool:
        """Whether the whole interval lies within ±limit, for a bias."""
        return self._compare("within", limit)

    def __lt__(self, limit: float) -> bool:
        return self._compare("below", limit)

    def __le__(self, limit: float) -> bool:
        return self._compare("at most", limit)

    def __gt__(self, limit: float) -> bool:
        return self._compare("above", limit)

    def __ge__(self, limit: float) -> bool:
        return self._compare("at least", limit)

    def __eq__(self, other: object) -> bool:
        raise SpecError(f"{measures.words(self.measure)} is an interval: compare it with <, <=, > or >=")

    __hash__ = None  # type: ignore[assignment]  # not comparable, so not hashable

    def __repr__(self) -> str:
        return f"<{measures.words(self.measure)} at {self.point}>"

    def explain_comparison(self, operator: str, limit: object) -> Sequence[str]:
        """The lines that pytest shows under a failed assert."""
        comparison: Comparison | None = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}.get(operator)  # type: ignore[assignment]
        if comparison is None or not isinstance(limit, int | float):
            return [repr(self)]
        decisive = self._decisive(comparison, float(limit))
        if isinstance(decisive, Unsaid):
            return [_not_evaluable(decisive)]
        return self._words(comparison, float(limit), decisive)

    def _compare(self, comparison: Comparison, limit: float) -> bool:
        if not isinstance(limit, int | float):
            raise SpecError(f"{measures.words(self.measure)} compares with a number, not with {limit!r}")
        claim.check_comparison(self.measure, comparison)
        claim.check_limit(self.measure, comparison, float(limit))
        cell = self._decisive(comparison, float(limit))
        if self.doubts and (isinstance(cell, Unsaid) or cell.verdict != "failed"):
            raise EvidenceError(f"gradients masked? {self.doubts[0]}; the attack at {self.point} says nothing")
        if not isinstance(cell, Unsaid) and cell.verdict == "passed" and self.unsteady and (why := self.unsteady()):
            raise EvidenceError(why)
        if self.comparisons is not None:
            self.comparisons.append(self._compared(comparison, float(limit), cell))
        if isinstance(cell, Unsaid):  # False would be a verdict on the model for whoever writes `assert not ...`
            raise EvidenceError(_not_evaluable(cell))
        return cell.verdict == "passed"

    def _requirement(self, comparison: Comparison, limit: float) -> Requirement:
        return Requirement(
            id="",
            measure=self.measure,
            comparison=comparison,
            limit=limit,
            structure=self.structure,
            patients=self.patients,
            confidence=self.confidence,
        )

    def _cohort(self, comparison: Comparison) -> Cohort:
        return Cohort(
            self.clean,
            self.measure,
            comparison,
            empty_reference=self.decision.empty_reference,
            dsc_below=self._dsc_below,
            perturbed_structures={step.on for step in self.point.steps if step.on is not None},
        )

    def _decisive(self, comparison: Comparison, limit: float) -> Cell | Unsaid:
        """The structure that decides: one that failed, then one of which nothing can be said, then the worst."""
        cohort = self._cohort(comparison)
        requirement = self._requirement(comparison, limit)
        criterion = criterion_of(requirement, seed=self.seed)
        structures = (self.structure,) if self.structure else cohort.structures
        if reason := claims_nothing(criterion, cohort, structures):
            raise SpecError(reason)
        cells: list[Cell] = []
        nothing: list[Unsaid] = []
        for structure in structures:
            values = (
                values_at(cohort, self.perturbed, structure)
                if level_of(self.measure.metric) == "patients"
                else cohort.at(self.perturbed, structure)
            )
            fewest = self.decision.minimum_patients
            if (lacking := unsaid(criterion, values, str(self.point), structure, fewest)) is not None:
                nothing.append(lacking)
                continue
            cell = judged(criterion, values, str(self.point), structure, fewest)
            if cell is None:
                raise DataError(
                    f"{structure}: {len(values.patients)} patients are too few to say anything "
                    f"([decision] minimum_patients = {fewest})"
                )
            explained, _ = cohort.moving(self.perturbed, structure)
            if cell.verdict == "passed" and outweighs_limit(explained, requirement):
                cell = replace(cell, verdict="not_evaluable")  # it would pass by what was subtracted for interpolation
            cells.append(cell)
        if nothing and not any(cell.verdict == "failed" for cell in cells):
            return nothing[0]
        decisive = worst(cells)
        if decisive.verdict == "passed" and (why := met_by_chance(self._findings(comparison, limit, cells))):
            return Unsaid(decisive.point, decisive.structure, why, blocks=True)
        return decisive

    def _findings(self, comparison: Comparison, limit: float, cells: Sequence[Cell]) -> Findings:
        """What was found at this point, for what is asked of the findings of a sentence, too."""
        requirement = self._requirement(comparison, limit)
        return Findings(
            requirement=requirement,
            criterion=criterion_of(requirement, seed=self.seed),
            cohort=self._cohort(comparison),
            structures=tuple(cell.structure for cell in cells),
            points={str(CLEAN): CLEAN, str(self.point): self.point},
            measurements={str(CLEAN): self.clean, str(self.point): self.perturbed},
            cells=cells,
        )

    @property
    def _dsc_below(self) -> float | None:
        return self.decision.gross_failure.dsc_below if self.decision.gross_failure else None

    def _words(self, comparison: Comparison, limit: float, cell: Cell) -> list[str]:
        asked = f"{self.WORDS[comparison]} {measures.format_value(self.measure, limit)}"
        estimate, low, high = cell.estimate, cell.interval.low, cell.interval.high
        if self.patients is not None:
            numbers = f"share of patients who meet it = {estimate:.4g} [{low:.4g}, {high:.4g}]"
            asked = f"is not at least {self.patients:g}, where {measures.words(self.measure)} {asked} for the others"
        else:
            bounds = ", ".join(measures.format_bound(self.measure, bound) for bound in (low, high))
            numbers = f"{measures.words(self.measure)} = {measures.format_value(self.measure, estimate)} [{bounds}]"
        people = f"{len(cell.values.patients)} patients, one-sided {self.confidence:.4g}"
        lines = [
            f"{numbers} ({people}) {asked}",
            f"{cell.verdict.replace('_', ' ')} for {cell.structure} at {self.point}",
        ]
        if cell.verdict == "not_evaluable":
            lines[1] += ": more was subtracted for interpolating labels than the limit allows"
        return [*lines, cell.interval.warning] if cell.interval.warning else lines

    def _compared(self, comparison: Comparison, limit: float, cell: Cell | Unsaid) -> Compared:
        requirement = self._requirement(comparison, limit)
        criterion = criterion_of(requirement, seed=self.seed)
        cohort = self._cohort(comparison)
        failures = count_gross_failures(
            [m for m in self.perturbed if self.structure in (None, m.structure)],
            cohort.at_risk,
            dsc_below=self._dsc_below,
            confidence=self.confidence,
        )
        result = RequirementResult(
            id="",
            statement="",
            verdict="not_evaluable" if isinstance(cell, Unsaid) else cell.verdict,
            measure=measures.words(self.measure),
            limit=criterion.limit,
            comparison=criterion.comparison,
            unit="mm" if measures.unit(self.measure) == "mm" and not criterion.is_share else "",
            confidence=self.confidence,
            gross_failures=failures,
            worst={"parameters": self.point.to_json(), "text": str(self.point), "structure": cell.structure},
            context=self.context,
            score_keys=list(self.score_keys),
            search={"caveats": list(self.notes)} if self.notes else {},
            warnings=list(self.notes),
        )
        if self.source:
            result = replace(result, uncertainty=self._evidence(cohort, cell.structure))
        if isinstance(cell, Unsaid):
            result = replace(result, reason=_not_evaluable(cell))
            return Compared("not_evaluable", SEVERITY.index("not_evaluable") * 1e9, result)
        result = replace(
            result,
            estimate=cell.estimate,
            interval=criterion.shown(cell.interval),
            two_sided=criterion.shown(criterion.interval(cell.values.values, 0.975)),
            method=cell.interval.method,
            n_patients=len(cell.values.patients),
            n_cases=len(cell.values.cases),
            cases=list(cell.values.cases),
            warnings=[
                *self.notes,
                *([cell.interval.warning] if cell.interval.warning else []),
                *level_by_chance(self._findings(comparison, limit, [cell]), cell),
            ],
            reason="; ".join(self._words(comparison, limit, cell)[:2]) if cell.verdict != "passed" else "",
        )
        changes = self.measure.form != "value" or self.measure.metric == "agreement"
        trivial = changes and is_identity(self.point)
        return Compared(cell.verdict, SEVERITY.index(cell.verdict) * 1e9 + cell.excess, result, trivial=trivial)  # type: ignore[arg-type]

    def _evidence(self, cohort: Cohort, structure: str) -> dict[str, Any]:
        """What a report draws of uncertainty: the clean image and this point."""
        line = [(0.0, CLEAN)] if self.point == CLEAN else [(0.0, CLEAN), (1.0, self.point)]
        return uncertainty_evidence(
            cohort,
            {str(CLEAN): self.clean, str(self.point): self.perturbed},
            structure=structure,
            worst=str(self.point),
            line=line,
            source=self.source,
            dsc_below=self.measure.dsc_below or self._dsc_below,
            confidence=self.confidence,
        )


def _not_evaluable(nothing: Unsaid) -> str:
    return f"not evaluable: {nothing.reason} ({nothing.structure} at {nothing.point})"
