"""The forest plot: every requirement's interval on one scale, where 0 is the best value and 1 is the limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_segrobust.evidence.rounding import rounded

if TYPE_CHECKING:
    from pytest_segrobust.evidence.records import RequirementResult

WIDTH = 230.0
_LOW, _HIGH = -0.25, 2.25


@dataclass(frozen=True)
class ForestRow:
    """What one row of the plot draws, in its own units; None where there is nothing to draw. `label` says it in words."""

    bar: tuple[float, float] | None = None
    whisker: tuple[float, float] | None = None
    estimate: float | None = None  # None too where it lies outside of the plot
    beyond_low: bool = False
    beyond_high: bool = False
    label: str = "no interval"
    share: float | None = None  # of the allowance that the unfavourable bound takes: what rows are sorted by


def place(share: float) -> float:
    """Where a share of the allowance is drawn; what lies outside of the plot is drawn at its edge."""
    inside = min(max(share, _LOW), _HIGH)
    return round(6 + (inside - _LOW) / (_HIGH - _LOW) * (WIDTH - 12), 2)


def forest_row(result: RequirementResult) -> ForestRow:
    """The row of a requirement; the good side is the left one, whatever its measure."""
    if result.limit is None or result.interval is None or None in result.interval:
        return ForestRow()
    if result.comparison == "within" and result.limit <= 0:
        return ForestRow()
    bar = _shares(result, result.interval)
    if bar is None:
        return ForestRow()
    whisker = None
    if result.two_sided is not None and None not in result.two_sided:
        whisker = _shares(result, result.two_sided)
    estimate = None if result.estimate is None else _shares(result, (result.estimate, result.estimate))
    if estimate is not None and not _LOW <= estimate[0] <= _HIGH:
        estimate = None
    outer = whisker or bar
    return ForestRow(
        bar=(place(bar[0]), place(bar[1])),
        whisker=None if whisker is None else (place(whisker[0]), place(whisker[1])),
        estimate=None if estimate is None else place(estimate[0]),
        beyond_low=outer[0] < _LOW,
        beyond_high=outer[1] > _HIGH,
        label=f"interval from {rounded(round(bar[0], 9), 'down')} to {rounded(round(bar[1], 9), 'up')} of the allowance, limit at 1",
        share=bar[1],
    )


def _best(comparison: str, limit: float) -> float:
    """The value of a model that nothing disturbs: 0 where less is better; 1, the most a share can be, where more is.

    Limits beyond these have no best value to be measured from; there the scale is the size of the limit itself.
    """
    size = abs(limit) or 1.0
    if comparison in ("above", "at least"):
        return 1.0 if limit < 1.0 else limit + size
    return 0.0 if limit > 0.0 else limit - size


def _shares(result: RequirementResult, interval: tuple[float, float]) -> tuple[float, float] | None:
    """The interval in shares of the way from the best value to the limit, lower share first."""
    limit = result.limit or 0.0
    best = _best(result.comparison, limit)
    if any(map(math.isnan, interval)):
        return None
    if result.comparison == "within":  # distance from zero, on either side
        far = max(map(abs, interval))
        near = 0.0 if interval[0] <= 0.0 <= interval[1] else min(map(abs, interval))
        return near / limit, far / limit
    low, high = sorted((value - best) / (limit - best) for value in interval)
    return low, high
