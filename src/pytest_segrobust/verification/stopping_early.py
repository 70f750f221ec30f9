"""Points that are measured patient by patient until betting has decided: valid whenever one stops.

`[decision] stop_early = true`, profiles smoke and ci. Patients come in the evaluation's order, which is drawn from the
seed and their names and never from scores; after each batch the betting bounds of the mean are looked at, and the point
is left as soon as every structure has passed or failed. Betting bounds hold at any such time (see `betting`), so they
decide every point of the requirement, those measured on all patients too: looking by betting and then deciding by a
bootstrap would be wrong with the chance of both.

The search has chosen its worst points on the screening patients, who come first. That makes a drop there look larger, so
a pass is no easier; but for stopping at a fail, the patients that the search has not seen must show it by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np

from pytest_segrobust.metrics.catalogue import METRICS
from pytest_segrobust.perturbations.catalogue import catalogue
from pytest_segrobust.perturbations.point import CLEAN, Point

from . import betting
from .betting_criterion import STATED, BettingCriterion
from .decision import SHARES, decide, judged
from .measuring import Evaluation
from .metric import bounds_of
from .over_points import OverPoints
from .patients import Cohort
from .reach import unperturbed
from .words import outward

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_segrobust.evidence.records import BreakingPoint, Measurement
    from pytest_segrobust.requirements.decision_settings import DecisionSettings
    from pytest_segrobust.requirements.requirement import Measure, Requirement

    from .patients import PatientValues
    from .profiles import Budget
    from .severity import SeverityLine
    from .statistics import Interval
    from .verification import Verification

STOPPED = "[decision] stop_early"


@runtime_checkable
class SteppedEvaluation(Evaluation, Protocol):
    """An evaluation that can measure its first patients alone."""

    @property
    def complete_after(self) -> tuple[int, ...]:
        """After how many patients it may be looked at; the last one is all of them."""

    def measure(
        self,
        points: Sequence[Point],
        *,
        screening: bool = False,
        realisations: int = 1,
        first: int | None = None,
    ) -> list[Measurement]:
        """As of every evaluation; with `first` of so many of `patients`, from the first on."""


def kind_that_may_stop(
    kind: type[Verification],
    requirement: Requirement,
    evaluation: Evaluation,
    decision: DecisionSettings,
    budget: Budget,
) -> type[Verification]:
    """`UntilDecided` where patients may be left out, otherwise `kind`.

    Not for shares, whose exact bounds hold at one look only; not for statistics of all patients or measures of
    uncertainty; not where a value has no worst (HD95, a relative drop's gain); not for attacks.
    """
    wished = decision.stop_early and budget.may_stop and kind is OverPoints and bool(requirement.domains)
    shares = requirement.patients is not None or requirement.measure.metric in SHARES
    attacked = any(catalogue()[domain.perturbation].attack for domain in requirement.domains)
    if not wished or shares or attacked or range_of(requirement.measure) is None:
        return kind
    return UntilDecided if isinstance(evaluation, SteppedEvaluation) else kind


def range_of(measure: Measure) -> tuple[float, float] | None:
    """The least and the largest value of a patient; None where one of them is not known."""
    if measure.metric not in METRICS or measure.form == "relative drop":
        return None
    least, most = bounds_of(measure)
    if not (math.isfinite(least) and math.isfinite(most)):
        return None
    return (least, most) if measure.form == "value" else (least - most, most - least)


@dataclass(frozen=True)
class StoppingCriterion(BettingCriterion):
    """A mean bounded by betting, and looked at again and again."""

    def interval(self, values: np.ndarray, confidence: float | None = None) -> Interval:
        """Both bounds, each one-sided, whenever one has stopped."""
        found = super().interval(values, confidence)
        return replace(found, method=found.method.replace(STATED, STOPPED))

    def may_decide(self, values: np.ndarray) -> bool:
        """Whether the money against the limit suffices on a side: much cheaper than an interval, and asked at every look."""
        met, needed = self.reduced(values), -math.log1p(-self.requirement.confidence) - 1e-6
        limits = (self.limit, -self.limit) if self.comparison == "within" else (self.limit,)
        return any(
            betting.log_money(side * met, side * at, end) >= needed
            for at in limits
            for side, end in ((1, self.most), (-1, -self.least))
        )


class EarlierCohort(Cohort):
    """A cohort of which some points were measured on the first patients only; n is theirs there, and is never guessed."""

    stopped: Mapping[str, Collection[str]]  # patients by point

    @classmethod
    def of(cls, cohort: Cohort, stopped: Mapping[str, Collection[str]]) -> Self:
        """The same cohort, with the points at which it was stopped; `stopped` may grow."""
        found = cls.__new__(cls)
        found.__dict__.update(vars(cohort), stopped=stopped)
        return found

    def at(self, measurements: Sequence[Measurement], structure: str) -> PatientValues:
        """The measure per patient who was measured at this point."""
        if self._stopped(measurements):
            return self._measured(measurements).at(measurements, structure)
        return super().at(measurements, structure)

    def moving(self, measurements: Sequence[Measurement], structure: str) -> tuple[np.ndarray, int]:
        """How much moving alone explains, of the patients who were measured at this point."""
        if self._stopped(measurements):
            return self._measured(measurements).moving(measurements, structure)
        return super().moving(measurements, structure)

    @property
    def at_risk(self) -> tuple[str, ...]:
        """The patients in whom a gross failure would have shown at every point: those measured at all of them."""
        return tuple(p for p in super().at_risk if all(p in patients for patients in self.stopped.values()))

    @property
    def left_out(self) -> frozenset[str]:
        """The patients who were not measured at some point."""
        return frozenset(p for p in self.patients if any(p not in patients for patients in self.stopped.values()))

    def _stopped(self, measurements: Sequence[Measurement]) -> bool:
        """Whether these are of the first patients alone; of anybody else, all must be there."""
        patients = self.stopped.get(measurements[0].point) if measurements else None
        return patients is not None and all(m.patient in patients for m in measurements)

    def _measured(self, measurements: Sequence[Measurement]) -> Cohort:
        """The cohort of the patients measured at the point of these measurements: every one of them must be there."""
        patients = self.stopped[measurements[0].point]
        found = Cohort.__new__(Cohort)
        found.__dict__.update({key: value for key, value in vars(self).items() if key != "stopped"})
        found.patient_of = {case: patient for case, patient in self.patient_of.items() if patient in patients}
        found.clean = {key: m for key, m in self.clean.items() if key[0] in found.patient_of}
        found.unperturbed = self.unperturbed & found.patient_of.keys()
        found.excluded = {
            structure: {case: why for case, why in cases.items() if case in found.patient_of}
            for structure, cases in self.excluded.items()
        }
        return found


class UntilDecided(OverPoints):
    """Each point is measured on as many patients as betting needs to decide it."""

    evaluation: SteppedEvaluation

    def __init__(self, requirement: Requirement, *others: Any, **named: Any) -> None:
        super().__init__(requirement, *others, **named)
        claim, ends = self.criterion, range_of(requirement.measure)
        assert ends is not None  # `kind_that_may_stop` has asked
        self.criterion = self.bets = StoppingCriterion(
            requirement, claim.comparison, claim.limit, self.seed, claim.resamples, *ends
        )
        self.stopped: dict[str, frozenset[str]] = {}
        self.everyone = False  # whether nobody may be left out from here on

    def decide(self, first_points: Sequence[Point]) -> dict[str, Any]:
        """As of every requirement over points, and where it was stopped."""
        found = super().decide(first_points)
        found["search"]["stopped_early"] = [
            {"point": point, "patients": len(patients), "of": len(self.evaluation.patients)}
            for point, patients in self.stopped.items()
        ]
        found["warnings"] = [*found["warnings"], *self._said(), *self._of_the_enrolled()]
        return found

    def measure(self, points: Sequence[Point]) -> None:
        """Measure points, each until it is decided; the clean images of all patients."""
        fresh = [point for point in dict.fromkeys(points) if str(point) not in self.measured]
        if self.everyone:
            self._complete([point for point in points if str(point) in self.stopped])
        whole = [point for point in fresh if self.everyone or point == CLEAN]
        super().measure(whole)
        for point in fresh:
            if point not in whole:
                self._measure_until_decided(point)

    def unperturbed(self, decided: Sequence[Point]) -> str:
        """Why nothing was shown: measured cases that no point changed."""
        rows = [m for point in decided if point != CLEAN for m in self.measured[str(point)]]
        counted = {case for structure in self.structures for case in self.cohort.counted(structure)}
        return unperturbed(counted & {m.case for m in rows}, rows)

    def _measure_until_decided(self, point: Point) -> None:
        name, patients = str(point), self.evaluation.patients
        self.points[name] = point
        looks = sorted(
            {k for k in self.evaluation.complete_after if self.decision.minimum_patients <= k < len(patients)}
        )
        for k in looks:
            self.measured[name] = self.evaluation.measure([point], realisations=self.realisations, first=k)
            self.stopped[name] = frozenset(patients[:k])
            if all(self._settled(point, structure) for structure in self.structures):
                return
        self.stopped.pop(name, None)
        self.measured[name] = self.evaluation.measure([point], realisations=self.realisations)

    def _settled(self, point: Point, structure: str) -> bool:
        values = self.cohort.at(self.measured[str(point)], structure)
        if not self.bets.may_decide(values.values):
            return False
        cell = judged(self.criterion, values, str(point), structure, self.decision.minimum_patients)
        if cell is None or cell.verdict != "failed":
            return cell is not None and cell.verdict == "passed"
        screened = set(self.evaluation.screening_patients)
        unseen = values.values[[patient not in screened for patient in values.patients]]
        if len(unseen) < self.decision.minimum_patients:
            return False
        interval = self.criterion.interval(unseen)
        return decide(self.criterion.comparison, self.criterion.limit, interval.low, interval.high) == "failed"

    def _complete(self, points: Sequence[Point]) -> None:
        """Measure on all patients what was stopped, and decide it anew: more patients, still a bound at any time."""
        for point in points:
            name = str(point)
            judged_before = [key for key in self.cells if key[0] == name]
            del self.stopped[name]
            self.measured[name] = self.evaluation.measure([point], realisations=self.realisations)
            for key in judged_before:
                del self.cells[key]
            if judged_before:
                self.judge(point)

    def _breaking_point(self, line: SeverityLine, severities: list[float]) -> tuple[BreakingPoint, list[float]]:
        if self.worst.verdict != "passed":  # curves of patients are compared with one another: all of them are needed
            self.everyone = True
            self.measure([line.point(severity) for severity in severities])
        return super()._breaking_point(line, severities)

    def _cohort(self, clean: Sequence[Measurement]) -> Cohort:
        return EarlierCohort.of(super()._cohort(clean), self.stopped)

    def _of_the_enrolled(self) -> list[str]:
        """What all who are enrolled would have at the deciding point, had it not been left: bounds without replacement.

        Of this set of patients, not of others; the claim on other patients is the interval's.
        """
        if not self.cells or self.worst.point not in self.stopped:
            return []
        cell = self.worst
        enrolled = len({self.cohort.patient_of[case] for case in self.cohort.counted(cell.structure)})
        of = dict(zip(cell.values.patients, self.criterion.reduced(cell.values.values), strict=True))
        values = np.array([of[patient] for patient in self.evaluation.patients if patient in of])
        confidence = self.requirement.confidence
        low, high = betting.running_bounds(values, self.bets.least, self.bets.most, confidence, enrolled=enrolled)
        limit = self.criterion.limit
        least, most = outward(low[-1], limit, up=False), outward(high[-1], limit, up=True)
        words = (
            f"the mean of all {enrolled} enrolled patients at {cell.point} would lie between {least} and {most} (betting without replacement, each bound one-sided {confidence:.4g}, as if "
            f"the {len(values)} measured ones were drawn at random)"
        )
        return [words]

    def _said(self) -> list[str]:
        """How many patients were used, where, and by which rule."""
        enrolled = len(self.evaluation.patients)
        points = len([name for name in self.measured if name != str(CLEAN)])
        if not self.stopped:
            return [f"decided by betting, so that it might stop early; every point needed all {enrolled} patients"]
        numbers = sorted(len(patients) for patients in self.stopped.values())
        span = f"{numbers[0]}" if numbers[0] == numbers[-1] else f"{numbers[0]} to {numbers[-1]}"
        least = min(self.stopped, key=lambda name: len(self.stopped[name]))
        words = (
            f"{len(numbers)} of {points} points were decided after {span} of {enrolled} patients (fewest at {least})"
        )
        return [
            f"stopped early, as betting allows at any time: {words}; who was not measured there is in no number of those points"
        ]
