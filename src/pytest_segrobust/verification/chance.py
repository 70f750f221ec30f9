"""What a map that knows nothing scores on the very same predictions: limits that it meets claim nothing of a model's map."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.metrics.uncertainty.chance import CHANCE

from .all_patients import AREAS, by_patient, pairs_at
from .decision import meets, worst
from .patients import Cohort
from .statistics import mean_interval
from .words import measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.records import Measurement

    from .decision import Cell
    from .findings import Findings


def met_by_chance(findings: Findings) -> str:
    """Why a pass shows nothing: a map that knows nothing meets the limit, too, at a structure's worst point; "" if not.

    It meets any limit of a drop or increase, for it has nothing to lose: what clean images do not show to be known is no pass.
    """
    if findings.requirement.measure.form != "value":
        return next(filter(None, (_nothing_to_lose(findings, structure) for structure in findings.structures)), "")
    criterion, several = findings.criterion, len(findings.structures) > 1
    for structure in findings.structures:
        cells = [cell for cell in findings.cells if cell.structure == structure]
        if not cells:
            continue
        cell = worst(cells)
        values = _by_chance(findings, cell)
        if values is None or not meets(criterion.comparison, criterion.limit, np.asarray(criterion.estimate(values))):
            continue
        return (
            f"a map that knows nothing scores {values.mean():.3g}{_place(findings, cell, several=several)}, which meets the "
            "limit: state a limit beyond it"
        )
    return ""


def _nothing_to_lose(findings: Findings, structure: str) -> str:
    """Why a change shows nothing: on clean images the map is not shown to beat one that knows nothing; "" where it is."""
    requirement, cohort = findings.requirement, findings.cohort
    known, metric = MEASURES.get(requirement.measure.metric), requirement.measure.metric
    if known is None or known.level != "voxels":
        return ""
    rows = list(cohort.clean.values())
    plain = Cohort(
        rows, replace(requirement.measure, form="value"), cohort.comparison, empty_reference=cohort.empty_reference
    )
    own = plain.at(rows, structure).values
    if known.no_information is None:
        shuffled = _shuffled(rows, metric)
        if shuffled is None:
            return ""
        level = plain.at(shuffled, structure).values
    else:
        level = np.full(own.shape, known.no_information)
    if len(own) < 2:
        return ""
    ahead = (own - level) if known.better == "higher" else (level - own)
    criterion = findings.criterion
    bound = mean_interval(ahead, requirement.confidence, seed=criterion.seed, resamples=criterion.resamples).low
    if bound > 0:
        return ""
    return (
        f"{known.name} of {structure} is {own.mean():.3g} on clean images, where a map that knows nothing has "
        f"{level.mean():.3g}: what is not shown to know anything has nothing to lose; state a limit of {known.name} itself"
    )


def level_by_chance(findings: Findings, decisive: Cell) -> list[str]:
    """What a map that knows nothing would have at the deciding point, where that depends on the data."""
    metric = findings.requirement.measure.metric
    if metric in AREAS:  # low where errors are low, too: that is said, and takes nothing from a verdict
        return _area(findings, decisive)
    values = _by_chance(findings, decisive)
    if values is None:
        return []
    level = f"a map that knows nothing would score {values.mean():.3g}{_place(findings, decisive)}"
    return [f"{level}: what {measured(findings.requirement)} has beyond that is what the map knows"]


def _by_chance(findings: Findings, cell: Cell) -> np.ndarray | None:
    """The patients' values if every case's map were shuffled; None where it is not known, or the level is fixed."""
    measure, metric = findings.requirement.measure, findings.requirement.measure.metric
    shuffled = _shuffled(findings.measurements[cell.point], metric) if measure.form == "value" else None
    if shuffled is None:
        return None
    values = findings.cohort.at(shuffled, cell.structure).values
    return values if len(values) else None


def _shuffled(rows: Sequence[Measurement], metric: str) -> list[Measurement] | None:
    """The measurements as if every case's map were shuffled; None where no case says what that scores."""
    key = f"{CHANCE}{metric}"
    if not any(key in m.scores for m in rows):
        return None
    return [replace(m, scores={**m.scores, metric: m.scores[key]}) if key in m.scores else m for m in rows]


def _area(findings: Findings, decisive: Cell) -> list[str]:
    """AURC of no order is the mean error; E-AURC is that less the area of the best order."""
    rows = findings.measurements[decisive.point]
    _, values = by_patient(pairs_at(findings.cohort, rows, decisive.structure))
    if not len(values) or not np.isfinite(values).all():
        return []
    errors = np.sort(values[:, 1])
    level = float(errors.mean())
    if findings.requirement.measure.metric == "e_aurc":
        level -= float((np.cumsum(errors) / np.arange(1, len(errors) + 1)).mean())
    criterion = findings.criterion
    words = f"a map that knows nothing would have {level:.3g}{_place(findings, decisive)}"
    if meets(criterion.comparison, criterion.limit, np.asarray(level)):
        words += ", which meets the limit: small errors alone do; nAURC is of the order alone"
    return [words]


def _place(findings: Findings, cell: Cell, *, several: bool = False) -> str:
    where = findings.place(cell)
    return f" {where} for {cell.structure}" if several else f" {where}"
