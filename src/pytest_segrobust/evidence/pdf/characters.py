"""Characters that the document's fonts cannot show, written so that a reader sees which they were.

PDF/A allows no glyph that is missing, and an id must not look like another one because of what nobody can see.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path
from typing import Any

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_UNUSUAL = re.compile(r"[^\x20-\x7e]")
_LONG = re.compile(r"[^\s\u200b]{26,}")
_PIECE = re.compile(r"[^/_.,:;=|()\[\]-]{1,14}[/_.,:;=|()\[\]-]?|[/_.,:;=|()\[\]-]")


def font_folder() -> Path:
    """The folder of the fonts that matplotlib brings along; those of the machine are never used."""
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf"


def shown(text: str) -> str:
    """The text with `[U+4E2D]` in place of what has no glyph or no width; line ends and tabs become spaces."""
    return _UNUSUAL.sub(lambda match: _shown(match[0]), text)


def all_shown(value: Any, *, running: bool = False) -> Any:
    """`shown` of every text in plain data; what stands under "text" is running text, and may end a line anywhere."""
    if isinstance(value, dict):
        return {key: all_shown(item, running=key == "text") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [all_shown(item, running=running) for item in value]
    if not isinstance(value, str):
        return value
    return breakable(shown(value)) if running else shown(value)


def breakable(text: str) -> str:
    """The text with places where a line may end inside of words too long for one, such as paths."""
    return _LONG.sub(lambda match: "\u200b".join(_PIECE.findall(match[0])), text)


@functools.lru_cache(maxsize=4096)
def _shown(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) in _HIDDEN or ord(character) not in _glyphs():
        return f"[U+{ord(character):04X}]"
    return character


@functools.cache
def _glyphs() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(font_folder() / "DejaVuSans.ttf")).get_charmap())
