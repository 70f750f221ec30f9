"""The difference of two models along the old run's degradation curve, structure by structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import exact

from .drawing import COLOURS, MARKERS, SERIES, axes, counted, inline_svg

if TYPE_CHECKING:
    from markupsafe import Markup

    from pytest_segrobust.evidence.compared import ComparedRequirement

LEAST = 3  # points: fewer are no curve


def difference_curve(requirement: ComparedRequirement, *, prefix: str) -> Markup | None:
    """Differences with their intervals over severity, and the margin; None where there are too few points."""
    points = [each for each in requirement.differences if each.severity is not None]
    structures = list(dict.fromkeys(each.structure for each in points))
    if max((sum(each.structure == name for each in points) for name in structures), default=0) < LEAST:
        return None
    with axes(4.1, 2.7) as (figure, plot):
        plot.axhline(0, color=COLOURS["muted"], linewidth=0.9)
        for number, structure in enumerate(structures):
            colour, marker = COLOURS[SERIES[number % len(SERIES)]], MARKERS[number % len(MARKERS)]
            own = sorted((p for p in points if p.structure == structure), key=lambda p: p.severity or 0.0)
            x = [each.severity or 0.0 for each in own]
            bounded = [(each.severity or 0.0, *each.interval) for each in own if each.interval is not None]
            if bounded:
                places, lows, highs = zip(*bounded, strict=True)
                plot.fill_between(places, lows, highs, facecolor=colour, alpha=0.18, edgecolor="none")
            plot.plot(
                x,
                [each.estimate for each in own],
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.6,
                label=structure,
            )
        if requirement.margin is not None:
            plot.axhline(requirement.margin, color=COLOURS["ink"], linewidth=1.1, linestyle=(0, (5, 3)))
            plot.annotate(
                f"margin {exact(requirement.margin)}",
                (0, requirement.margin),
                xycoords=("axes fraction", "data"),
                xytext=(4, 3),
                textcoords="offset points",
                fontsize=8.5,
            )
        plot.set_xlabel("severity: 0 clean, 1 the end of the stated range")
        plot.set_ylabel(
            words.with_unit(f"{requirement.metric}, worse by", f"({requirement.unit})" if requirement.unit else "")
        )
        plot.margins(x=0.03, y=0.15)
        figure.legend(loc="outside upper left", ncols=3, handlelength=1.6, columnspacing=1.2)
        label = f"Difference of {requirement.id} over severity; the numbers are in the table beside it"
        return inline_svg(figure, prefix=prefix, label=label, n=counted(each.n_patients for each in points))
