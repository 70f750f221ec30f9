"""The life of one verification: what has been measured so far, the cells judged from it, and the result in the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_segrobust.perturbations.catalogue import catalogue
from pytest_segrobust.perturbations.point import CLEAN, Point

from .betting_criterion import BettingCriterion
from .breaking_by_patient import breaking_by_patient, margin
from .decision import SHARES, Cell, Criterion, Unsaid, judged, unsaid, worst
from .findings import Findings
from .masking import attacks, masking_checks, with_checks
from .metric import is_uncertainty, level_of
from .patients import MEAN, Cohort
from .plausible import PlausiblePart
from .reach import claims_nothing, unperturbed
from .reported_strata import reported_strata
from .results import result, undecided
from .space import MOST_WORDS, Continuous, Space
from .statistic_criterion import criterion_of
from .uncertainty_evidence import uncertainty_evidence

if TYPE_CHECKING:
    from pytest_segrobust.evidence.records import BreakingPoint, Measurement, RequirementResult
    from pytest_segrobust.requirements.decision_settings import DecisionSettings
    from pytest_segrobust.requirements.requirement import Requirement

    from .measuring import Evaluation
    from .patients import PatientValues
    from .profiles import Budget

Progress = Callable[[str, int, int], None]


class Verification(ABC):
    """One requirement on one evaluation; `decide` is what kinds of requirements differ in."""

    def __init__(
        self,
        requirement: Requirement,
        evaluation: Evaluation,
        decision: DecisionSettings,
        budget: Budget,
        *,
        seed: int,
        progress: Progress,
        reported: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    ) -> None:
        self.attacked = any(catalogue()[domain.perturbation].attack for domain in requirement.domains)
        if self.attacked:
            budget = budget.for_attacks()
        self.requirement, self.evaluation, self.decision, self.budget = requirement, evaluation, decision, budget
        self.seed, self.progress = seed, progress
        self.reported = reported or {}  # strata by column, which decide nothing
        self.space = Space.of(requirement)
        self.plausible = PlausiblePart.of(requirement)
        self.criterion = criterion_of(requirement, seed=seed, resamples=budget.resamples)
        random = any(catalogue()[domain.perturbation].random for domain in requirement.domains)
        self.realisations = (decision.realisations or budget.realisations) if random else 1
        self.measured: dict[str, list[Measurement]] = {}  # by point, all patients
        self.points: dict[str, Point] = {}
        self.cells: dict[tuple[str, str], Cell] = {}
        self.unsaid: dict[tuple[str, str], Unsaid] = {}
        if requirement.average:
            self.structures: tuple[str, ...] = (MEAN,)
        else:
            self.structures = (requirement.structure,) if requirement.structure else evaluation.structures

    @abstractmethod
    def decide(self, first_points: Sequence[Point]) -> dict[str, Any]:
        """Fill `cells` and `unsaid`; what else the findings hold: the curve, the breaking point, how it was searched."""

    @abstractmethod
    def severities(self) -> Sequence[tuple[float, Point]]:
        """The line of growing severity that is drawn, after all is decided."""

    def run(self, first_points: Sequence[Point]) -> RequirementResult:
        """The result, with the self-checks of an attack."""
        unknown = [s for s in self.structures if s != MEAN and s not in self.evaluation.structures]
        if unknown:
            known = ", ".join(self.evaluation.structures)
            return undecided(
                self.requirement, "not_evaluable", f"the model has no structure {unknown[0]!r}; it has {known}"
            )
        self.measure([CLEAN])
        self.cohort = self._cohort(self.measured[str(CLEAN)])
        unbounded = self._by_the_stated_method()
        if unbounded:
            return undecided(self.requirement, "not_evaluable", unbounded)
        empty = claims_nothing(self.criterion, self.cohort, self.structures)
        if empty:
            return undecided(self.requirement, "not_evaluable", empty)
        found = self.decide(first_points)
        cells, silent = list(self.cells.values()), list(self.unsaid.values())
        found_all = result(
            Findings(
                requirement=self.requirement,
                criterion=self.criterion,
                cohort=self.cohort,
                structures=self.structures,
                points=self.points,
                measurements=self.measured,
                cells=cells,
                unsaid=silent,
                plausible=self.plausible.worst(cells, self.points),
                plausible_unsaid=[u for u in silent if self.plausible.holds(self.points[u.point])],
                minimum_patients=self.decision.minimum_patients,
                unexhausted=self._unexhausted(),
                uncertainty=self._uncertainty(),
                strata=self._strata(),
                breaking_by_patient=self._breaking_by_patient(found.get("breaking_point")),
                **found,
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

    def judge_values(self, values: PatientValues, point: Point, structure: str) -> None:
        """Decide what these values of a structure say; from here on it counts for the verdict."""
        fewest = self.decision.minimum_patients
        nothing = unsaid(self.criterion, values, str(point), structure, fewest)
        if nothing is not None:
            self.unsaid[str(point), structure] = nothing
            return
        cell = judged(self.criterion, values, str(point), structure, fewest)
        if cell is not None:
            self.cells[str(point), structure] = cell

    @property
    def worst(self) -> Cell:
        """The cell that decides."""
        return worst(self.cells.values())

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

    def _by_the_stated_method(self) -> str:
        """Decide the mean as [decision] method says; or why it cannot be done. Shares and statistics keep their own bounds."""
        if self.decision.method != "betting" or type(self.criterion) is not Criterion or self.criterion.is_share:
            return ""
        found = BettingCriterion.instead(self.criterion, self.measured[str(CLEAN)])
        if isinstance(found, str):
            return found
        self.criterion = found
        return ""

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

    def _uncertainty(self) -> dict[str, Any] | None:
        if not is_uncertainty(self.requirement.measure.metric):
            return None
        if self.cells:
            point, structure = self.worst.point, self.worst.structure
        else:
            points = [u.point for u in self.unsaid.values() if u.blocks] or list(self.points)
            point, structure = points[0], self.structures[0]
        gross = self.decision.gross_failure
        return uncertainty_evidence(
            self.cohort,
            self.measured,
            structure=structure,
            worst=point,
            line=self.severities(),
            source=self.evaluation.uncertainty,
            dsc_below=self.requirement.measure.dsc_below or (gross.dsc_below if gross else None),
            confidence=self.requirement.confidence,
        )

    def _breaking_by_patient(self, of_all: BreakingPoint | None) -> dict[str, Any] | None:
        """Where single patients break on the line that is drawn, of the structure that decides."""
        metric = self.requirement.measure.metric
        if not self.cells or metric in SHARES or level_of(metric) not in ("cases", "voxels"):
            return None
        structure = self.worst.structure
        course = [(s, point, self.cohort.at(self.measured[str(point)], structure)) for s, point in self.severities()]
        found = breaking_by_patient(self.requirement, structure, course)
        moving = [axis for axis in (self.space.axes[i] for i in self.space.continuous) if isinstance(axis, Continuous)]
        return None if found is None else {**found, "margin": margin(of_all, moving)}

    def _strata(self) -> list[dict[str, Any]]:
        """The strata that are reported beside the decision, at the point and of the structure that decide."""
        if not self.cells or level_of(self.requirement.measure.metric) not in ("cases", "voxels"):
            return []
        rows = {point: self.measured[point] for point in (str(CLEAN), self.worst.point)}
        return [
            entry
            for column, strata in self.reported.items()
            for entry in reported_strata(
                self.criterion,
                self.worst,
                column,
                strata,
                rows=rows,
                cohort_of=self._cohort,
                minimum_patients=self.decision.minimum_patients,
            )
        ]

    def summary(self, trials: Sequence[tuple[Point, float]] = (), patients: int = 0) -> dict[str, Any]:
        """How it was searched."""
        if not self.requirement.domains:
            return {"points_tried": 0, "screening_patients": 0, "decided_points": 1}
        return {
            "points_tried": len(trials),
            "screening_patients": patients,
            "decided_points": len({point for point, _ in self.cells}),
            "realisations": self.realisations,
            "seed": self.seed,
            "units": {a.parameter.name: a.parameter.unit for a in self.space.axes if isinstance(a, Continuous)},
            "trials": [{"point": str(point), "excess": excess} for point, excess in trials],
        }

    def corner_warnings(self) -> list[str]:
        """What was not measured of a domain with many corners."""
        corners, measured = self.space.corner_count, len(self.space.corners(self.budget.corners))
        if corners <= measured:
            return []
        return [f"{measured} of the domain's {corners} corners were measured on all patients"]

    def unperturbed(self, decided: Sequence[Point]) -> str:
        """Why nothing was shown: cases that no point changed."""
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
