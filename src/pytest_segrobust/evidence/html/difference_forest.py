"""The forest plot of differences: one row each, 0 in the middle, the margin on the right, worse to the right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_segrobust.evidence.rounding import rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_segrobust.evidence.compared import Difference

WIDTH = 230.0
REACH = 2.25  # margins that the plot shows to either side of 0


@dataclass(frozen=True)
class DifferenceRow:
    """What one row draws, in its own units; None where there is nothing to draw. `label` says it in words."""

    bar: tuple[float, float] | None = None
    estimate: float | None = None
    beyond_low: bool = False
    beyond_high: bool = False
    label: str = "no interval"


def place(share: float) -> float:
    """Where a share of the scale is drawn; what lies outside of the plot is drawn at its edge."""
    inside = min(max(share, -REACH), REACH)
    return round(6 + (inside + REACH) / (2 * REACH) * (WIDTH - 12), 2)


def scale_of(differences: Iterable[Difference], margin: float | None) -> float:
    """What 1 on the axis is: the margin, or without one half of the largest bound."""
    if margin:
        return margin
    ends = [abs(end) for each in differences for end in (each.interval or (each.estimate,)) if math.isfinite(end)]
    return max(ends, default=0.0) / 2 or 1.0


def difference_row(difference: Difference, scale: float) -> DifferenceRow:
    """The row of a difference on an axis on which 1 is `scale`."""
    estimate = difference.estimate / scale
    shown = place(estimate) if abs(estimate) <= REACH else None
    if difference.interval is None:
        return DifferenceRow(estimate=shown, label=f"difference {rounded(difference.estimate)}, no interval")
    low, high = (end / scale for end in difference.interval)
    return DifferenceRow(
        bar=(place(low), place(high)),
        estimate=shown,
        beyond_low=low < -REACH,
        beyond_high=high > REACH,
        label=f"difference {rounded(difference.estimate)} "
        f"[{rounded(difference.interval[0], 'down')}, {rounded(difference.interval[1], 'up')}]",
    )
