"""Strict JSON: what a report may hold, so that every reader can read it.

JSON has no infinity and no NaN. Infinity is written as the text "inf" or "-inf" (the SNR of a clean image), NaN as null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """The value with only what JSON knows: tuples become lists, infinities texts, NaN null, numpy numbers numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [plain(item) for item in items]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None if math.isnan(value) else "inf" if value > 0 else "-inf"
    item = getattr(value, "item", None)  # numpy scalars, without importing numpy
    return plain(item()) if callable(item) else str(value)


def dumps(value: Any) -> str:
    """Strict JSON with an indent of two and a last newline; texts stay readable in any language."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def number(value: Any) -> float | None:
    """The number a report means: "inf" and "-inf" become floats again, null and other texts None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    return {"inf": math.inf, "-inf": -math.inf}.get(value)
