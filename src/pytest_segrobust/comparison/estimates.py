"""Requirements without rows that can be paired point by point: tests in Python, and statistics of all patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..evidence.compared import ComparedRequirement, Difference, Shown
from ..evidence.worst_cases import case_measure
from ..verification.comparison import paired_difference, shown, worse_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..evidence.records import CaseResult, RequirementResult
    from ..metrics.catalogue import Better
    from .opened import OpenedRun

_BETTER: dict[str, Better] = {"below": "lower", "at most": "lower", "above": "higher", "at least": "higher"}


def compared_estimates(
    new: OpenedRun,
    before: RequirementResult,
    after: RequirementResult,
    margins: Mapping[str, float],
    *,
    paired: bool,
) -> ComparedRequirement:
    """The comparison of two results: the estimates of points that both have, or (`paired`) their cases at one worst point."""
    measure = case_measure(before)
    better = _BETTER.get(measure.comparison if paired else before.comparison, "zero")
    margin = margins.get(before.unit)
    differences = [_paired(before, after, better, margin)] if paired and _same_place(before, after) else []
    found: list[Difference] = [each for each in differences if each is not None]
    missing, notes = [], []
    if not paired:
        found = _estimates(before, after, better)
        notes.append("this measure has no value per patient: estimates of both runs stand side by side, unpaired")
        missing.append("nothing is shown of a measure without a value per patient")
    elif not found:
        missing.append(
            f"a test in Python is compared where both runs have the same worst point: here {_place(before)} and {_place(after)}"
        )
    else:
        notes.append("a test in Python is compared at its worst point alone")
    verdict: Shown = found[0].shown if found and not missing else "open"
    return ComparedRequirement(
        run=new.name,
        id=before.id,
        statement=before.statement,
        metric=measure.name if paired else before.measure,
        unit=before.unit,
        better=better,
        confidence=before.confidence,
        margin=margin,
        shown=verdict,
        reason=missing[0] if missing else _reason(found[0], margin),
        old_verdict=before.verdict,
        new_verdict=after.verdict,
        old_estimate=before.estimate,
        new_estimate=after.estimate,
        measure=before.measure,
        differences=found,
        missing=missing,
        notes=notes,
    )


def _same_place(before: RequirementResult, after: RequirementResult) -> bool:
    return bool(before.worst and after.worst) and _place(before) == _place(after)


def _place(result: RequirementResult) -> str:
    worst = result.worst or {}
    return f"{worst.get('structure', '?')} at {worst.get('text', '?')}"


def _paired(
    before: RequirementResult, after: RequirementResult, better: Better, margin: float | None
) -> Difference | None:
    old, new = _per_patient(before.cases), _per_patient(after.cases)
    both = [patient for patient in old if patient in new]
    if len(both) < 2 or len(both) < max(len(old), len(new)):
        return None
    pair = np.array([old[p] for p in both]), np.array([new[p] for p in both])
    found = paired_difference(*pair, better, before.confidence)
    assert before.worst is not None
    return Difference(
        structure=str(before.worst.get("structure")),
        point=str(before.worst.get("text")),
        place="worst of both",
        severity=None,
        n_patients=found.n_patients,
        old=found.old,
        new=found.new,
        estimate=found.estimate,
        interval=(found.interval.low, found.interval.high),
        method=found.interval.method,
        warning=found.interval.warning if found.interval.low < found.interval.high or found.estimate else "",
        shown="open" if margin is None else shown(margin, found.interval),
    )


def _per_patient(cases: list[CaseResult]) -> dict[str, float]:
    """The mean of each patient's cases; nobody of whom one has no value."""
    values: dict[str, list[float]] = {}
    for case in cases:
        values.setdefault(case.patient, []).append(np.nan if case.value is None else case.value)
    means = {patient: float(np.mean(found)) for patient, found in values.items()}
    return {patient: mean for patient, mean in means.items() if np.isfinite(mean)}


def _estimates(before: RequirementResult, after: RequirementResult, better: Better) -> list[Difference]:
    """The estimates at the points of the degradation curve that both have, and at a worst point that is the same."""
    later = {(each.structure, each.point): each.estimate for each in after.curve}
    pairs = [
        (each.structure, each.point, each.severity, each.n_patients, each.estimate, later[each.structure, each.point])
        for each in before.curve
        if (each.structure, each.point) in later
    ]
    named = {(structure, point) for structure, point, *_ in pairs}
    if before.worst and _same_place(before, after) and None not in (before.estimate, after.estimate):
        worst = str(before.worst.get("structure")), str(before.worst.get("text"))
        if worst not in named:
            pairs.append((*worst, None, before.n_patients, before.estimate, after.estimate))  # type: ignore[arg-type]
    return [
        Difference(
            structure, point, "", severity, n, old, new,
            float(worse_by(np.array([old]), np.array([new]), better)[0]), None,
        )
        for structure, point, severity, n, old, new in pairs
        if np.isfinite(old) and np.isfinite(new)
    ]  # fmt: skip


def _reason(each: Difference, margin: float | None) -> str:
    if margin is None:
        return "no margin was stated"
    return {
        "non-inferior": "the interval of the difference is within the margin",
        "worse": "the interval of the difference is beyond the margin",
        "open": "the interval of the difference holds the margin",
    }[each.shown]
