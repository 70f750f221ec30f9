"""What the fixture `segrobust` gives to tests: estimates that compare with limits through their interval, and explain it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from .errors import DataError, SegrobustError, SpecError
from .evidence.records import Measurement, RequirementResult
from .perturbations.catalogue import catalogue
from .perturbations.point import CLEAN, Point
from .perturbations.severity import is_identity
from .python_requirements import Comparison as Compared
from .requirements import claim
from .requirements import measure as measures
from .requirements.requirement import Comparison, Domain, Form, Measure, Range, Requirement
from .verification.decision import SEVERITY, Cell, Criterion, judged, worst
from .verification.failures import count_gross_failures
from .verification.patients import Cohort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .evaluation.evaluation import Evaluation
    from .progress import Progress
    from .requirements.settings import DecisionSettings
    from .run import Run


class Segrobust:
    """Measures the model under test on every case, at exact points; the same point is never computed twice.

    Metrics are named by key or word ("dsc", "HD95"); `structure` limits a claim to one structure, otherwise it is about
    each; `point` is what `perturbations` and `strategies` give, `CLEAN` by default.
    """

    def __init__(self, evaluation: Evaluation, run: Run, comparisons: list[Compared] | None = None) -> None:
        self.evaluation = evaluation
        self.run = run
        self._comparisons = comparisons

    def value(
        self, metric: str, point: Point = CLEAN, *, structure: str | None = None, tolerance: float | None = None
    ) -> Estimate:
        """A metric at a point: `segrobust.value("dsc") >= 0.85`."""
        return self._estimate(metric, "value", point, structure, tolerance)

    def drop(
        self, metric: str, point: Point, *, structure: str | None = None, tolerance: float | None = None
    ) -> Estimate:
        """Clean minus perturbed, for metrics where higher is better: `segrobust.drop("dsc", noise) < 0.05`."""
        return self._estimate(metric, "drop", point, structure, tolerance)

    def relative_drop(
        self, metric: str, point: Point, *, structure: str | None = None, tolerance: float | None = None
    ) -> Estimate:
        """The drop as a share of the clean value."""
        return self._estimate(metric, "relative drop", point, structure, tolerance)

    def increase(self, metric: str, point: Point, *, structure: str | None = None) -> Estimate:
        """Perturbed minus clean, for metrics where lower is better: `segrobust.increase("hd95", blur) < 3`."""
        return self._estimate(metric, "increase", point, structure, None)

    def gross_failure_rate(self, point: Point = CLEAN, *, structure: str | None = None) -> Estimate:
        """Share of patients with a crash, NaN, misshapen output or lost structure; exact binomial bounds."""
        return self._estimate("gross_failure_rate", "value", point, structure, None)

    def verify(self, requirement: Requirement, *, progress: Progress | None = None) -> RequirementResult:
        """Search the requirement's domain for its worst point and decide it over all patients.

        A case that cannot be read, or a perturbation that cannot be done, makes the verdict invalid, never passed.
        """
        from .evaluation.pictures import keep_pictures
        from .verification.verify import verify

        started = time.perf_counter()
        try:
            self._refuse_unknown_millimetres(requirement.measure, requirement.domains)
            result = verify(
                requirement,
                self.evaluation,
                decision=self.run.spec.decision,
                budget=self.run.budget,
                seed=self.run.settings.seed,
                first_points=self.run.failing_points(requirement.id),
                progress=progress,
            )
            result = replace(
                result,
                duration_seconds=time.perf_counter() - started,
                context=self.evaluation.context,
                score_keys=sorted(self.evaluation.score_keys),
            )
            if result.worst is not None:
                result = replace(result, replay=self.run.settings.replay_command(result.id))
            if self.run.store is not None:
                keep_pictures(self.run.store, self.evaluation, result)
        finally:
            self.run.write_cost(self.evaluation.segmenter)
        return result

    def _refuse_unknown_millimetres(self, measure: Measure, domains: Sequence[Domain]) -> None:
        """A pixel is no millimetre: where files do not say its size, nothing in mm can be claimed of them."""
        unknown = self.evaluation.dataset.unknown_spacing
        in_mm = measures.unit(measure) == "mm" or measure.tolerance is not None
        for domain in domains:
            known = catalogue()[domain.perturbation].parameters
            in_mm = in_mm or any(getattr(known[r.parameter], "unit", "") == "mm" for r in domain.ranges)
        if unknown and in_mm:
            raise DataError(
                f"{len(unknown)} cases, such as {unknown[0]}, do not know the size of a pixel, so nothing in mm can be said "
                "of them: save the images as NIfTI or NRRD, or with their resolution"
            )

    def _estimate(
        self, metric: str, form: Form, point: Point, structure: str | None, tolerance: float | None
    ) -> Estimate:
        measure = Measure(measures.from_key(metric).metric, form, tolerance)
        claim.check_measure(measure)
        if structure is not None and structure not in self.evaluation.structures:
            raise SpecError(f"no structure is called '{structure}'; there are {', '.join(self.evaluation.structures)}")
        steps = [Domain(step.name, tuple(Range(n, 0, 0) for n, _ in step.parameters)) for step in point.steps]
        self._refuse_unknown_millimetres(measure, steps)
        evaluation = self.evaluation.including(measures.score_key(measure))
        clean = evaluation.measure([CLEAN])
        realisations = self.run.budget.realisations
        perturbed = clean if point == CLEAN else evaluation.measure([point], realisations=realisations)
        self.run.write_cost(evaluation.segmenter)
        return Estimate(
            measure=measure,
            point=point,
            structure=structure,
            clean=tuple(clean),
            perturbed=tuple(perturbed),
            context=evaluation.context,
            score_keys=tuple(sorted(evaluation.score_keys)),
            decision=self.run.spec.decision,
            confidence=self.run.spec.decision.confidence,
            seed=self.run.settings.seed,
            comparisons=self._comparisons,
        )


@dataclass(frozen=True, eq=False)
class Estimate:
    """A measure at one point: a mean over patients per structure, with an interval.

    Compared with a limit it is true only where the whole deciding interval of every structure is on that side, so
    `assert` passes what has been shown and nothing else. An estimate is never equal to a number.
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
        cell = self._worst_cell(comparison, float(limit))
        return self._words(comparison, float(limit), cell)

    def _compare(self, comparison: Comparison, limit: float) -> bool:
        if not isinstance(limit, int | float):
            raise SpecError(f"{measures.words(self.measure)} compares with a number, not with {limit!r}")
        claim.check_comparison(self.measure, comparison)
        claim.check_limit(self.measure, comparison, float(limit))
        cell = self._worst_cell(comparison, float(limit))
        if self.comparisons is not None:
            self.comparisons.append(self._compared(comparison, float(limit), cell))
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

    def _worst_cell(self, comparison: Comparison, limit: float) -> Cell:
        cohort = Cohort(
            self.clean,
            self.measure,
            comparison,
            empty_reference=self.decision.empty_reference,
            dsc_below=self._dsc_below,
            perturbed_structures={step.on for step in self.point.steps if step.on is not None},
        )
        criterion = Criterion.of(self._requirement(comparison, limit), seed=self.seed)
        cells = []
        for structure in (self.structure,) if self.structure else cohort.structures:
            values = cohort.at(self.perturbed, structure)
            cell = judged(criterion, values, str(self.point), structure, self.decision.minimum_patients)
            if cell is None:
                raise DataError(
                    f"{structure}: {len(values.patients)} patients are too few to say anything "
                    f"([decision] minimum_patients = {self.decision.minimum_patients})"
                )
            cells.append(cell)
        return worst(cells)

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
        return [*lines, cell.interval.warning] if cell.interval.warning else lines

    def _compared(self, comparison: Comparison, limit: float, cell: Cell) -> Compared:
        criterion = Criterion.of(self._requirement(comparison, limit), seed=self.seed)
        two_sided = criterion.interval(cell.values.values, 0.975)
        failures = count_gross_failures(
            [m for m in self.perturbed if self.structure in (None, m.structure)],
            {m.patient for m in self.perturbed},
            dsc_below=self._dsc_below,
            confidence=self.confidence,
        )
        result = RequirementResult(
            id="",
            statement="",
            verdict=cell.verdict,
            measure=measures.words(self.measure),
            estimate=cell.estimate,
            interval=(cell.interval.low, cell.interval.high),
            two_sided=(two_sided.low, two_sided.high),
            limit=criterion.limit,
            comparison=criterion.comparison,
            unit="mm" if measures.unit(self.measure) == "mm" and not criterion.is_share else "",
            confidence=self.confidence,
            method=cell.interval.method,
            n_patients=len(cell.values.patients),
            n_cases=len(cell.values.cases),
            gross_failures=failures,
            worst={"parameters": self.point.to_json(), "text": str(self.point), "structure": cell.structure},
            cases=list(cell.values.cases),
            context=self.context,
            score_keys=list(self.score_keys),
            warnings=[cell.interval.warning] if cell.interval.warning else [],
            reason="; ".join(self._words(comparison, limit, cell)[:2]) if cell.verdict != "passed" else "",
        )
        changes = self.measure.form != "value" or self.measure.metric == "agreement"
        trivial = changes and is_identity(self.point)
        return Compared(cell.verdict, SEVERITY.index(cell.verdict) * 1e9 + cell.excess, result, trivial=trivial)  # type: ignore[arg-type]


__all__ = ["Estimate", "Segrobust", "SegrobustError"]
