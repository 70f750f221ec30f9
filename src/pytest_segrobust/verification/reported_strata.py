"""Strata beside a decision on all patients: how the same claim stands in each scanner, sex or site; they decide nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .decision import judged, unsaid
from .named_alone import named_alone
from .words import too_few

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_segrobust.evidence.records import Measurement

    from .decision import Cell, Criterion
    from .patients import Cohort


def reported_strata(
    criterion: Criterion,
    decisive: Cell,
    column: str,
    strata: Mapping[str, Sequence[str]],
    *,
    rows: Mapping[str, Sequence[Measurement]],
    cohort_of: Callable[[Sequence[Measurement]], Cohort],
    minimum_patients: int,
) -> list[dict[str, Any]]:
    """Each stratum of a column at the point, and of the structure, that decide for all: estimate, interval, verdict.

    `rows` hold the measurements of the clean point and that point. The worst point of a stratum may be another one: who
    claims something of strata writes "for each". Verdicts are as if a stratum stood alone, "holm" what may be said of it
    beside the others.
    """
    clean, here = rows["clean"], rows[decisive.point]
    cells: dict[str, list[Cell]] = {}
    entries = []
    for name, patients in strata.items():
        own = set(patients)
        entry: dict[str, Any] = {"column": column, "stratum": name, "decides": False, "structure": decisive.structure}
        own_rows = [[m for m in side if m.patient in own] for side in (clean, here)]
        found = _cell(criterion, decisive, own_rows, cohort_of, minimum_patients)
        if isinstance(found, tuple):
            n, why = found
            entries.append({**entry, "verdict": "not_evaluable", "n_patients": n, "reason": why})
            cells[name] = []
            continue
        cells[name] = [found]
        entries.append(
            {
                **entry,
                "verdict": found.verdict,
                "estimate": found.estimate,
                "interval": list(criterion.shown(found.interval)),
                "n_patients": len(found.values.patients),
                "n_cases": len(found.values.cases),
            }
        )
    alone = named_alone(criterion, cells, criterion.requirement.confidence)
    return [{**entry, "holm": alone[entry["stratum"]]} if alone else entry for entry in entries]


def strata_that_fail(strata: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader must know of a claim on all patients: a stratum in which it was shown not to hold."""
    return [
        f"{each['column']} {each['stratum']}: shown not to meet the limit by itself (Holm), {each['estimate']:.3g} in "
        f"{each['n_patients']} patients; the requirement is on all patients together, 'for each {each['column']}' would fail"
        for each in strata
        if each.get("holm", {}).get("verdict") == "failed"
    ]


def _cell(
    criterion: Criterion,
    decisive: Cell,
    rows: Sequence[Sequence[Measurement]],
    cohort_of: Callable[[Sequence[Measurement]], Cohort],
    minimum_patients: int,
) -> Cell | tuple[int, str]:
    """The stratum's cell; or of how many patients, and why, nothing is said."""
    (clean, here), point, structure = rows, decisive.point, decisive.structure
    if not clean:
        return 0, too_few(0, minimum_patients)
    if lacking := {m.patient for m in clean} - {
        m.patient for m in here
    }:  # where a run may stop before all are measured
        return 0, f"{len(lacking)} of its patients were not measured at this point"
    values = cohort_of(clean).at(here, structure)
    nothing = unsaid(criterion, values, point, structure, minimum_patients)
    if nothing is not None:
        return len(values.patients), nothing.reason
    cell = judged(criterion, values, point, structure, minimum_patients)
    return cell if cell is not None else (len(values.patients), too_few(len(values.patients), minimum_patients))
