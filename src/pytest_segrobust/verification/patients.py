"""From measurements to one number per patient: the only place where cases, noise draws and structures are reduced."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.records import CaseResult, Measurement

from .case_value import CaseValue, Scoring, adverse_sign, mean_value, signed
from .failures import gross_failures
from .moved import refuse_out_of_view

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pytest_segrobust.requirements.requirement import Comparison, Measure

MEAN = "mean of structures"
GROSS_FAILURE_RATE = "gross_failure_rate"
WITHOUT_REFERENCE = ("agreement", "severity_tau")
"""Metrics that need no label: predictions are compared with one another, or uncertainty with severity."""


@dataclass(frozen=True)
class PatientValues:
    """A measure at one point for one structure: a value per patient, in the order of `patients`, and per case.

    Measures of uncertainty may have none: `without` are the cases that have no value at this point and why (nothing in them
    is wrong), of `of` patients that count; `assumed` those that have errors and no value, and count as the worst, or as
    knowing nothing; `constant` says that no case's map says anything, which is no matter of how many patients there are.
    """

    patients: tuple[str, ...]
    values: np.ndarray
    cases: tuple[CaseResult, ...]
    of: int = 0
    without: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    constant: str = ""


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
        self.scoring = Scoring(measure, comparison)
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

    @property
    def left_out(self) -> frozenset[str]:
        """The patients who were not measured at some point, since it was decided before their turn; see `stopping_early`."""
        return frozenset()

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
        return tuple(
            dict.fromkeys(c for s in structures for c in self.counted(s) if self.scoring.useless(self.clean[c, s]))
        )

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
        drawn = {
            c: [self.scoring.value(self.clean[c, s], m) for s in here for m in rows[c, s]]
            for c, here in present.items()
        }
        by_case = {
            c: mean_value(known) for c, values in drawn.items() if (known := [v for v in values if v is not None])
        }
        reduced: dict[str, list[CaseValue]] = {}
        for case, value in by_case.items():
            reduced.setdefault(self.patient_of[case], []).append(value)
        sign = adverse_sign(list(reduced.values()))
        values = np.array([signed(cases, sign) for cases in reduced.values()], float)
        results = (
            self._case_result(case, structure, present[case], rows, signed([value], sign))
            for case, value in by_case.items()
        )
        return PatientValues(
            tuple(reduced),
            values,
            tuple(results),
            of=len({self.patient_of[case] for case in present}),
            without={c: self._first(self.scoring.lacks, c, present[c], rows) for c in present if c not in by_case},
            assumed={c: why for c in by_case if (why := self._first(self._assumed, c, present[c], rows))},
            constant=self._constant(present, rows),
        )

    def _first(
        self,
        reason: Callable[[Measurement, Measurement], str],
        case: str,
        structures: Sequence[str],
        rows: Mapping[tuple[str, str], list[Measurement]],
    ) -> str:
        return next((why for s in structures for m in rows[case, s] if (why := reason(self.clean[case, s], m))), "")

    def _assumed(self, clean: Measurement, perturbed: Measurement) -> str:
        before = "" if self.measure.form == "value" else self.scoring.assumed(clean)
        return self.scoring.assumed(perturbed) or before

    def _constant(self, present: Mapping[str, list[str]], rows: Mapping[tuple[str, str], list[Measurement]]) -> str:
        """Why the maps say nothing at all: constant in every case that has errors and an output; "" where they do not."""
        sides = [[m for case, here in present.items() for s in here for m in rows[case, s]]]
        if self.measure.form != "value":
            sides.append([self.clean[case, s] for case, here in present.items() for s in here])
        for side in sides:
            known = [
                m for m in side if m.failure is None and not (self.scoring.undefined(m) and not self.scoring.assumed(m))
            ]
            if known and all(map(self.scoring.is_constant, known)):
                cases = len({m.case for m in known})
                return f"uncertainty is constant in each of {cases} cases with errors at {known[0].point}: it says nothing of them"
        return ""

    def moving(self, measurements: Sequence[Measurement], structure: str) -> tuple[np.ndarray, int]:
        """How much of each patient's value moving alone explains, and how many cases are compared in part of the image."""
        if self.measure.metric == GROSS_FAILURE_RATE:
            return np.zeros(1), 0
        rows = self.rows(measurements)
        explained: dict[str, list[float]] = {}
        partly = set()
        for case, here in self.present(structure).items():
            found = [m for s in here for m in rows[case, s]]
            clean = [self.clean[case, m.structure] for m in found]
            each = [self.scoring.change(c, m)[1] * self.scoring.unit(c, m) for c, m in zip(clean, found, strict=True)]
            explained.setdefault(self.patient_of[case], []).append(math.fsum(each) / len(each))
            if any(self.scoring.seen(c, m) is not c for c, m in zip(clean, found, strict=True)):
                partly.add(case)
        return np.array([math.fsum(cases) / len(cases) for cases in explained.values()]), len(partly)

    def present(self, structure: str) -> dict[str, list[str]]:
        """The counted cases, each with the structures that are reduced to its value."""
        structures = self.structures if structure == MEAN else (structure,)
        return {c: [s for s in structures if c not in self.excluded[s]] for c in self.counted(structure)}

    def _why_not(self, clean: Measurement) -> str:
        """Why a case is not in a structure's n; "" where it is."""
        metric, unlabelled = self.measure.metric, clean.reference_voxels is None
        if unlabelled and metric not in WITHOUT_REFERENCE:
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

    def _case_result(
        self,
        case: str,
        structure: str,
        structures: Sequence[str],
        rows: Mapping[tuple[str, str], list[Measurement]],
        value: float,
    ) -> CaseResult:
        pairs = [(self.scoring.seen(self.clean[case, s], m), m) for s in structures for m in rows[case, s]]
        before, after = (
            [self.scoring.score(m) for m in side if self._has_score(m)] for side in zip(*pairs, strict=True)
        )
        failures = [m.failure for s in structures for m in rows[case, s] if m.failure]
        if not failures:
            failures = [f"clean: {f}" for s in structures if (f := self.clean[case, s].failure)]
        return CaseResult(
            case, self.patient_of[case], structure, _mean(before), _mean(after), value,
            failures[0] if failures else None,
        )  # fmt: skip

    def _has_score(self, m: Measurement) -> bool:
        return not self.scoring.undefined(m) or bool(self.scoring.assumed(m))

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


def _mean(scores: Sequence[float]) -> float | None:
    return float(np.mean(scores)) if scores else None
