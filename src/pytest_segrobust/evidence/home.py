"""Texts without the folder that names their user."""

from __future__ import annotations

import os
from typing import Any


def without_home(value: Any) -> Any:
    """The value with the reader's home folder as "~" in every text: a report names no user."""
    if isinstance(value, dict):
        return {key: without_home(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_home(item) for item in value]
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE") or ""
    return value.replace(home, "~") if isinstance(value, str) and len(home) > 1 else value
