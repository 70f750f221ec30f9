"""From a drawing that lives in the page to SVG that stands alone: its colours and strokes stated, its namespace too.

The page's drawings take colours from its style sheet. The same style sheet is read here, so that there is one palette.
"""

from __future__ import annotations

import functools
import html
import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "html" / "templates"
_NOT_OF_PAPER = ("print.css", "comparison.css")  # of the browser's own paper, and of another page
FONT = "DejaVu Sans"  # matplotlib has measured the figures' texts in it, and brings it along

_VARIABLE = re.compile(r"--([\w-]+):\s*([^;}]+)")
_USE = re.compile(r"var\(--([\w-]+)\)")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_DRAWN = re.compile(r"(?:^|;)\s*(?:fill|stroke)[\w-]*\s*:")


@dataclass(frozen=True)
class Drawing:
    """An SVG file, and what it shows in words."""

    svg: str
    alt: str


@functools.cache
def palette() -> dict[str, str]:
    """The page's colours on white paper, by name: `{"ink": "#17202b", "passed": "#00695c", ...}`."""
    first = _style()[: _style().index("}")]
    return {name: value.strip() for name, value in _VARIABLE.findall(first)}


def standalone(drawing: str, *, verdict: str = "", within: str = "") -> Drawing:
    """The one `<svg>` in a piece of the page, as a file.

    `within` names the classes of the elements that it stands in on the page, `verdict` the one whose colour "the verdict's"
    is. Raises ValueError where there is no drawing in it, or a colour that the style sheet does not know.
    """
    start, end = drawing.find("<svg"), drawing.rfind("</svg>")
    if start < 0 or end < 0:
        raise ValueError(f"no <svg> in {drawing[:60]!r}")
    opening, inner = drawing[start:end].split(">", 1)
    label = re.search(r'aria-label="([^"]*)"', opening)
    box = re.search(r'viewBox="([^"]*)"', opening)
    if box is None:
        raise ValueError(f"no viewBox in {opening[:60]!r}")
    width, height = box[1].split()[2:]
    rules = f'text {{ font-family: "{FONT}" }} {_rules(within)}'
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box[1]}" '
        f'width="{width}" height="{height}"><style>{rules}</style><g class="{within}">{inner}</g></svg>'
    )
    return Drawing(resolved(text, verdict), html.unescape(label[1]) if label else "")


def resolved(text: str, verdict: str = "") -> str:
    """The text with the value of every variable in its place."""
    colours = {**palette(), "verdict": palette().get(verdict, palette()["ink"])}

    def value(match: re.Match[str]) -> str:
        if match[1] not in colours:
            raise ValueError(f"the style sheet has no --{match[1]}")
        return colours[match[1]]

    return _USE.sub(value, text)


@functools.cache
def _style() -> str:
    sheets = [path for path in sorted(_FOLDER.glob("*.css")) if path.name not in _NOT_OF_PAPER]
    # the one that states the colours comes first
    return "\n".join(
        path.read_text(encoding="utf-8") for path in sorted(sheets, key=lambda path: path.name != "style.css")
    )


@functools.cache
def _rules(within: str) -> str:
    """The style sheet's rules of drawings inside of these classes; what holds for other media than paper is left out."""
    classes = within.split()
    plain = re.sub(r"@[^{]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", _style())
    found = []
    for selectors, declarations in _RULE.findall(plain):
        fitting = [each.strip() for each in selectors.split(",") if any(each.split()[0] == f".{c}" for c in classes)]
        if fitting and _DRAWN.search(declarations):
            found.append(f"{', '.join(fitting)} {{{declarations}}}")
    return " ".join(found)
