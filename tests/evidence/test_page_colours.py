"""Colours of the page: legible in both themes, and never the only thing that tells two series or verdicts apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_segrobust.evidence import html
from pytest_segrobust.evidence.html.drawing import MARKERS, SERIES
from pytest_segrobust.evidence.verdicts import WORDS

STYLE = (Path(html.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", block)) for block in re.findall(r":root \{([^}]*)\}", STYLE)[:2]
)


def luminance(colour: str) -> float:
    """WCAG 2: relative luminance of a hexadecimal colour."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["card", "page", "note", "code"])
@pytest.mark.parametrize("text", ["ink", "muted", "accent"])
def test_text_is_legible(theme, ground, text):
    assert contrast(theme[text], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("verdict", WORDS)
def test_verdicts_are_legible(theme, verdict):
    assert contrast(theme[verdict], theme["card"]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("series", SERIES)
def test_lines_stand_out(theme, series):
    assert contrast(theme[series], theme["card"]) >= 3


def test_every_structure_has_a_marker_of_its_own_beside_its_colour():
    assert len(set(MARKERS)) == len(MARKERS) == len(SERIES)
