"""Annotations that GitHub shows at the lines of a change: one line of output for each requirement that was not met.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import words
from .verdicts import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .records import RequirementResult

_MOST = 10  # of each kind and step: GitHub shows no more
_LONGEST = 1000


@dataclass(frozen=True)
class Place:
    """Where a requirement stands: a file below the workspace, and its line (from 1; 0 is unknown)."""

    file: str
    line: int = 0


def annotation_lines(results: Iterable[RequirementResult], places: Mapping[str, Place] | None = None) -> list[str]:
    """The lines, the most pressing first: errors of what gates, warnings of stress tests and of caveats of what passed."""
    errors: list[str] = []
    warnings: list[str] = []
    for result in sorted(results, key=lambda each: list(WORDS).index(each.verdict)):
        place = (places or {}).get(result.id)
        if result.verdict != "passed":
            text = f"{result.statement}\n{_numbers(result)}{result.reason}"
            kind = errors if result.gates else warnings
            kind.append(_line("error" if result.gates else "warning", result, place, text))
        elif caveats := result.search.get("caveats"):
            warnings.append(_line("warning", result, place, f"passed, but {'; '.join(map(str, caveats))}"))
    return [*_first(errors, "error"), *_first(warnings, "warning")]


def run_lines(faults: Iterable[tuple[str, str]]) -> list[str]:
    """One line for each fault of the run as a whole."""
    return [f"::error title={_property(f'run {verdict}')}::{_data(why[:_LONGEST])}" for verdict, why in faults]


def place_of(file: Path, line: int, workspace: str) -> Place:
    """The place of a file as GitHub names it: relative to the workspace, where it lies inside of it."""
    try:
        relative = Path(file).resolve().relative_to(Path(workspace).resolve())
    except (ValueError, OSError):
        return Place(Path(file).name, line)
    return Place(relative.as_posix(), line)


def _numbers(result: RequirementResult) -> str:
    if result.interval is None:
        return ""
    value = words.with_unit(f"{words.estimate(result)} {words.interval(result)}", result.unit)
    return f"{result.measure or 'estimate'} {value}, limit {words.limit(result)}, {words.patients(result.n_patients)}\n"


def _line(kind: str, result: RequirementResult, place: Place | None, text: str) -> str:
    title = f"{result.id} {WORDS[result.verdict]}" + (f" ({words.tier(result)})" if words.tier(result) else "")
    properties = {"title": title}
    if place is not None and place.file:
        properties = {"file": place.file, **({"line": str(place.line)} if place.line > 0 else {}), **properties}
    stated = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {stated}::{_data(text[:_LONGEST])}"


def _first(lines: list[str], kind: str) -> list[str]:
    if len(lines) <= _MOST:
        return lines
    more = len(lines) - (_MOST - 1)
    return [
        *lines[: _MOST - 1],
        f"::{kind} title=and {more} more::{more} more requirements are in the summary and in the report",
    ]


def _data(text: str) -> str:
    """What is said, with nothing in it that would end the line or begin another command."""
    for character in ("%", "\r", "\n"):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
