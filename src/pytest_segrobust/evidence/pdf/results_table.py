"""The forest plot of the document: one row for each requirement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.html.forest import WIDTH, place

from . import blocks
from .standalone_svg import Drawing, standalone
from .template_drawings import forest_drawing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .blocks import Block, Figures

_PLOT = "46mm"


def results_table(requirements: Sequence[Mapping[str, Any]], figures: Figures) -> Block:
    """Statement, verdict, interval on the common scale, numbers, limit and patients of each of the page's requirements."""
    rows = []
    for each in requirements:
        result = each["result"]
        numbers = (
            "–" if each["interval"] == "–" else words.with_unit(f"{each['estimate']} {each['interval']}", result.unit)
        )
        rows.append(
            [
                blocks.linked(result.id, each["anchor"], each["statement"]),
                blocks.badge(result.verdict, each["verdict"], each["tier"]),
                blocks.drawn(figures.add(forest_drawing(result.id, each["forest"], result.verdict))),
                numbers,
                each["limit"],
                str(result.n_patients or "–"),
            ]
        )
    heads = ("Requirement", "Verdict", "axis", "Estimate [L, U]", "Limit", "Patients")
    found = blocks.table(heads, rows, ("1", "auto", _PLOT, "auto", "auto", "auto"))
    return {**found, "axis": 2}


def forest_axis() -> Drawing:
    """The scale above the rows."""
    ticks = "".join(
        f'<path class="tick" d="M{place(share)} 17v5"/><text x="{place(share)}" y="12" text-anchor="middle">{text}</text>'
        for share, text in ((0, "0 best"), (1, "1 limit"), (2, "2"))
    )
    label = "Scale: 0 is the best value, 1 is the limit"
    return standalone(f'<svg aria-label="{label}" viewBox="0 0 {WIDTH:g} 22">{ticks}</svg>', within="forest")
