"""The degradation curve in a few lines: for reports of so many requirements that a full figure of each would be no help."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from markupsafe import Markup

from .drawing import SERIES, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_segrobust.evidence.records import CurvePoint, RequirementResult

_WIDTH, _HEIGHT, _EDGE = 240.0, 64.0, 5.0


def small_curve(result: RequirementResult) -> Markup | None:
    """Estimate and deciding interval over severity, the limit as a dashed line, the claimed range shaded; None without a curve."""
    points = [p for p in result.curve if p.estimate is not None and math.isfinite(p.estimate)]
    if len({p.severity for p in points}) < 2:
        return None
    limits = [] if result.limit is None else [result.limit]
    if result.comparison == "within":
        limits += [-limit for limit in limits]
    values = [p.estimate for p in points] + limits
    values += [b for p in points for b in p.interval if b is not None and math.isfinite(b)]
    across = _scale([p.severity for p in points] + [0.0, 1.0], _EDGE, _WIDTH - _EDGE)
    up = _scale(values, _HEIGHT - _EDGE, _EDGE)
    parts = [f'<rect class="good" x="{across(0):g}" y="0" width="{across(1) - across(0):g}" height="{_HEIGHT:g}"/>']
    structures = list(dict.fromkeys(p.structure for p in points))
    for number, structure in enumerate(structures):
        own = sorted((p for p in points if p.structure == structure), key=lambda p: p.severity)
        parts.append(_line(own, SERIES[number % len(SERIES)], across, up))
    parts += [f'<path class="small-limit" d="M0 {up(limit):g}H{_WIDTH:g}"/>' for limit in limits]
    label = (
        f"Degradation curve of {result.id}: {result.measure} over severity, structures {', '.join(structures)}; "
        f"the numbers are in the table below; n = {counted(p.n_patients for p in points)}"
    )
    # Safe to mark: all but the label is made of numbers, and the label is escaped.
    return Markup(  # noqa: S704
        f'<svg class="small-curve" role="img" aria-label="{html.escape(label)}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}">'
        + "".join(parts)
        + "</svg>"
    )


def _line(
    own: Sequence[CurvePoint], colour: str, across: Callable[[float], float], up: Callable[[float], float]
) -> str:
    bounded = [p for p in own if None not in p.interval and all(map(math.isfinite, p.interval))]
    there = [f"{across(p.severity):g} {up(p.interval[1]):g}" for p in bounded]
    back = [f"{across(p.severity):g} {up(p.interval[0]):g}" for p in reversed(bounded)]
    band = f'<path d="M{"L".join(there + back)}Z" style="fill:var(--{colour});fill-opacity:.2"/>' if bounded else ""
    line = "L".join(f"{across(p.severity):g} {up(p.estimate):g}" for p in own)
    return f'{band}<path d="M{line}" style="fill:none;stroke:var(--{colour});stroke-width:1.6"/>'


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return lambda value: round(start + (value - low) / span * (end - start), 1)
