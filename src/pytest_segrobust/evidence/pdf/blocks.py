"""From the page's elements to what the template sets: plain data, in the order of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.verdicts import WORDS

from .inline import Run, hidden, runs, words
from .tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .drawings import Drawings
    from .page_tree import Element

Block = dict[str, Any]

_MUTED = frozenset({"reading", "tier", "kicker", "trace", "muted", "note"})
_GRIDS = {"figures": 2, "pictures": 3, "thumbnails": 4}
_LINES = {"reference": "blue line: ", "prediction": "orange dashes: ", "wrong": "white line: "}
_FOLDED_ROWS = 24


class Typesetter:
    """Turns elements into blocks; `top` is the level of heading that is the document's first."""

    def __init__(self, drawings: Drawings, anchors: frozenset[str]) -> None:
        self.drawings = drawings
        self.anchors = anchors

    def blocks(self, element: Element, around: tuple[str, ...] = (), anchor: str = "") -> Iterator[Block]:
        """The blocks of an element; `around` are the classes of what it stands in."""
        if hidden(element):
            return
        around = (*around, *element.classes)
        anchor = element.attributes.get("id", "") if element.tag in ("section", "article") else anchor
        special = _SPECIAL.get(element.tag) or next((s for name, s in _BY_CLASS if name in element.classes), None)
        if special is not None:
            yield from special(self, element, around, anchor)
            return
        title = next((each for each in element.elements() if each.tag in _HEADINGS), None)
        if title is not None and any("badge" in each.classes for each in element.elements()):
            yield self._heading_with_badge(title, element, anchor)
            return
        if any(isinstance(child, str) and child.strip() for child in element.children):
            yield from self.paragraph(element, around, anchor)  # nothing that is said may be lost
            return
        if element.drawing:
            if element.attributes.get("aria-hidden") != "true" and 'aria-hidden="true"' not in element.drawing[:200]:
                yield {"kind": "figures", "columns": 2, "items": [self._drawn(element, around)]}
            return
        for child in element.elements():
            for block in self.blocks(child, around, anchor):
                if block["kind"] == "heading":
                    anchor = ""  # it has been taken
                yield block

    def text(self, element: Element, **look: Any) -> list[Run]:
        """The runs of an element."""
        return runs(element, self.anchors, **look)

    def heading(self, element: Element, _around: tuple[str, ...], anchor: str) -> Iterator[Block]:
        """A heading with the page's own number."""
        number = next((each.text() for each in element.elements() if "section-number" in each.classes), "")
        text = self.text(element)
        if text:
            level = _HEADINGS.index(element.tag)
            yield {"kind": "heading", "level": level, "number": number, "runs": text, "anchor": self._place(anchor)}

    def paragraph(self, element: Element, _around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """A paragraph, a command to be typed, or the key of pictures."""
        classes = set(element.classes)
        code = element.first("code")
        if "replay" in classes and code is not None:
            name = next((each.text() for each in element.elements() if each.tag == "span"), "")
            yield {"kind": "code", "name": name, "text": [code.text()]}
        elif "key" in classes:
            lines = [_LINES.get("".join(each.classes), "") + each.text() for each in element.elements()]
            yield {"kind": "paragraph", "runs": [{"text": "; ".join(lines)}], "style": "muted"}
        elif found := self.text(element):
            style = "statement" if "statement" in classes else "muted" if classes & _MUTED else "body"
            style = "lead" if "reason" in classes else style
            yield {"kind": "paragraph", "runs": found, "style": style}

    def preformatted(self, element: Element, _around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """Lines as they are, such as what an amendment changed."""
        lines = "".join(child for each in element.all() for child in each.children if isinstance(child, str))
        yield {"kind": "code", "name": "", "text": lines.strip("\n").split("\n")}

    def items(self, element: Element, _around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """A list, the flow of cases, or the counts of verdicts."""
        entries = [self.text(each) for each in element.elements() if each.tag == "li" and not hidden(each)]
        style = next((name for name in ("counts", "flow", "warnings") if name in element.classes), "plain")
        if style == "plain" and any("mark" in each[0] for each in entries if each):
            style = "marked"  # a verdict's mark stands where others have a dash
        if entries:
            yield {"kind": "items", "items": [each or [{"text": " "}] for each in entries], "style": style}

    def definitions(self, element: Element, _around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """Names and what they stand for."""
        found = [each for each in element.all() if each.tag in ("dt", "dd")]
        rows: list[list[list[Run]]] = []
        for each in found:
            if each.tag == "dt":
                rows.append([self.text(each), []])
            elif rows:
                rows[-1][1] += ([{"break": True}] if rows[-1][1] else []) + self.text(each)
        if rows:
            yield {"kind": "tested" if "hashes" in element.classes else "facts", "rows": rows}

    def table(self, element: Element, around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """A table; of rows of facts, or of any columns."""
        yield table(self, element, around)

    def callout(self, element: Element, around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """What must be read first: its list set apart."""
        for child in element.elements():
            for block in self.blocks(child, around):
                yield {**block, "style": "warnings"} if block["kind"] == "items" else block

    def decision(self, element: Element, _around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """The verdict of the whole."""
        title, below = element.first("h1"), element.first("p")
        yield {
            "kind": "decision",
            "verdict": self._verdict(element.classes) or "not_run",
            "runs": self.text(title) if title else [],
            "below": self.text(below) if below else [],
        }

    def grid(self, element: Element, around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """Figures side by side."""
        columns = next(number for name, number in _GRIDS.items() if name in element.classes)
        found = [self._figure(each, around) for each in element.elements() if each.tag == "figure"]
        if found:
            yield {"kind": "figures", "columns": columns, "items": found}

    def figure(self, element: Element, around: tuple[str, ...], _anchor: str) -> Iterator[Block]:
        """A figure that stands alone."""
        yield {"kind": "figures", "columns": 2, "items": [self._figure(element, around)]}

    def details(self, element: Element, around: tuple[str, ...], anchor: str) -> Iterator[Block]:
        """What the page folds away: printed under its name, long tables in part."""
        for child in element.elements():
            if child.tag == "summary":
                yield {"kind": "heading", "level": 3, "number": "", "runs": self.text(child), "anchor": ""}
                continue
            for block in self.blocks(child, around, anchor):
                yield block
                more = len(block["rows"]) - _FOLDED_ROWS if block["kind"] == "table" else 0
                if more > 0:
                    block["rows"] = block["rows"][:_FOLDED_ROWS]
                    said = f"and {more} more rows, in report.json and on the page"
                    yield {"kind": "paragraph", "runs": [{"text": said}], "style": "muted"}

    def _figure(self, element: Element, around: tuple[str, ...]) -> dict[str, Any]:
        around = (*around, *element.classes)
        caption = next((each for each in element.elements() if each.tag == "figcaption"), None)
        notes = [each for each in element.elements() if "colours" in each.classes]
        said = [run for note in notes for run in (*_scale(note), {"break": True})]
        return {
            "drawings": list(self._drawings_in(element, around)),
            "caption": [*said, *(self.text(caption) if caption else [])],
        }

    def _drawings_in(self, element: Element, around: tuple[str, ...]) -> Iterator[dict[str, str]]:
        """The drawings of a figure, each with the title that stands beside it."""
        around = (*around, *element.classes)
        title = next((each.text() for each in element.elements() if each.tag == "p"), "")
        for child in element.elements():
            if "frame" in child.classes:
                yield {**self.drawings.picture(child), "title": title}
            elif child.drawing:
                yield {**self.drawings.plot(child, " ".join(around), self._verdict(around)), "title": title}
            elif child.tag != "figcaption":
                yield from self._drawings_in(child, around)

    def _drawn(self, element: Element, around: tuple[str, ...]) -> dict[str, Any]:
        drawn = self.drawings.plot(element, " ".join(around), self._verdict(around))
        return {"drawings": [{**drawn, "title": ""}], "caption": []}

    def _heading_with_badge(self, title: Element, element: Element, anchor: str) -> Block:
        beside = [
            {**run, "text": " " + run["text"]} if "small" in run else run
            for each in element.elements()
            if each is not title and not hidden(each)
            for run in runs(_alone(each), self.anchors)
        ]
        level = _HEADINGS.index(title.tag)
        found = [*self.text(title), {"text": "\u2003"}, *beside]
        return {"kind": "heading", "level": level, "number": "", "runs": found, "anchor": self._place(anchor)}

    def _place(self, anchor: str) -> str:
        return anchor if anchor in self.anchors else ""

    @staticmethod
    def _verdict(classes: Any) -> str:
        return next((name for name in reversed(list(classes)) if name in WORDS), "")


def anchors_of(body: Element) -> frozenset[str]:
    """The places that a link can lead to: sections and requirements, which begin with a heading."""
    return frozenset(
        element.attributes["id"]
        for element in body.all()
        if element.tag in ("section", "article")
        and element.attributes.get("id")
        and any(each.tag in _HEADINGS for each in element.all())
    )


def _alone(element: Element) -> Element:
    """An element as the child of another, so that its own look is kept."""
    return type(element)("span", children=[element])


def _scale(note: Element) -> list[Run]:
    """The colour bar of a map of uncertainty, in words."""
    texts = [each.text() for each in note.elements() if each.text()]
    if len(texts) < 3:
        return [{"text": words(runs(note, frozenset()))}]
    return [{"text": f"{texts[2]}: dark is {texts[0]}, bright is {texts[1]}"}]


_HEADINGS = ("h1", "h2", "h3", "h4", "h5")
_SPECIAL = {
    **dict.fromkeys(_HEADINGS, Typesetter.heading),
    "p": Typesetter.paragraph,
    "pre": Typesetter.preformatted,
    "ul": Typesetter.items,
    "ol": Typesetter.items,
    "dl": Typesetter.definitions,
    "table": Typesetter.table,
    "figure": Typesetter.figure,
    "details": Typesetter.details,
}
_BY_CLASS = (
    ("notes", Typesetter.callout),
    ("decision", Typesetter.decision),
    *((name, Typesetter.grid) for name in _GRIDS),
)
