"""Alarms that warned of nothing: one that is always raised leaves no failure silent and comes before every fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_segrobust.metrics.uncertainty.warning import early_warning

from .all_patients import SILENT, alarm_of, alarm_of_means, by_patient, pairs_at
from .along_severities import WARNING

if TYPE_CHECKING:
    from .decision import Cell
    from .findings import Findings


def false_alarms(findings: Findings, decisive: Cell) -> list[str]:
    """How many of the patients who did not fail raised the alarm, where a requirement is about alarms."""
    metric = findings.requirement.measure.metric
    if metric not in (SILENT, WARNING):
        return []
    raised, others = _without_failure(findings, decisive) if metric == SILENT else _without_fall(findings, decisive)
    if not raised:
        return []
    what = "did not fail" if metric == SILENT else "lost no more than that"
    words = f"{raised} of {others} patients who {what} raised the alarm {findings.place(decisive)}"
    if 2 * raised > others:
        words += ": an alarm that is raised nearly always tells nothing, whatever failures it came with"
    return [words]


def _without_failure(findings: Findings, cell: Cell) -> tuple[int, int]:
    """Of the patients without a failed case in any noise draw: those with an alarm in one, and all."""
    below, (alarm, _) = findings.requirement.measure.dsc_below, alarm_of(findings.cohort, cell.structure)
    if below is None or alarm is None:
        return 0, 0
    pairs = pairs_at(findings.cohort, findings.measurements[cell.point], cell.structure)
    failed = {pair.patient for pair in pairs if any(dsc < below for _, dsc in pair.draws)}
    alarmed = {pair.patient for pair in pairs if any(u > alarm for u, _ in pair.draws)}
    others = {pair.patient for pair in pairs} - failed
    return len(others & alarmed), len(others)


def _without_fall(findings: Findings, cell: Cell) -> tuple[int, int]:
    """Of the patients whose DSC never fell: those with an alarm at any severity, the clean image's too, and all."""
    fall, (alarm, _) = findings.requirement.measure.fall, alarm_of_means(findings.cohort, cell.structure)
    if fall is None or alarm is None:
        return 0, 0
    line = findings.points_of(cell)
    tables = [by_patient(pairs_at(findings.cohort, findings.measurements[p], cell.structure))[1] for p in line]
    u, error = np.stack(tables, axis=1).transpose(2, 0, 1)
    found = early_warning(u, 1 - error, alarm=alarm, drop=fall)
    stayed = error.max(axis=1) - error[:, 0] <= fall * (1 + 1e-12)
    raised = sum(
        outcome in ("false alarm", "alarm on clean")
        for outcome, kept in zip(found.outcomes, stayed, strict=True)
        if kept
    )
    return raised, int(stayed.sum())
