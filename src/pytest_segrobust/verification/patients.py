"""From measurements to one number per patient: the only place where cases, noise draws and structures are reduced."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.records import CaseResult, Measurement
from pytest_segrobust.metrics.catalogue import METRICS, score_key
from pytest_segrobust.perturbations.point import CLEAN

from .failures import gross_failures
from .moved import as_seen, explained, refuse_out_of_view

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_segrobust.requirements.requirement import Comparison, Measure

MEAN = "mean of structures"
GROSS_FAILURE_RATE = "gross_failure_rate"

# Which sign is bad: a drop that must stay below is bad upwards; within +-x, whichever way the other patients lean.
ADVERSE: dict[Comparison, int] = {"below": 1, "at most": 1, "above": -1, "at least": -1, "within": 0}


@dataclass(frozen=True)
class PatientValues:
    """A measure at one point for one structure: a value per patient, in the order of `patients`, and per case."""

    patients: tuple[str, ...]
    values: np.ndarray
    cases: tuple[CaseResult, ...]


@dataclass(frozen=True)
class _CaseValue:
    value: float
    unsigned: float = 0.0  # the part of it whose sign is whichever is worse: failed cases of a signed bias


class Cohort:
    """The cases of a claim: who counts is settled once, on the clean images, so that n is the same everywhere.

    `clean` are the measurements of the clean point, all cases and structures. Cases without a label count for
    agreement alone: without one, a structure that was missed or invented would not show. With `empty_reference`
    "exclude", a case whose reference lacks a structure leaves that structure's n, clean and perturbed alike (what the
    model invents there is a gross failure); with "score" it is scored.
    Agreement has the clean prediction as its reference where there is no label. Every such case counts, whatever was
    predicted: nothing twice agrees (1), and something that only the perturbed image brings forth is invented (0).
    `perturbed_structures` are those that perturbations are confined to: a case that lacks one is not perturbed, so it
    says nothing and leaves every structure's n.
    """

    def __init__(
        self,
        clean: Sequence[Measurement],
        measure: Measure,
        comparison: Comparison,
        *,
        empty_reference: Literal["exclude", "score"] = "exclude",
        dsc_below: float | None = None,
        perturbed_structures: Collection[str] = (),
    ) -> None:
        self.measure, self.comparison, self.dsc_below = measure, comparison, dsc_below
        self.empty_reference = empty_reference
        self.structures = tuple(dict.fromkeys(m.structure for m in clean))
        self.patient_of = {m.case: m.patient for m in clean}
        self.clean = {(m.case, m.structure): m for m in clean}
        if len(self.clean) != len(clean) or len(clean) != len(self.patient_of) * len(self.structures):
            raise EvidenceError(
                "the clean measurements do not hold each structure of each case exactly once; run again"
            )
        on = [structure for structure in dict.fromkeys(perturbed_structures) if structure in self.structures]
        self.unperturbed = {
            case for case in self.patient_of if any(self.clean[case, s].reference_voxels == 0 for s in on)
        }
        self.excluded: dict[str, dict[str, str]] = {
            structure: {case: why for case in self.patient_of if (why := self._why_not(self.clean[case, structure]))}
            for structure in self.structures
        }

    @property
    def patients(self) -> tuple[str, ...]:
        """Every patient enrolled, in order."""
        return tuple(dict.fromkeys(self.patient_of.values()))

    @property
    def at_risk(self) -> tuple[str, ...]:
        """The patients in whom a gross failure would have shown: perturbed, and labelled unless predictions are compared.

        Without a label nothing but a crash, NaN or a wrong shape shows, which rules out no rate of gross failures.
        """
        blind = self.measure.metric != "agreement"
        cases = {
            case
            for (case, _), m in self.clean.items()
            if case not in self.unperturbed and not (blind and m.reference_voxels is None)
        }
        return tuple(dict.fromkeys(patient for case, patient in self.patient_of.items() if case in cases))

    def counted(self, structure: str) -> tuple[str, ...]:
        """The cases in a structure's n; for MEAN those with at least one structure."""
        if structure == MEAN:
            return tuple(c for c in self.patient_of if any(c not in self.excluded[s] for s in self.structures))
        return tuple(case for case in self.patient_of if case not in self.excluded[structure])

    def failed_clean(self, structure: str) -> tuple[str, ...]:
        """Counted cases on whose clean image the model had failed already: their drop is the worst there is."""
        if self.measure.metric == GROSS_FAILURE_RATE:
            return ()
        structures = self.structures if structure == MEAN else (structure,)
        return tuple(dict.fromkeys(c for s in structures for c in self.counted(s) if self._useless(self.clean[c, s])))

    def at(self, measurements: Sequence[Measurement], structure: str) -> PatientValues:
        """The measure per patient at the one point of these measurements.

        Noise draws are averaged within a case, structures (for MEAN) within a case, cases within a patient.
        Raises EvidenceError where a case, a structure or a noise draw is missing: n never shrinks.
        """
        rows = self.rows(measurements)
        present = self.present(structure)
        refuse_out_of_view(m for case, here in present.items() for s in here for m in rows[case, s])
        if self.measure.metric == GROSS_FAILURE_RATE:
            return self._failure_indicators(rows, structure)
        by_case = {
            c: _mean([self._case_value(c, s, m) for s in here for m in rows[c, s]]) for c, here in present.items()
        }
        reduced: dict[str, list[_CaseValue]] = {}
        for case, value in by_case.items():
            reduced.setdefault(self.patient_of[case], []).append(value)
        sign = self._adverse_sign(list(reduced.values()))
        values = np.array([_signed(cases, sign) for cases in reduced.values()], float)
        results = (
            self._case_result(case, structure, here, rows, _signed([by_case[case]], sign))
            for case, here in present.items()
        )
        return PatientValues(tuple(reduced), values, tuple(results))

    def moving(self, measurements: Sequence[Measurement], structure: str) -> tuple[np.ndarray, int]:
        """How much of each patient's value moving alone explains, and how many cases are compared in part of the image."""
        if self.measure.metric == GROSS_FAILURE_RATE:
            return np.zeros(1), 0
        rows = self.rows(measurements)
        explained: dict[str, list[float]] = {}
        partly = set()
        for case, here in self.present(structure).items():
            found = [m for s in here for m in rows[case, s]]
            each = [self._change(case, m.structure, m)[1] * self._unit(case, m) for m in found]
            explained.setdefault(self.patient_of[case], []).append(math.fsum(each) / len(each))
            if any(as_seen(self.clean[case, m.structure], m) is not self.clean[case, m.structure] for m in found):
                partly.add(case)
        return np.array([math.fsum(cases) / len(cases) for cases in explained.values()]), len(partly)

    def present(self, structure: str) -> dict[str, list[str]]:
        """The counted cases, each with the structures that are reduced to its value."""
        structures = self.structures if structure == MEAN else (structure,)
        return {c: [s for s in structures if c not in self.excluded[s]] for c in self.counted(structure)}

    def _why_not(self, clean: Measurement) -> str:
        """Why a case is not in a structure's n; "" where it is."""
        metric, unlabelled = self.measure.metric, clean.reference_voxels is None
        if unlabelled and metric != "agreement":
            return "no label"
        if clean.case in self.unperturbed:
            return "nothing to perturb"
        if clean.reference_voxels != 0 or self.empty_reference != "exclude" or metric == GROSS_FAILURE_RATE:
            return ""
        if metric == "agreement":
            return "" if clean.failure else "nothing to agree on"
        return "empty reference"

    def rows(self, measurements: Sequence[Measurement]) -> dict[tuple[str, str], list[Measurement]]:
        """The measurements of one point by case and structure.

        Raises EvidenceError where a case, a structure or a noise draw is missing, or there twice.
        """
        rows: dict[tuple[str, str], list[Measurement]] = {}
        for m in measurements:
            rows.setdefault((m.case, m.structure), []).append(m)
        draws = {tuple(sorted(m.realisation for m in found)) for found in rows.values()}
        if rows.keys() != self.clean.keys() or len(draws) != 1 or len(set(draws_of := draws.pop())) != len(draws_of):
            point = measurements[0].point if measurements else "a point"
            raise EvidenceError(
                f"measurements at {point} do not match the clean ones case by case; nothing is decided on them"
            )
        return rows

    def _case_value(self, case: str, structure: str, perturbed: Measurement) -> _CaseValue:
        metric, form = METRICS[self.measure.metric], self.measure.form
        clean = as_seen(self.clean[case, structure], perturbed)
        before, after = self._score(clean), self._score(perturbed)
        if form == "value":
            if metric.key == "agreement" and self._useless(clean):
                return _CaseValue(0.0)
            failed = perturbed.failure is not None and metric.better == "zero"
            return self._worst_sign(max(abs(after), 1.0)) if failed else _CaseValue(after)
        if self._useless(clean):  # 0 - 0 = 0 must never look like robustness
            worst = before if metric.better == "lower" else 0.0 if metric.worst == "diagonal" else metric.worst
            return _CaseValue(1.0) if form == "relative drop" else self._worst_sign(max(abs(worst - metric.best), 1.0))
        if metric.better == "zero" and perturbed.failure is not None:
            return self._worst_sign(max(abs(after - before), 1.0))
        change, explained = self._change(case, structure, perturbed)
        if form == "relative drop":  # a gain counts as much as the worst loss at most, or one case outweighs many
            return _CaseValue(max((change - explained) / before, -1.0))
        return _CaseValue(change - explained)

    def _change(self, case: str, structure: str, perturbed: Measurement) -> tuple[float, float]:
        """The drop or increase in the metric's unit, and how much of it moving alone explains."""
        clean = as_seen(self.clean[case, structure], perturbed)
        change = self._score(clean) - self._score(perturbed)
        if self.measure.form == "value" or self._useless(clean):
            return change, 0.0
        change = -change if self.measure.form == "increase" else change
        return change, explained(change, self.measure, perturbed)

    def _unit(self, case: str, perturbed: Measurement) -> float:
        """What a change in the metric's unit is multiplied by to be the measure: a relative drop is a share of the clean score."""
        if self.measure.form != "relative drop":
            return 1.0
        clean = as_seen(self.clean[case, perturbed.structure], perturbed)
        return 0.0 if self._useless(clean) else 1 / self._score(clean)

    def _useless(self, clean: Measurement) -> bool:
        """Whether the clean prediction had failed, or scored so low that nothing was left to lose."""
        if clean.failure is not None:
            return True
        metric = METRICS[self.measure.metric]
        return metric.better == "higher" and metric.needs_reference and self._score(clean) <= 0

    def _worst_sign(self, size: float) -> _CaseValue:
        sign = ADVERSE[self.comparison]
        return _CaseValue(sign * size) if sign else _CaseValue(0.0, size)

    def _score(self, measurement: Measurement) -> float:
        """The metric's score; of a failed case never better than the metric's worst."""
        metric = METRICS[self.measure.metric]
        key = score_key(metric.key, self.measure.tolerance)
        own = 1.0 if metric.key == "agreement" and measurement.point == str(CLEAN) else None  # agrees with itself
        score = measurement.scores.get(key, own)
        worst = None if metric.worst == "diagonal" else metric.worst
        if score is None or not math.isfinite(score):
            if worst is None or (score is None and measurement.failure is None):
                place = f"case {measurement.case}, {measurement.structure}, {measurement.point}"
                raise EvidenceError(f"{place}: {key} was not measured ({score}); nothing is decided without it")
            return worst
        if measurement.failure is None or worst is None or metric.better == "zero":
            return float(score)
        # An empty prediction over-segments nothing: without this, a structure that vanishes would look better.
        return float(min(score, worst) if metric.better == "higher" else max(score, worst))

    def _adverse_sign(self, patients: list[list[_CaseValue]]) -> int:
        """For failed cases of a signed bias: the sign that takes the mean farther from zero, so that they never balance."""
        up, down = (abs(sum(_signed(cases, sign) for cases in patients)) for sign in (1, -1))
        return 1 if up > down else -1

    def _case_result(
        self,
        case: str,
        structure: str,
        structures: Sequence[str],
        rows: Mapping[tuple[str, str], list[Measurement]],
        value: float,
    ) -> CaseResult:
        before = [self._score(as_seen(self.clean[case, s], m)) for s in structures for m in rows[case, s]]
        after = [self._score(m) for s in structures for m in rows[case, s]]
        failures = [m.failure for s in structures for m in rows[case, s] if m.failure]
        if not failures:
            failures = [f"clean: {f}" for s in structures if (f := self.clean[case, s].failure)]
        return CaseResult(
            case, self.patient_of[case], structure, float(np.mean(before)), float(np.mean(after)), value,
            failures[0] if failures else None,
        )  # fmt: skip

    def _failure_indicators(self, rows: Mapping[tuple[str, str], list[Measurement]], structure: str) -> PatientValues:
        chosen = [m for (_, s), found in rows.items() if structure in (MEAN, s) for m in found]
        failed = {m.case: why for m, why in gross_failures(chosen, self.dsc_below)}
        counted = self.counted(structure)
        patients = tuple(dict.fromkeys(self.patient_of[case] for case in counted))
        hit = {self.patient_of[case] for case in failed}  # by a case that is not counted, too
        results = tuple(
            CaseResult(case, self.patient_of[case], structure, None, None, float(case in failed), failed.get(case))
            for case in counted
        )
        return PatientValues(patients, np.array([float(p in hit) for p in patients]), results)


def _mean(values: Sequence[_CaseValue]) -> _CaseValue:
    return _CaseValue(
        math.fsum(v.value for v in values) / len(values), math.fsum(v.unsigned for v in values) / len(values)
    )


def _signed(cases: Sequence[_CaseValue], sign: int) -> float:
    mean = _mean(cases)
    return mean.value + sign * mean.unsigned
