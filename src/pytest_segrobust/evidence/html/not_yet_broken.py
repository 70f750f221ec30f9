"""The share of patients not yet beyond the limit, over severity: a survival curve of the cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .drawing import COLOURS, axes, counted, inline_svg
from .severity_axis import severity_axis

if TYPE_CHECKING:
    from markupsafe import Markup

    from pytest_segrobust.evidence.records import RequirementResult


def not_yet_broken(result: RequirementResult, *, prefix: str) -> Markup | None:
    """Steps with their exact band; None where no course over severity was followed.

    A patient breaks between two tried severities; it is drawn as broken from the milder one on, which flatters nobody.
    """
    found = result.breaking_by_patient
    if not found or not result.curve:
        return None
    axis = severity_axis(result.curve, result.search.get("units"))
    steps = found["steps"]
    places = [axis.at(step["severity"]) for step in steps]
    share = [step["unbroken"] / step["n_patients"] for step in steps]
    lows, highs = zip(*(step["interval"] for step in steps), strict=True)
    with axes(4.1, 2.4) as (figure, plot):
        colour = COLOURS["series-1"]
        plot.fill_between(places, lows, highs, step="pre", facecolor=colour, alpha=0.18, edgecolor="none")
        plot.step(places, share, where="pre", color=colour, linewidth=1.6)
        plot.plot(places, share, linestyle="none", marker="o", markersize=4, color=colour)
        plot.axhline(0.5, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        plot.set_ylim(-0.03, 1.03)
        plot.set_xlabel(axis.label)
        plot.set_ylabel("patients within the limit")
        if axis.ticks is not None:
            plot.set_xticks([place for place, _ in axis.ticks], [text for _, text in axis.ticks])
        if axis.step < 0:
            plot.invert_xaxis()
        label = f"Share of {found['n_patients']} patients not yet beyond the limit of {result.id}, over {axis.label}"
        return inline_svg(figure, prefix=prefix, label=label, n=counted([found["n_patients"]]), numbers=found["words"])
