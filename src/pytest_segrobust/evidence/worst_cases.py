"""The cases of a result, the worst first: one order for the page, the pictures and a replay."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES

from .records import CaseResult
from .rounding import rounded
from .silent import error_cases, silent_rule

if TYPE_CHECKING:
    from .records import RequirementResult

_SHARE = re.compile(r"share of patients with (.+) (below|at most|above|at least|within) (\S+)(?: (.+))?")

# A sentence says the referral rate by its number, so that the name ends before it.
_OF_ALL_PATIENTS = tuple(m.name.partition(" at ")[0] for m in MEASURES.values() if m.level != "voxels")


@dataclass(frozen=True)
class CaseMeasure:
    """What the values of single cases are; where a requirement speaks of a share of patients, not what it is judged by."""

    name: str
    comparison: str
    limit: float | None
    unit: str


def case_measure(result: RequirementResult) -> CaseMeasure:
    """The measure of a result's cases: of "share of patients with HD95 increase below 3 mm" the HD95 increase."""
    match = _SHARE.fullmatch(result.measure)
    if match is None:
        return CaseMeasure(result.measure or "value", result.comparison, result.limit, result.unit)
    name, comparison, limit, unit = match.groups()
    return CaseMeasure(name, comparison, float(limit), unit or "")


def worst_structure(result: RequirementResult) -> str | None:
    """The structure that decides, or the first that has cases."""
    named = (result.worst or {}).get("structure")
    present = list(dict.fromkeys(case.structure for case in result.cases))
    return named if named in present else next(iter(present), None)


def of_all_patients(result: RequirementResult) -> bool:
    """Whether the measure is one number of all patients together, such as a correlation; single cases have none of it.

    Their `clean` and `perturbed` are uncertainties then, and their `value` orders them and says no more.
    """
    return result.uncertainty is not None and result.measure.removeprefix("mean ").startswith(_OF_ALL_PATIENTS)


def worst_first(result: RequirementResult) -> list[CaseResult]:
    """The cases of the deciding structure: failures first, then by the measure of single cases, then by name.

    Where single cases have no measure of their own, equals stand as in `most_wrong_first`.
    """
    comparison = case_measure(result).comparison

    def badness(case: CaseResult) -> tuple[bool, float]:
        if case.value is None or math.isnan(case.value):
            return case.failure is not None, math.inf
        value = -case.value if comparison in ("above", "at least") else case.value
        return case.failure is not None, abs(value) if comparison == "within" else value

    chosen = sorted((c for c in result.cases if c.structure == worst_structure(result)), key=lambda case: case.case)
    if of_all_patients(result):
        rank = {case.case: place for place, (case, _) in enumerate(most_wrong_first(result))}
        chosen.sort(key=lambda case: rank.get(case.case, len(rank)))
    return sorted(chosen, key=badness, reverse=True)  # stable: equals stay in their order


def most_wrong_first(result: RequirementResult) -> list[tuple[CaseResult, str]]:
    """The cases of a result's uncertainty, the silent failures first, then by their error; and each one's numbers.

    Empty where a result has no uncertainty.
    """
    shown = result.uncertainty or {}
    cases, _ = error_cases(shown.get("scatter") or {})
    silent = silent_rule(shown).silent(cases)
    others = sorted((c for c in cases if c not in silent), key=lambda case: (-case.error, case.name))
    structure = str(shown.get("structure") or "")
    return [
        (
            CaseResult(case.name, case.patient, structure, None, None, None, case.failure),
            ("silent failure, " if case in silent else "")
            + f"error {rounded(case.error)}, uncertainty {rounded(case.uncertainty)}",
        )
        for case in (*silent, *others)
    ]
