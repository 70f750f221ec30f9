"""What the page's templates draw themselves: the shapes of the verdicts, and the rows of forest plots."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.html.forest import WIDTH, place

from .standalone_svg import STYLE, Drawing, standalone

if TYPE_CHECKING:
    from pytest_segrobust.evidence.html.forest import ForestRow


@functools.cache
def verdict_shapes() -> dict[str, str]:
    """The mark of every verdict as SVG, which tells it without colour."""
    symbol = re.compile(r'<symbol id="shape-(\w+)" viewBox="([^"]*)">(.*?)</symbol>', re.DOTALL)
    shapes: dict[str, str] = {}
    for path in sorted(STYLE.parent.glob("*.jinja")):
        for verdict, box, inner in symbol.findall(path.read_text(encoding="utf-8")):
            inside = inner.replace("currentColor", f"var(--{verdict})").replace(
                'class="cut"', 'fill="none" stroke="#fff" stroke-width="1.9" stroke-linecap="round"'
            )
            shapes.setdefault(verdict, standalone(f'<svg viewBox="{box}">{inside}</svg>', verdict=verdict).svg)
    return shapes


def forest_drawing(name: str, row: ForestRow, verdict: str) -> Drawing:
    """One row of a forest plot, as the page draws it."""
    return standalone(str(_parts().forest(name, row)), verdict=verdict, within="forest")


@functools.cache
def _parts() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(STYLE.parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals.update(place=place, forest_width=WIDTH)
    return environment.get_template("parts.html.jinja").module
