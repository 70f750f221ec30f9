"""How large reference and prediction are, case by case at the worst point: what a Bland-Altman plot of volumes is made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_segrobust.perturbations.catalogue import catalogue

from .patients import MEAN

if TYPE_CHECKING:
    from .decision import Cell
    from .findings import Findings


def volumes(findings: Findings, cell: Cell) -> dict[str, Any] | None:
    """Voxels of each case of the cell, in columns: `case`, `patient`, `reference`, `clean` and `predicted`.

    `predicted` is the mean over noise draws; None stands where there is no prediction. There are no volumes of an average
    over structures, without labels, and where a perturbation moves labels, since then the reference has another size.
    """
    point = findings.points[cell.point]
    if cell.structure == MEAN or any(catalogue()[step.name].moves_labels for step in point.steps):
        return None
    drawn: dict[str, list[int | None]] = {}
    for row in findings.measurements[cell.point]:
        if row.structure == cell.structure:
            drawn.setdefault(row.case, []).append(row.predicted_voxels)
    cases = [
        (case, clean)
        for case in sorted({each.case for each in cell.values.cases} & set(drawn))
        if (clean := findings.cohort.clean[case, cell.structure]).reference_voxels is not None
    ]
    if not cases:
        return None
    return {
        "structure": cell.structure,
        "point": cell.point,
        "case": [case for case, _ in cases],
        "patient": [clean.patient for _, clean in cases],
        "reference": [clean.reference_voxels for _, clean in cases],
        "clean": [clean.predicted_voxels for _, clean in cases],
        "predicted": [_mean(drawn[case]) for case, _ in cases],
    }


def _mean(found: list[int | None]) -> float | None:
    known = [voxels for voxels in found if voxels is not None]
    return math.fsum(known) / len(known) if len(known) == len(found) else None
