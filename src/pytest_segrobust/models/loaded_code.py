"""Which of the user's own source files a process has loaded: what the network and its preprocessing really ran."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_segrobust.models.fingerprint import SKIPPED, sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Iterable


def loaded_code(folders: Iterable[Path]) -> dict[str, str]:
    """SHA-256 by name of every loaded module's file below the folders, installed packages and hidden folders left out.

    A name is relative to the innermost of the folders that holds it, so that it names no place on a machine.
    """
    roots = sorted({folder.resolve() for folder in folders}, key=lambda folder: len(folder.parts), reverse=True)
    found: dict[str, str] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        path = _resolved(file)
        root = next((root for root in roots if path.is_relative_to(root)), None)
        if root is None:
            continue
        parts = path.relative_to(root).parts
        if not any(part in SKIPPED or part.startswith(".") for part in parts) and path.is_file():
            found["/".join(parts)] = sha256_of_file(path)
    return dict(sorted(found.items()))


@cache
def _resolved(file: str) -> Path:
    """Once per module: thousands are loaded, nearly all of them installed, and this is asked after every requirement."""
    return Path(file).resolve()
