"""The context of a measurement: everything besides case, point and realisation that its value depends on, as one hash.

A measurement may be taken over from an earlier, interrupted run only where the contexts are equal; a changed weight,
label, preprocessing function, noise seed or line of this tool changes the hash.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def context_hash(parts: Mapping[str, Any]) -> str:
    """SHA-256 of plain data, independent of the order of keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@cache
def package_versions() -> dict[str, str]:
    """The packages whose arithmetic enters the numbers."""
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "numpy", "scipy", "monai", "nibabel")}


@cache
def tool_source_hash() -> str:
    """SHA-256 over the source of this package: between releases the version alone says too little."""
    digest = hashlib.sha256()
    package = Path(__file__).parent.parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
