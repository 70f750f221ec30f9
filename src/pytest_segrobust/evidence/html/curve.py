"""The degradation curve: the measure against severity, for every structure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import exact

from .drawing import COLOURS, MARKERS, SERIES, axes, counted, inline_svg
from .severity_axis import severity_axis

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

    from pytest_segrobust.evidence.records import RequirementResult


def degradation_curve(result: RequirementResult, *, prefix: str) -> Markup | None:
    """Estimate and deciding interval of each structure over severity, the limit, and the claimed range shaded.

    None where the result has no curve of finite numbers.
    """
    points = [p for p in result.curve if p.estimate is not None and math.isfinite(p.estimate)]
    if not points:
        return None
    axis = severity_axis(result.curve, result.search.get("units"))
    structures = list(dict.fromkeys(point.structure for point in points))
    with axes(4.1, 3.0) as (figure, plot):
        plot.axvspan(
            axis.at(0), axis.at(1), facecolor=COLOURS["claim"], edgecolor="none", zorder=0, label="claimed range"
        )
        for number, structure in enumerate(structures):
            colour, marker = COLOURS[SERIES[number % len(SERIES)]], MARKERS[number % len(MARKERS)]
            own = sorted((p for p in points if p.structure == structure), key=lambda p: p.severity)
            x = [axis.at(p.severity) for p in own]
            bounded = [(axis.at(p.severity), *p.interval) for p in own if None not in p.interval]
            finite = [row for row in bounded if all(map(math.isfinite, row))]
            if finite:
                places, lows, highs = zip(*finite, strict=True)
                plot.fill_between(places, lows, highs, facecolor=colour, alpha=0.18, edgecolor="none")
            plot.plot(
                x,
                [p.estimate for p in own],
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.6,
                label=structure or "all structures",
            )
        _draw_limit(plot, result)
        broken = result.breaking_point.severity if result.breaking_point else None
        if broken is not None:
            plot.axvline(axis.at(broken), color=COLOURS["ink"], linewidth=0.9, linestyle=":", label="breaking point")
        plot.set_xlabel(axis.label)
        plot.set_ylabel(words.with_unit(result.measure or "value", f"({result.unit})" if result.unit else ""))
        if axis.ticks is None:
            plot.locator_params(axis="x", nbins=6)
        else:
            plot.set_xticks([place for place, _ in axis.ticks], [text for _, text in axis.ticks])
        plot.margins(x=0.03, y=0.12)
        if axis.step < 0:
            plot.invert_xaxis()  # severity grows to the right, whatever the parameter does
        figure.legend(loc="outside upper left", ncols=3, handlelength=1.6, columnspacing=1.2)
        label = (
            f"Degradation curve of {result.id}: {result.measure} over {axis.label}, "
            f"structures {', '.join(structures)}; the numbers are in the table below"
        )
        return inline_svg(figure, prefix=prefix, label=label, n=counted(p.n_patients for p in points))


def _draw_limit(plot: Axes, result: RequirementResult) -> None:
    if result.limit is None:
        return
    for limit in {result.limit, -result.limit} if result.comparison == "within" else {result.limit}:
        plot.axhline(limit, color=COLOURS["ink"], linewidth=1.1, linestyle=(0, (5, 3)))
        plot.annotate(
            f"limit {exact(limit)}",
            (0, limit),
            xycoords=("axes fraction", "data"),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=8.5,
        )
