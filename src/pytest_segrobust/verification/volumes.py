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
    """Voxels in columns, in the order of the cell's cases: `reference`, `clean` and `predicted`.

    `predicted` is the mean over noise draws; None stands where there is no label, or no prediction. There are no volumes
    of an average over structures, and where a perturbation moves labels, since then the reference has another size.
    """
    point = findings.points[cell.point]
    if cell.structure == MEAN or any(catalogue()[step.name].moves_labels for step in point.steps):
        return None
    drawn: dict[str, list[int | None]] = {}
    for row in findings.measurements[cell.point]:
        if row.structure == cell.structure:
            drawn.setdefault(row.case, []).append(row.predicted_voxels)
    clean = [findings.cohort.clean[case.case, cell.structure] for case in cell.values.cases]
    if all(row.reference_voxels is None for row in clean):
        return None
    return {
        "structure": cell.structure,
        "point": cell.point,
        "reference": [row.reference_voxels for row in clean],
        "clean": [row.predicted_voxels for row in clean],
        "predicted": [_mean(drawn.get(row.case, [])) for row in clean],
    }


def _mean(found: list[int | None]) -> float | None:
    known = [voxels for voxels in found if voxels is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(found) else None
