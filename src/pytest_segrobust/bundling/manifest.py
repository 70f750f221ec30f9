"""MANIFEST.sha256: one line for each file, in the form that `sha256sum -c` reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_segrobust.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "MANIFEST.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_DRIVE = re.compile(r"[A-Za-z]:")


def is_plain(name: str) -> bool:
    """Whether a name means a file below the folder it is unpacked in, on every system, and can stand in a line."""
    parts = name.split("/")
    return (
        name.isprintable()
        and "\\" not in name
        and not _DRIVE.match(name)
        and all(part not in ("", ".", "..") for part in parts)
    )


def write_manifest(hashes: Mapping[str, str]) -> str:
    """The manifest of files by name, sorted."""
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))


def read_manifest(content: bytes) -> dict[str, str]:
    """SHA-256 by name. EvidenceError where it is not exactly what `write_manifest` writes."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise EvidenceError(f"{NAME}: not UTF-8") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        match = _LINE.fullmatch(line)
        if match is None or not is_plain(match[2]) or match[2] in found:
            raise EvidenceError(f"{NAME}: line {number} is not a SHA-256, two spaces and the name of a file")
        found[match[2]] = match[1]
    if write_manifest(found) != text:
        raise EvidenceError(f"{NAME}: not in the form that segrobust bundle writes")
    return found
