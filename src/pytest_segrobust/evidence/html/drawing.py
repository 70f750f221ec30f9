"""From a matplotlib figure to SVG that lives inside the page: its colours follow the theme, its text stays text."""

from __future__ import annotations

import html
import io
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterator

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
def axes(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of `width` x `height` inches and its axes, in the page's style whatever the user's own style is."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def inline_svg(figure: Figure, *, prefix: str, label: str) -> Markup:
    """The figure as an `<svg>` element whose ids begin with `prefix` and whose text alternative is `label`.

    Called inside `axes`. The same figure gives the same text.
    """
    import matplotlib as mpl

    mpl.rcParams["svg.hashsalt"] = prefix
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _own_ids(text, prefix)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font-family: [^;\"]*;?", "", text)
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    head = re.search(r"viewBox=\"[^\"]*\"", text)
    opening = f'<svg role="img" aria-label="{html.escape(label)}" {head[0] if head else ""}>'
    # Safe to mark: matplotlib escapes every text that it writes, and the label is escaped here.
    return Markup(opening + text[text.index(">") + 1 :].strip())  # noqa: S704


def _own_ids(text: str, prefix: str) -> str:
    """Ids unique in the page; those that nothing points to are left out."""
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", text))
    text = re.sub(r" id=\"([^\"]*)\"", lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r"(?:xlink:)?href=\"#", f'href="#{prefix}-', text)
    return text.replace("url(#", f"url(#{prefix}-")
