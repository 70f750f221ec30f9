"""As much YAML as the files for CI systems are written in, every scalar as text; anything else is an error.

Mappings and lists by indentation, comments, plain and quoted scalars, and blocks (`|`, `>-`).
"""

from __future__ import annotations

import re
from typing import Any

_KEY = re.compile(r"([A-Za-z_][\w-]*):(?:\s+(.*))?$")


def parse(text: str) -> Any:
    """The document. ValueError names the line that is not understood."""
    lines = [
        (number, len(line) - len(line.lstrip()), line.strip(), line) for number, line in enumerate(text.splitlines(), 1)
    ]
    value, rest = _value(lines, 0)
    if any(line[2] and not line[2].startswith("#") for line in rest):
        raise ValueError(f"line {rest[0][0]}: {rest[0][2]}")
    return value


def _skip(lines: list[Any]) -> list[Any]:
    while lines and (not lines[0][2] or lines[0][2].startswith("#")):
        lines = lines[1:]
    return lines


def _value(lines: list[Any], indent: int) -> tuple[Any, list[Any]]:
    lines = _skip(lines)
    if lines and lines[0][2].startswith("- "):
        return _list(lines, lines[0][1])
    return _mapping(lines, indent)


def _list(lines: list[Any], indent: int) -> tuple[list[Any], list[Any]]:
    found = []
    while (lines := _skip(lines)) and lines[0][1] == indent and lines[0][2].startswith("- "):
        number, _, text, whole = lines[0]
        inner = text[2:].strip()
        if _KEY.match(inner):
            moved = (number, indent + 2, inner, whole)
            item, lines = _mapping([moved, *lines[1:]], indent + 2)
        else:
            item, lines = _scalar(inner, lines[1:], indent, number)
        found.append(item)
    return found, lines


def _mapping(lines: list[Any], indent: int) -> tuple[dict[str, Any], list[Any]]:
    found: dict[str, Any] = {}
    while (lines := _skip(lines)) and lines[0][1] == indent:
        number, _, text, _ = lines[0]
        match = _KEY.match(text)
        if match is None or match[1] in found:
            raise ValueError(f"line {number}: {text}")
        key, stated = match[1], (match[2] or "").strip()
        if stated:
            found[key], lines = _scalar(stated, lines[1:], indent, number)
            continue
        lines = _skip(lines[1:])
        deeper = lines and (lines[0][1] > indent or (lines[0][1] == indent and lines[0][2].startswith("- ")))
        if deeper:
            found[key], lines = _value(lines, lines[0][1])
        else:
            found[key] = ""
    if lines and lines[0][1] > indent:
        raise ValueError(f"line {lines[0][0]}: {lines[0][2]}")
    return found, lines


def _scalar(stated: str, lines: list[Any], indent: int, number: int) -> tuple[str, list[Any]]:
    if stated in ("|", ">-"):
        block = []
        while lines and (not lines[0][2] or lines[0][1] > indent):
            block.append(lines[0])
            lines = lines[1:]
        while block and not block[-1][2]:
            block.pop()
        deep = block[0][1]
        texts = [line[3][deep:] for line in block]
        return (" ".join(texts) if stated == ">-" else "\n".join(texts) + "\n"), lines
    if stated[0] in "\"'":
        end = stated.index(stated[0], 1)
        rest = stated[end + 1 :].strip()
        if rest and not rest.startswith("#"):
            raise ValueError(f"line {number}: {stated}")
        return stated[1:end], lines
    if stated[0] in "[{&*!%@`>|" or ": " in stated:
        raise ValueError(f"line {number}: {stated}")
    return re.sub(r"\s+#.*$", "", stated), lines
