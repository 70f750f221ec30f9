"""On which line of a TOML file a key stands, for messages; TOML's own reader does not say."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?")
_ASSIGNMENT = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")
_PART = re.compile(r""""[^"]*"|'[^']*'|[\w-]+""")

Path = tuple[str | int, ...]


def line_of(text: str, path: Path) -> int:
    """The line (from 1) of the key at `path`, or of the nearest table around it; 0 where neither is found.

    Keys of an array of tables are counted: ("requirement", 0, "id").
    """
    best, line = 0, 0
    table: Path = ()
    seen: dict[Path, int] = {}
    for number, content in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(content):
            table = _parts(header[2])
            if header[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                table = (*table, seen[table])
            found = table
        elif assignment := _ASSIGNMENT.match(content):
            found = table + _parts(assignment[1])
        else:
            continue
        if len(found) > best and path[: len(found)] == found:
            best, line = len(found), number
    return line


def _parts(key: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(key))
