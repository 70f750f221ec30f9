"""The page as a tree of elements: the document is set from it, so that both have the same words in the same order."""

from __future__ import annotations

import html.parser
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr", "col"})
_LEFT_OUT = re.compile(r"<(script|style|head)\b.*?</\1>", re.DOTALL)
_DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_SYMBOL = re.compile(r'<symbol id="shape-(\w+)" viewBox="([^"]*)">(.*?)</symbol>', re.DOTALL)


@dataclass(frozen=True)
class Element:
    """An element of the page; texts are children too. A drawing has no children: it is the text of its `<svg>`."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    drawing: str = ""

    @property
    def classes(self) -> list[str]:
        """The names of its classes."""
        return self.attributes.get("class", "").split()

    def elements(self) -> Iterator[Element]:
        """The children that are elements."""
        return (child for child in self.children if isinstance(child, Element))

    def all(self) -> Iterator[Element]:
        """This element and all below it, in the order of the page."""
        yield self
        for child in self.elements():
            yield from child.all()

    def first(self, tag: str) -> Element | None:
        """The first element of this name, itself or below."""
        return next((element for element in self.all() if element.tag == tag), None)

    def text(self) -> str:
        """All of its text in one line."""
        return " ".join("".join(_texts(self)).split())


def _texts(element: Element) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, str):
            yield child
        else:
            yield from _texts(child)


@dataclass(frozen=True)
class Page:
    """The page's body, and the marks of the verdicts: for each its viewBox and what is drawn in it."""

    body: Element
    marks: dict[str, tuple[str, str]]


def read_page(text: str) -> Page:
    """The tree of a page that `html.render_html` has made."""
    marks = {verdict: (box, inner) for verdict, box, inner in _SYMBOL.findall(text)}
    drawings: list[str] = []

    def put_aside(match: re.Match[str]) -> str:
        drawings.append(match[0])
        return f'<svg data-number="{len(drawings) - 1}"></svg>'

    parser = _Parser(drawings)
    parser.feed(_DRAWING.sub(put_aside, _LEFT_OUT.sub("", text)))
    parser.close()
    body = parser.root.first("body")
    return Page(body or parser.root, marks)


class _Parser(html.parser.HTMLParser):
    def __init__(self, drawings: list[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("page")
        self._open = [self.root]
        self._drawings = drawings

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        stated = {name: value or "" for name, value in attrs}
        drawing = self._drawings[int(stated["data-number"])] if tag == "svg" else ""
        element = Element(tag, stated, drawing=drawing)
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag == tag:
                del self._open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)
