"""From a matplotlib figure to SVG that lives inside the page: its colours follow the theme, its text stays text."""

from __future__ import annotations

import html
import io
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pytest_segrobust.evidence import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = ("series-1", "series-2", "series-3", "series-4", "series-5", "series-6")
MARKERS = ("o", "s", "^", "D", "v", "P")  # a structure is told by its marker too, not by colour alone

# Colours that nobody would choose, drawn by matplotlib and then replaced by the page's own CSS variables.
_NAMES = ("ink", "muted", "grid", "claim", "card", *SERIES)
COLOURS = {name: f"#fe{number:02x}ef" for number, name in enumerate(_NAMES)}

_STYLE: Any = {  # Any: matplotlib lists every key of it in its types
    "svg.fonttype": "none",
    "text.parse_math": False,  # a case called "$a_1$" is a name, not a formula
    "font.size": 9.0,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@contextmanager
def _styled(width: float, height: float) -> Iterator[Figure]:
    """A figure of `width` x `height` inches, in the page's style whatever the user's own style is."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield Figure(figsize=(width, height), layout="constrained")


@contextmanager
def axes(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of `width` x `height` inches and its axes."""
    with _styled(width, height) as figure:
        yield figure, figure.add_subplot()


@contextmanager
def stacked(width: float, height: float, shares: tuple[float, float]) -> Iterator[tuple[Figure, Axes, Axes]]:
    """A figure and two axes, one above the other on one x axis, their heights in these shares."""
    with _styled(width, height) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=shares)
        yield figure, above, below


def inline_svg(figure: Figure, *, prefix: str, label: str, n: str, numbers: str = "", raised: float = 4.0) -> Markup:
    """The figure as an `<svg>` element whose ids begin with `prefix` and whose text alternative is `label`.

    `n` is how many patients and cases are drawn, and is written above the axes, `raised` points high. `numbers` is what
    the drawing says, in words, for who cannot see it. Called inside `axes` or `stacked`. The same figure
    gives the same text.
    """
    import matplotlib as mpl

    if n and figure.axes:
        figure.axes[0].set_title(f"n = {n}", loc="right", fontsize=8.5, color=COLOURS["muted"], pad=raised)
        label = f"{label}; n = {n}"
    mpl.rcParams["svg.hashsalt"] = prefix
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _own_ids(text, prefix)
    text = re.sub(r' (?:d|x|y|x1|y1|x2|y2|width|height|transform)="[^"]*"', _rounded, text)
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    text = re.sub(r"\n +<", "\n<", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font-family: [^;\"]*;?", "", text)
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    head = re.search(r"viewBox=\"[^\"]*\"", text)
    described = f' aria-describedby="{prefix}-numbers"' if numbers else ""
    opening = f'<svg role="img" aria-label="{html.escape(label)}"{described} {head[0] if head else ""}>'
    if numbers:
        opening += f'<desc id="{prefix}-numbers">{html.escape(numbers)}</desc>'
    # Safe to mark: matplotlib escapes every text that it writes, and label and numbers are escaped here.
    return Markup(opening + text[text.index(">") + 1 :].strip())  # noqa: S704


def counted(counts: Iterable[int]) -> str:
    """`24 patients`, `20 to 24 patients`."""
    found = sorted(set(counts))
    if not found:
        return "no patients"
    return words.patients(found[0]) if len(found) == 1 else f"{found[0]} to {words.patients(found[-1])}"


def _rounded(attribute: re.Match[str]) -> str:
    """The lengths of an attribute in hundredths of a point: nobody sees more, and a page of many figures is half as long."""
    return re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), attribute[0])


def _own_ids(text: str, prefix: str) -> str:
    """Ids unique in the page; those that nothing points to are left out."""
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", text))
    text = re.sub(r" id=\"([^\"]*)\"", lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r"(?:xlink:)?href=\"#", f'href="#{prefix}-', text)
    return text.replace("url(#", f"url(#{prefix}-")
