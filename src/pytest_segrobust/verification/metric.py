"""What a verdict must know of a metric, whether it scores masks or uncertainty: which way is better, its best and its worst."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Literal

from pytest_segrobust.metrics.catalogue import METRICS, Metric
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES

if TYPE_CHECKING:
    from pytest_segrobust.requirements.requirement import Measure

Level = Literal["cases", "voxels", "patients", "severities"]


def level_of(metric: str) -> Level:
    """Where a metric has its numbers: "cases" of those that score masks, otherwise the catalogue's word.

    Of "cases" and "voxels" each case has one, of "patients" all of them at a point, of "severities" along a line.
    """
    return MEASURES[metric].level if metric in MEASURES else "cases"


def is_uncertainty(metric: str) -> bool:
    """Whether a key is of the catalogue of uncertainty."""
    return metric in MEASURES


@cache
def metric_of(key: str) -> Metric:
    """The metric of a key; an uncertainty measure in the same form, so that cases are scored alike.

    Its best is the end of its range, 1 where it has none (a difference of uncertainties); its worst is what a case without
    an output scores.
    """
    if key not in MEASURES:
        return METRICS[key]
    measure = MEASURES[key]
    best = measure.highest if measure.better == "higher" else measure.lowest
    worst = measure.worst
    if worst is None:  # of all patients: no case has a value
        worst = measure.lowest if measure.better == "higher" else measure.highest
    return Metric(
        key, measure.name, measure.better, 1.0 if best is None else best, -math.inf if worst is None else worst
    )


def without_information(key: str) -> float:
    """What a case scores whose map says nothing: what the catalogue says that is worth, otherwise the worst."""
    measure = MEASURES[key]
    value = measure.worst if measure.no_information is None else measure.no_information
    assert value is not None  # asked of "voxels" alone, which have a worst
    return value


def bounds_of(measure: Measure) -> tuple[float, float]:
    """The least and the largest value that the metric itself can have."""
    if measure.metric in MEASURES:
        known = MEASURES[measure.metric]
        return (
            -math.inf if known.lowest is None else known.lowest,
            math.inf if known.highest is None else known.highest,
        )
    metric = METRICS[measure.metric]
    if metric.key == "volume_bias":  # too large by any factor
        return -1.0, math.inf
    ends = (metric.best, math.inf if metric.worst == "diagonal" or metric.key == "volume_error" else metric.worst)
    return min(ends), max(ends)
