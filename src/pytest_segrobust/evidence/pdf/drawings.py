"""The drawings of a document, each a file beside the template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .case_picture import case_picture
from .characters import shown
from .standalone_svg import Drawing, standalone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .page_tree import Element


class Drawings:
    """Takes drawings out of the page and says by which name the template finds them."""

    def __init__(self, marks: Mapping[str, tuple[str, str]]) -> None:
        self.marks = tuple(marks)
        self.files = {f"mark-{verdict}.svg": _mark(verdict, *drawn) for verdict, drawn in marks.items()}

    def plot(self, element: Element, within: str, verdict: str) -> dict[str, str]:
        """A figure or a row of a forest plot; `within` are the classes around it, `verdict` the one whose colour it has."""
        return self._add(standalone(element.drawing, verdict=verdict, within=within))

    def picture(self, frame: Element) -> dict[str, str]:
        """A picture of a case, with its outlines and its scale bar."""
        scale = next((each for each in frame.elements() if "scale" in each.classes), None)
        drawn = next(each for each in frame.all() if each.drawing)
        bar = (scale.attributes.get("style", ""), scale.text()) if scale else ("", "")
        return self._add(case_picture(drawn.drawing, *bar))

    def _add(self, drawing: Drawing) -> dict[str, str]:
        name = f"drawing-{len(self.files):05}.svg"
        self.files[name] = shown(drawing.svg).encode("utf-8")
        return {"file": name, "alt": drawing.alt}


def _mark(verdict: str, box: str, inner: str) -> bytes:
    """The mark of a verdict, which tells it without colour."""
    inside = inner.replace("currentColor", f"var(--{verdict})").replace(
        'class="cut"', 'fill="none" stroke="#fff" stroke-width="1.9" stroke-linecap="round"'
    )
    return standalone(f'<svg viewBox="{box}">{inside}</svg>', verdict=verdict).svg.encode("utf-8")
