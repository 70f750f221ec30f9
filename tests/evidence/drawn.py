"""Drawings read back: where marks, lines and bars lie, in the units of the axes, by the texts of their own ticks."""

from __future__ import annotations

import html
import re

import numpy as np

NUMBER = r"(-?[\d.]+)"


class Drawing:
    """What an SVG shows, read back in data units by the texts of its own ticks."""

    def __init__(self, svg: str) -> None:
        self.text = str(svg)
        ticks = re.findall(rf'<use [^>]*x="{NUMBER}" y="{NUMBER}" style="fill: var\(--muted\)[^>]*/>\s*</g>\s*</g>\s*<g>'
                           rf"\s*<text [^>]*text-anchor: (middle|end)[^>]*>([^<]*)</text>", self.text)  # fmt: skip
        self.columns = [
            (float(x), value)
            for x, _, anchor, text in ticks
            if anchor == "middle" and (value := numeral(text)) is not None
        ]
        self.rows = [
            (float(y), value)
            for _, y, anchor, text in ticks
            if anchor == "end" and (value := numeral(text)) is not None
        ]
        frames = re.findall(rf'<path d="M {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} \nL [^"]*" '
                            r'style="fill: none"/>', self.text)  # fmt: skip
        # The first is the whole figure; then come the axes: left, bottom, right, bottom, right, top.
        self.frames = [tuple(map(float, frame)) for frame in frames[1:]]

    def across(self, x: float) -> float:
        """A place in points as a number of the x axis."""
        return line(self.columns, x)

    def up(self, y: float, axes: int = 0) -> float:
        """A place in points as a number of the y axis of the upper (0) or lower (1) axes."""
        _, bottom, _, _, _, top = self.frames[axes]
        return line([tick for tick in self.rows if top - 1 <= tick[0] <= bottom + 1], y)

    def inside(self, y: float, axes: int) -> bool:
        _, bottom, _, _, _, top = self.frames[axes]
        return top - 0.5 <= y <= bottom + 0.5

    def marks(self, style: str, axes: int = 0) -> list[tuple[float, float]]:
        """The markers whose style begins so, in data units, in order of x."""
        found = re.findall(rf'<use href="[^"]*" x="{NUMBER}" y="{NUMBER}" style="{re.escape(style)}[^"]*"/>', self.text)
        inside = [(float(x), float(y)) for x, y in found if self.inside(float(y), axes)]
        return sorted((self.across(x), self.up(y, axes)) for x, y in inside)

    def lines(self, colour: str, axes: int = 0) -> list[list[tuple[float, float]]]:
        """The lines of a colour as points in data units."""
        found = re.findall(rf'<path d="([^"]*)"[^>]*style="fill: none;[^"]* ?stroke: var\(--{colour}\)', self.text)
        drawn = [[(float(x), float(y)) for x, y in re.findall(rf"[ML] {NUMBER} {NUMBER}", d)] for d in found]
        return [
            [(self.across(x), self.up(y, axes)) for x, y in d]
            for d in drawn
            if d and all(self.inside(y, axes) for _, y in d)
        ]

    def bars(self, colour: str, axes: int = 0) -> list[tuple[float, float, float, float]]:
        """The bars of a colour: left and right in points, bottom and top in data units."""
        found = re.findall(rf'<path d="M {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} \nz\n"'
                           rf'[^>]*clip-path[^>]*style="fill: (?:var\(--{colour}\)|url)', self.text)  # fmt: skip
        rows = [tuple(map(float, found_bar)) for found_bar in found]
        return [(b[0], b[2], self.up(b[1], axes), self.up(b[5], axes)) for b in rows if self.inside(b[1], axes)]

    @property
    def texts(self) -> list[str]:
        return [html.unescape(text) for text in re.findall(r"<text [^>]*>([^<]*)</text>", self.text)]

    @property
    def numbers(self) -> str:
        return html.unescape(re.search(r"<desc [^>]*>([^<]*)</desc>", self.text)[1])


def numeral(text: str) -> float | None:
    try:
        return float(text.replace("\u2212", "-"))
    except ValueError:
        return None


def line(ticks: list[tuple[float, float]], place: float) -> float:
    slope, start = np.polyfit(*zip(*ticks, strict=True), 1)
    return float(slope * place + start)
