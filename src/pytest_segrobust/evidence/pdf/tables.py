"""Tables of the page: cells as runs or drawings, and how wide the columns are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.verdicts import WORDS

if TYPE_CHECKING:
    from .blocks import Block, Typesetter
    from .page_tree import Element

_PLOT = 46  # mm
_NARROW, _WIDE = 30, 110  # characters: of a column that needs no more than it has, and of all such columns together


def table(setter: Typesetter, element: Element, around: tuple[str, ...]) -> Block:
    """The block of a table. Rows of facts (no head, a name and a value) are told from others."""
    rows = [each for each in element.all() if each.tag == "tr"]
    heads = [row for row in rows if all(cell.tag == "th" for cell in _cells(row))]
    body = [row for row in rows if row not in heads]
    if "facts" in element.classes or (not heads and all(len(_cells(row)) == 2 for row in body)):
        return {"kind": "facts", "rows": [[setter.text(cell) for cell in _cells(row)] for row in body]}
    made = [[_cell(setter, cell, (*around, *row.classes)) for cell in _cells(row)] for row in body]
    columns = max((len(_cells(row)) for row in rows), default=0)
    for row in made:  # a cell over several columns leaves others empty
        row.extend([{"runs": []}] * (columns - len(row)))
    head = [_cell(setter, cell, around) for cell in _cells(heads[0])] if heads else []
    form = "review" in element.classes or bool(made and not any(cell.get("runs") for row in made for cell in row[1:]))
    return {
        "kind": "table",
        "heads": head + [{"runs": []}] * (columns - len(head)) if head else [],
        "rows": made,
        "widths": widths([*([head] if head else []), *made], columns) if not form else ["1"] * columns,
        "form": form,
    }


def widths(rows: list[list[dict[str, Any]]], columns: int) -> list[str]:
    """For each column: what it needs ("auto"), a share of the rest ("24"), or millimetres ("46mm") of one with drawings."""
    found = []
    needed = {}
    for column in range(columns):
        cells = [row[column] for row in rows if column < len(row)]
        if any("drawing" in cell for cell in cells):
            found.append(f"{_PLOT}mm")
            continue
        longest = max((_longest(cell) for cell in cells), default=1)
        found.append("auto" if longest <= _NARROW else str(min(longest, 90)))
        if longest <= _NARROW:
            needed[column] = longest
    while needed and sum(needed.values()) > _WIDE:
        widest = max(needed, key=lambda column: needed[column])
        found[widest] = str(needed.pop(widest))
    return found


def _longest(cell: dict[str, Any]) -> int:
    lines = "".join("\n" if "break" in run else str(run.get("text", "")) for run in cell.get("runs", []))
    return max(map(len, lines.split("\n")))


def _cells(row: Element) -> list[Element]:
    return [each for each in row.elements() if each.tag in ("td", "th")]


def _cell(setter: Typesetter, cell: Element, around: tuple[str, ...]) -> dict[str, Any]:
    plot = next((each for each in cell.all() if each.drawing and "<use" not in each.drawing), None)
    if plot is None:
        return {"runs": setter.text(cell, **({"bold": True} if cell.attributes.get("scope") == "row" else {}))}
    verdict = next((name for name in reversed(around) if name in WORDS), "")
    return {"drawing": setter.drawings.plot(plot, " ".join((*around, *cell.classes)), verdict)}
