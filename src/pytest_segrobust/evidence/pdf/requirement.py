"""One requirement in the document: the same parts, words and figures as on the page, in the same order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.verdicts import WORDS

from . import blocks
from .case_picture import case_picture
from .standalone_svg import Drawing, standalone
from .template_drawings import forest_drawing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .blocks import Block, Cell, Figures

_MOST_ROWS = 24  # of a figure's numbers; longer tables are in the CSV files and in the report's data


def requirement_blocks(shown: Mapping[str, Any], figures: Figures) -> Iterator[Block]:
    """The blocks of one entry of the page's `requirements` (see `html.view`)."""
    result = shown["result"]
    word = shown["verdict"] + (f" ({shown['tier']})" if shown["tier"] else "")
    yield blocks.heading(2, result.id, anchor=shown["anchor"], verdict=result.verdict, word=word)
    yield blocks.paragraph(shown["statement"], "statement")
    if result.reason:
        yield blocks.paragraph(result.reason)
    if result.warnings:
        yield blocks.items(result.warnings, "warning")
    if shown["facts"]:
        yield blocks.facts(shown["facts"])
    if drawings := list(_figures(shown, figures)):
        yield blocks.figures(drawings)
    yield from _uncertainty(shown["uncertainty"], figures)
    yield from _structures(shown)
    yield from _strata(shown, figures)
    yield from _gallery(shown["pictures"], figures)
    yield from _failures(shown)
    if shown["curve_rows"]:
        heads = ("Severity", "Parameters", "Structure", "Estimate [L, U]", "Patients", "Realised strength")
        yield blocks.heading(3, "The curve in numbers")
        yield blocks.table(heads, shown["curve_rows"], ("auto", "3", "auto", "auto", "auto", "3"))
    yield from _trace(result)


def _figures(shown: Mapping[str, Any], figures: Figures) -> Iterator[dict[str, Any]]:
    if shown["curve"]:
        yield _figure(shown["curve"], "Degradation: estimate over all patients, band from L to U.", figures)
    if shown["paired"]:
        structure = f", {shown['paired_structure']}" if shown["paired_structure"] else ""
        caption = f"Each case at the worst point{structure}; the worst are named, × marks a gross failure."
        yield _figure(shown["paired"], caption, figures)
    if shown["not_yet_broken"]:
        found = shown["result"].breaking_by_patient
        margin = f" {found['margin']['words']}." if found.get("margin") else ""
        caption = f"Patients not yet beyond the limit by themselves, band exact: {found['words']}.{margin}"
        yield _figure(shown["not_yet_broken"], caption, figures)


def _figure(drawing: Any, caption: str, figures: Figures, name: str = "") -> dict[str, Any]:
    return {**figures.add(standalone(str(drawing))), "caption": caption, "name": name}


def _uncertainty(shown: Mapping[str, Any] | None, figures: Figures) -> Iterator[Block]:
    if not shown:
        return
    yield blocks.heading(3, f"Uncertainty, {shown['structure']}" if shown["structure"] else "Uncertainty")
    if shown["facts"]:
        yield blocks.facts(shown["facts"])
    if shown["figures"]:
        yield blocks.figures(_figure(each.svg, each.caption, figures, each.name) for each in shown["figures"])
    if shown["not_drawn"]:
        yield blocks.items(f"{each.name}. {each.caption}" for each in shown["not_drawn"])
    for numbers in shown["tables"]:
        yield blocks.heading(3, numbers.name)
        if len(numbers.rows) > _MOST_ROWS:
            yield blocks.paragraph(f"{len(numbers.rows)} rows, in the data of this report (report.json).", "muted")
        else:
            yield blocks.table(numbers.heads, numbers.rows, ("auto",) + ("1",) * (len(numbers.heads) - 1))


def _structures(shown: Mapping[str, Any]) -> Iterator[Block]:
    rows = shown["structures"]
    if not rows:
        return
    alone = any("holm" in entry for entry in shown["result"].structures)
    heads = ["Structure", "Verdict", "Estimate [L, U]", *(["Named alone"] if alone else []), "Worst at"]
    yield blocks.heading(3, "By structure")
    yield blocks.table(
        heads,
        [
            [
                row["structure"],
                _badge(row),
                f"{row['estimate']} {row['interval']}",
                *([row["alone"]] if alone else []),
                row["worst"],
            ]
            for row in rows
        ],
        ["auto", "auto", "auto", *(["auto"] if alone else []), "1"],
    )


def _strata(shown: Mapping[str, Any], figures: Figures) -> Iterator[Block]:
    for found in shown["strata"]:
        yield blocks.heading(3, f"By {found['column']}")
        yield blocks.paragraph(found["meaning"], "muted")
        rows = []
        for row in found["rows"]:
            name = f"{found['column']} {row['stratum']}"
            drawing = forest_drawing(name, row["forest"], row["verdict"])
            numbers = row["reason"] or f"{row['estimate']} {row['interval']}"
            rows.append(
                [
                    row["stratum"],
                    _badge(row),
                    blocks.drawn(figures.add(drawing)),
                    numbers,
                    row["alone"],
                    str(row["patients"]),
                ]
            )
        heads = (found["column"], "Verdict", "0 best … 1 limit", "Estimate [L, U]", "Named alone", "Patients")
        yield blocks.table(heads, rows, ("1", "auto", "46mm", "auto", "auto", "auto"))


def _badge(row: Mapping[str, Any]) -> Cell:
    return blocks.badge(row["verdict"], row["word"]) if row["verdict"] in WORDS else "–"


def _gallery(pictures: Any, figures: Figures) -> Iterator[Block]:
    if not pictures:
        return
    maps = any(picture["scale"] for picture in pictures)
    yield blocks.heading(3, "Worst cases")
    yield blocks.paragraph(
        "Blue line: reference. Orange dashes: prediction."
        + (" White line on a map of uncertainty: wrong voxels." if maps else ""),
        "muted",
    )
    entries = []
    for picture in pictures:
        panels = [
            {**figures.add(_panel(str(panel.svg))), "title": panel.title, "under": panel.under}
            for panel in picture["panels"]
        ]
        scale = picture["scale"]
        lines = [picture["text"], picture["point"]]
        if scale:
            lines.append(f"{scale['name']}: dark is {scale['low']}, bright is {scale['high']}")
        entries.append({"case": picture["case"], "lines": [line for line in lines if line], "panels": panels})
    yield {"kind": "gallery", "items": entries}


def _panel(text: str) -> Drawing:
    return case_picture(text)


def _failures(shown: Mapping[str, Any]) -> Iterator[Block]:
    if not shown["failures"]:
        return
    yield blocks.heading(3, "Gross failures by name")
    rows = [[each["case"], each["structure"], each["point"], each["failure"]] for each in shown["failures"]]
    yield blocks.table(("Case", "Structure", "Point", "Failure"), rows, ("auto", "auto", "1", "1"))
    if shown["more_failures"]:
        yield blocks.paragraph(f"and {shown['more_failures']} more, in the data of this report (report.json).", "muted")


def _trace(result: Any) -> Iterator[Block]:
    rationale = re.sub(r"[. ]+$", "", result.rationale)
    rows = (
        ("Rationale", rationale and f"{rationale}."),
        ("Risks", ", ".join(result.risks)),
        ("Tags", ", ".join(result.tags)),
    )
    if any(text for _, text in rows):
        yield blocks.facts(row for row in rows if row[1])
    if result.replay:
        yield blocks.code("Replay", result.replay)
