"""The software that a run used but its authors did not write: what is installed, under which licence, and pinned by what."""

from __future__ import annotations

import hashlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

# Most telling first: the first one found is the lock of the environment.
_LOCKS = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile.lock",
    "pixi.lock",
    "conda-lock.yml",
    "requirements*.txt",
    "constraints*.txt",
    "environment.yml",
)
_LONGEST = 80  # some packages put the whole text of a licence where its name belongs


def installed() -> list[dict[str, str]]:
    """Name, version and licence of every installed package, by name; the licence "" where the package does not say."""
    found: dict[str, dict[str, str]] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name and name.lower() not in found:  # the first on the path is the one that is imported
            found[name.lower()] = {"name": name, "version": distribution.version, "license": _licence(distribution)}
    return [found[key] for key in sorted(found)]


def lock_files(project: Path) -> list[dict[str, str]]:
    """Name and SHA-256 of the files that pin the environment, of the nearest folder from `project` upwards that has any.

    The search ends where a repository does, so that no file of another project is taken for this one's.
    """
    folder = project.resolve()
    for current in (folder, *folder.parents):
        paths = [path for pattern in _LOCKS for path in sorted(current.glob(pattern)) if path.is_file()]
        if paths:
            return [{"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in paths]
        if (current / ".git").exists() or current == current.parent:
            break
    return []


def _licence(distribution: importlib.metadata.Distribution) -> str:
    about: Any = distribution.metadata  # a message of the mail package, whatever its type says
    expression = (about.get("License-Expression") or "").strip()
    if expression:
        return expression
    classified = [
        line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    stated = (about.get("License") or "").strip()
    if stated and "\n" not in stated and len(stated) <= _LONGEST:
        return stated
    return ", ".join(line for line in classified if line != "OSI Approved")
