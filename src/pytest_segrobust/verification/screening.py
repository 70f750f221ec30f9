"""Screening: a search on a few patients for the points at which all patients are then measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .metric import metric_of
from .patients import GROSS_FAILURE_RATE, Cohort, PatientValues
from .search import Trial, search

if TYPE_CHECKING:
    from pytest_segrobust.evidence.records import Measurement
    from pytest_segrobust.perturbations.point import Point

    from .decision import Criterion
    from .space import Position, Space

APART = 0.02  # of the unit cube: two worst points nearer than this are one

Measure = Callable[[Sequence["Point"]], "list[Measurement]"]


@dataclass(frozen=True)
class Screening:
    """The trials of a search, and how many patients they were made on."""

    trials: tuple[Trial, ...] = ()
    patients: int = 0

    def worst(self, space: Space, count: int) -> list[Position]:
        """For each structure the positions of its `count` worst trials, no two of them next to each other."""
        chosen: list[Position] = []
        for structure in self.trials[0].badness if self.trials else ():
            picked: list[Position] = []
            for trial in sorted(self.trials, key=lambda trial: (-trial.badness[structure], str(trial.point))):
                rows = space.embedded([trial.position, *picked])
                if len(picked) < count and (np.abs(rows[1:] - rows[0]).max(axis=1, initial=0) >= APART).all():
                    picked.append(trial.position)
            chosen += picked
        return chosen


def screen(
    space: Space,
    criterion: Criterion,
    cohort: Cohort,
    structures: Sequence[str],
    measure: Measure,
    *,
    budget: int,
    corners: int,
    seed: int,
    first: Sequence[Point],
    progress: Callable[[int], None],
) -> Screening:
    """Search for the points that are worst for the patients of `cohort`; `measure` measures these at points, once."""
    done = 0

    def badness(points: Sequence[Point]) -> list[dict[str, float]]:
        nonlocal done
        rows: dict[str, list[Measurement]] = {str(point): [] for point in points}
        for m in measure(points):
            rows[m.point].append(m)
        done += len(points)
        progress(done)
        return [_badness(criterion, cohort, rows[str(point)], structures) for point in points]

    trials = search(space, badness, budget=budget, seed=seed, first=first, most_corners=corners)
    return Screening(tuple(trials), len(cohort.patients))


def _badness(
    criterion: Criterion, cohort: Cohort, rows: list[Measurement], structures: Sequence[str]
) -> dict[str, float]:
    values = {structure: _of_values(criterion, cohort.at(rows, structure)) for structure in structures}
    if cohort.measure.metric == GROSS_FAILURE_RATE:  # flat where nothing fails yet: let DSC lead the way
        lost = [1 - m.scores["dsc"] for m in rows if np.isfinite(m.scores.get("dsc", np.nan))]
        values = {structure: value + 1e-3 * float(np.mean(lost or [0])) for structure, value in values.items()}
    return values


def _of_values(criterion: Criterion, found: PatientValues) -> float:
    """Where uncertainty says nothing at all, as bad as can be; where nobody has a value, since nothing is wrong, as good."""
    if len(found.values) and not found.constant:
        return criterion.badness(found.values)
    measure = criterion.requirement.measure
    metric = metric_of(measure.metric)
    worst = metric.best if metric.worst == "diagonal" else metric.worst
    bad, good = (worst, metric.best) if measure.form == "value" else (abs(worst - metric.best), 0.0)
    return criterion.badness(np.array([bad if found.constant else good], float))
