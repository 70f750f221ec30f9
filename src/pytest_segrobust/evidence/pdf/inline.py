"""Text of the page as runs: pieces with one look each, which the template sets one after the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.verdicts import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .page_tree import Element

Run = dict[str, Any]

_SMALL = frozenset({"tier", "muted", "where", "interval-note", "n"})
_HIDDEN = frozenset(
    {"watermark", "kicker", "visually-hidden", "sr-only", "controls", "skip", "shapes", "section-number", "screen-only"}
)
_BLOCKS = frozenset({"p", "div", "ul", "ol", "li", "dl", "table", "h3", "h4", "h5"})
_MARK = re.compile(r'href="#shape-(\w+)"')


def hidden(element: Element) -> bool:
    """What the page shows on screens alone, or to nobody."""
    return (
        element.tag in ("script", "style", "nav", "button", "input", "label", "select", "template")
        or "hidden" in element.attributes
        or bool(_HIDDEN & set(element.classes))
    )


def runs(element: Element, anchors: frozenset[str], **look: Any) -> list[Run]:
    """The runs of an element's text; `anchors` are the places of the document that a link can lead to."""
    found: list[Run] = []
    for child in element.children:
        if isinstance(child, str):
            text = re.sub(r"\s+", " ", child.replace("\u00a0", "\u2007")).replace("\u2007", "\u00a0")
            if text:
                found.append({"text": text, **look})
        elif child.drawing:
            mark = _MARK.search(child.drawing)
            if mark:
                found.append({"mark": mark[1], **look})
        elif child.tag == "br":
            found.append({"break": True})
        elif not hidden(child):
            if child.tag in _BLOCKS and found and child.tag != "div":
                found.append({"break": True})
            found += _child(element, child, anchors, look)
    return _tidy(found)


def words(found: Iterable[Run]) -> str:
    """The text of runs alone."""
    return "".join(str(run.get("text", "")) for run in found)


def _child(parent: Element, child: Element, anchors: frozenset[str], look: dict[str, Any]) -> list[Run]:
    inner = dict(look)
    before: list[Run] = []
    if child.tag in ("b", "strong"):
        inner["bold"] = True
    if child.tag == "code":
        inner["mono"] = True
    target = child.attributes.get("href", "")
    if child.tag == "a" and target.removeprefix("#") in anchors and target.startswith("#"):
        inner["link"] = target[1:]
    verdict = next((name for name in child.classes if name in WORDS), "")
    if "badge" in child.classes and verdict:
        inner |= {"bold": True, "colour": verdict}
    elif child.tag == "span" and (_SMALL & set(child.classes) or (parent.tag == "th" and not child.classes)):
        inner["small"] = True
        before = [{"break": True}] if parent.tag in ("th", "td") else []
    return [*before, *runs(child, anchors, **inner)]


def _tidy(found: list[Run]) -> list[Run]:
    """Without spaces at the ends and at breaks."""
    tidied: list[Run] = []
    for run in found:
        if "text" in run and (not tidied or "break" in tidied[-1]):
            run = {**run, "text": run["text"].lstrip(" ")}  # noqa: PLW2901
        if "break" in run and tidied and "text" in tidied[-1]:
            tidied[-1] = {**tidied[-1], "text": tidied[-1]["text"].rstrip(" ")}
        if run.get("text") != "" and not ("break" in run and (not tidied or "break" in tidied[-1])):
            tidied.append(run)
    while tidied and ("break" in tidied[-1] or tidied[-1].get("text") == " "):
        tidied.pop()
    return tidied
