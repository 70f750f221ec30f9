"""Where to find what: which section supports which clause; the texts lie in a dated file, for they change."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from ..contents import BY_ANCHOR

FILE = Path(__file__).with_name("clauses.toml")


@cache
def clauses() -> dict[str, Any]:
    """The date at which the texts were looked at, and the rows; each names the sections that support it."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        "checked": found["checked"],
        "rows": [
            {
                "text": each["text"],
                "clause": each["clause"],
                "asks": each["asks"],
                "sections": [BY_ANCHOR[anchor] for anchor in each["sections"]],
            }
            for each in found["clause"]
        ],
    }
