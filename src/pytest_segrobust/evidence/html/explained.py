"""A figure with the sentence that says how to read it, and its numbers as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.strict_json import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup


@dataclass(frozen=True)
class NumbersTable:
    """The numbers of a figure as texts, folded away under it."""

    name: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ExplainedFigure:
    """A drawing and its caption; without numbers to draw there is no drawing, and the caption says why."""

    name: str
    svg: Markup | None
    caption: str
    table: NumbersTable | None = None


def finite(value: Any) -> float | None:
    """A number that can be drawn, or None."""
    found = number(value)
    return found if found is not None and math.isfinite(found) else None


def part(shown: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """One part of a result's uncertainty, empty where it is not there."""
    found = (shown or {}).get(name)
    return dict(found) if isinstance(found, dict) else {}


def listed(names: Sequence[str], most: int) -> str:
    """`a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"


def map_words(source: Mapping[str, Any]) -> str:
    """The name of the uncertainty map: `predictive entropy`."""
    return str(source.get("map") or "").replace("_", " ")
