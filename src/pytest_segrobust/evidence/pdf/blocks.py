"""What a document is made of: plain data that the typst template sets, and nothing that it would interpret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .standalone_svg import Drawing

Block = dict[str, Any]
Cell = str | dict[str, Any]


class Figures:
    """The drawings of a document, each a file beside the template."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def add(self, drawing: Drawing) -> dict[str, str]:
        """Keep a drawing; what the template needs to find it."""
        from .characters import shown

        name = f"figure-{len(self.files):05}.svg"
        self.files[name] = shown(drawing.svg).encode("utf-8")
        return {"file": name, "alt": drawing.alt}


def heading(level: int, text: str, *, anchor: str = "", verdict: str = "", word: str = "") -> Block:
    """A heading; `anchor` can be linked to, a verdict stands at its right."""
    return {"kind": "heading", "level": level, "text": text, "anchor": anchor, "verdict": verdict, "word": word}


def paragraph(text: str, style: str = "body") -> Block:
    """A paragraph; styles are body, lead (stays with what follows), statement, and muted (how to read what follows)."""
    return {"kind": "paragraph", "text": text, "style": style}


def items(texts: Iterable[str], style: str = "body") -> Block:
    """A list; the style "warning" sets it apart."""
    return {"kind": "items", "items": list(texts), "style": style}


def facts(rows: Iterable[Sequence[str]]) -> Block:
    """Pairs of name and text."""
    return {"kind": "facts", "rows": [list(row) for row in rows]}


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], widths: Sequence[str]) -> Block:
    """A table whose head is repeated on every page; widths are shares of the rest ("2") or of what is needed ("auto")."""
    return {"kind": "table", "heads": list(heads), "rows": [list(row) for row in rows], "widths": list(widths)}


def figures(entries: Iterable[dict[str, Any]], columns: int = 2) -> Block:
    """Drawings side by side, each with its caption."""
    return {"kind": "figures", "items": list(entries), "columns": columns}


def code(name: str, text: str) -> Block:
    """A command to be typed."""
    return {"kind": "code", "name": name, "text": text}


def badge(verdict: str, word: str, beside: str = "") -> Cell:
    """A cell with a verdict: its shape, its word, and what must be said beside it."""
    return {"verdict": verdict, "word": word, "beside": beside}


def linked(text: str, anchor: str, below: str = "") -> Cell:
    """A cell that leads to an anchor; `below` is a second, smaller line."""
    return {"link": anchor, "text": text, "below": below}


def drawn(figure: dict[str, str]) -> Cell:
    """A cell with a drawing."""
    return {"figure": figure}


def hash_cell(digest: str) -> Cell:
    """A cell with a hash, in letters of one width."""
    return {"mono": digest}
