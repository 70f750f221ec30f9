"""Margins as people write them on a command line: 2 %, 0.02, 1.5 mm; one for each unit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import SpecError
from ..requirements import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WRITTEN = re.compile(r"\s*(?P<number>[0-9.]+(?:[eE][-+]?[0-9]+)?(?:\s*/\s*[0-9.]+)?)\s*(?P<unit>.*?)\s*")
_PLAIN = ("", "%", "points")


def read_margins(texts: Sequence[str]) -> dict[str, float]:
    """By how much a metric may be worse, by the metric's unit: "mm", or "" for all that has none (2 % is 0.02).

    Raises SpecError for what is no number of one of these units, and for a unit that is given twice.
    """
    margins: dict[str, float] = {}
    for text in texts:
        match = _WRITTEN.fullmatch(text)
        spelled = "" if match is None else match["unit"]
        unit = next((name for name, words in quantity.UNITS.items() if spelled in words), spelled)
        if match is None or unit not in (*_PLAIN, "mm"):
            raise SpecError(f"--margin '{text}': write a number of the metric's unit, such as '2 %', 0.02 or '1.5 mm'")
        try:
            value = quantity.read(match["number"], unit).value
        except (SpecError, ArithmeticError, ValueError):
            raise SpecError(f"--margin '{text}': '{match['number']}' is no number") from None
        key = "" if unit in _PLAIN else unit
        if key in margins:
            raise SpecError(f"--margin '{text}': there is a margin in {key or 'this unit'} already")
        margins[key] = value
    return margins


def words(margins: Mapping[str, float]) -> str:
    """The margins in one line."""
    return " and ".join(quantity.with_unit(value, unit) for unit, value in margins.items()) or "none"
