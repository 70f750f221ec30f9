"""A picture of a case as SVG that stands alone: the image, its outlines at a width that print shows, and its scale bar."""

from __future__ import annotations

import html
import re

from .standalone_svg import FONT, Drawing, standalone

_WIDTH = 180.0  # of a picture in its own units, about what it has on the page in pixels
_LENGTH = re.compile(r"(stroke-width|stroke-dasharray):\s*([\d. ]+)")


def case_picture(panel: str, bar: str = "", length: str = "") -> Drawing:
    """The picture of a frame of the page (see `html.overlay`); `bar` is the style of its scale bar, `length` the bar's text."""
    drawn = standalone(panel, within="frame")
    ratio = float(_found(r"aspect-ratio:\s*([\d.e+-]+)", panel) or 1.0)
    height = _WIDTH / ratio
    columns = float(_found(r'viewBox="0 0 ([\d.]+)', drawn.svg) or 1.0)
    # On the page strokes keep their width however large the picture is; here they are stated in voxels.
    factor = columns / _WIDTH
    inner = _LENGTH.sub(lambda m: f"{m[1]}: {' '.join(f'{float(n) * factor:.4g}' for n in m[2].split())}", drawn.svg)
    inner = re.sub(
        r'^<svg ([^>]*?)viewBox="([^"]*)" width="[^"]*" height="[^"]*">',
        rf'<svg viewBox="\2" width="{_WIDTH:g}" height="{height:.5g}" preserveAspectRatio="none">',
        inner,
    ).replace("<image ", '<image image-rendering="optimizeSpeed" ')
    return Drawing(
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {_WIDTH:g} {height:.5g}" width="{_WIDTH:g}" height="{height:.5g}">{inner}{_scale(bar, length, height)}</svg>',
        drawn.alt,
    )


def _scale(bar: str, length: str, height: float) -> str:
    share = _found(r"width:\s*([\d.e+-]+)%", bar)
    if share is None:
        return ""
    width, text = float(share) / 100 * _WIDTH, html.escape(length)
    middle, line = 8 + width / 2, height - 7
    written = f'x="{middle:.5g}" y="{line - 4:.5g}" text-anchor="middle" font-size="11" font-family="{FONT}"'
    return (
        f'<path d="M8 {line:.5g}h{width:.5g}" stroke="#000" stroke-width="4"/>'
        f'<path d="M8 {line:.5g}h{width:.5g}" stroke="#fff" stroke-width="2"/>'
        f'<text {written} fill="none" stroke="#000" stroke-width="2.5">{text}</text><text {written} fill="#fff">{text}</text>'
    )


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match[1] if match else None
