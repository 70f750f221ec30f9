"""Results as plain text: the table at the end of a pytest run, and the block under a failing requirement."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import words
from .standing import WORDS as STANDINGS
from .verdicts import MEANINGS, WORDS, counts

if TYPE_CHECKING:
    from .records import RequirementResult

_HEADINGS = ("id", "verdict", "measure", "estimate [L, U]", "limit", "n", "worst")
_NARROWEST = 40
_NAMED_CASES = 5
_INDENT = " " * 19


def summary_lines(
    results: Mapping[str, RequirementResult] | Iterable[RequirementResult], *, width: int | None = None
) -> list[str]:
    """The table of results, one line each, at most `width` characters wide (of the terminal when None).

    A narrow terminal costs the worst point, then the measure; an id, a verdict or a number is never cut.
    Below it, for each passed requirement, the caveats of its own case: excluded cases, corners left out, equal values.
    """
    width = max(_NARROWEST, width or shutil.get_terminal_size().columns)
    values = list(results.values() if isinstance(results, Mapping) else results)
    if not values:
        return []
    rows = [_HEADINGS, *map(_row, values)]
    columns = list(range(len(_HEADINGS)))
    widths = [max(len(row[column]) for row in rows) for column in columns]
    for shrinkable, least in ((6, 12), (2, 8)):  # the worst point, the measure
        excess = sum(widths[c] + 2 for c in columns) - 2 - width
        if excess <= 0:
            break
        widths[shrinkable] -= excess
        if widths[shrinkable] < least:
            columns.remove(shrinkable)
    lines = ["  ".join(_fitted(row[c], widths[c]) for c in columns).rstrip() for row in rows]
    rule = "-" * min(width, max(map(len, lines)))
    return [lines[0], rule, *lines[1:], *(line for result in values for line in _caveat(result, width))]


def failure_text(result: RequirementResult) -> str:
    """What a requirement that did not pass shows instead of a traceback."""
    lines = [f"{result.id}: {result.statement}".rstrip(": "), ""]
    why = result.reason or MEANINGS[result.verdict]
    lines += _entry("verdict", f"{_verdict(result)}: {why}")
    if result.estimate is not None or result.interval is not None:
        value = words.with_unit(f"{words.estimate(result)} {words.interval(result)}", result.unit)
        lines += _entry(
            "estimate",
            f"{result.measure or 'value'} = {value} ({words.patients(result.n_patients)}, {words.sidedness(result)})",
        )
    if result.limit is not None:
        lines += _entry("limit", words.limit(result))
    if result.gross_failures is not None:
        lines += _entry("gross failures", words.gross_failures(result.gross_failures, result.confidence))
        named = [f"{c.get('case', '?')} ({c.get('failure', '?')})" for c in result.gross_failures.cases]
        lines += [f"{_INDENT}{name}" for name in named[:_NAMED_CASES]]
        if len(named) > _NAMED_CASES:
            lines.append(f"{_INDENT}and {len(named) - _NAMED_CASES} more, in the report")
    if result.worst:
        lines += _entry("worst at", words.point(result.worst))
    if fresh := words.fresh_noise(result):
        lines += _entry("fresh noise", f"at the worst point with fresh noise: {fresh}")
    if result.breaking_point is not None:
        lines += _entry("breaking point", words.breaking_point(result.breaking_point))
    if result.plausible_part is not None:
        part = result.plausible_part
        lines += _entry(
            "in the clinic", f"{WORDS[part['verdict']]} where the range is plausible, worst at {words.point(part)}"
        )
    for warning in result.warnings:
        lines += _entry("warning", warning)
    if result.replay:
        lines += ["", f"  replay: {result.replay}"]
    return "\n".join(lines)


def stress_line(results: Iterable[RequirementResult]) -> str:
    """How the stress tests ended that do not gate; "" where there are none."""
    found = [result for result in results if not result.gates]
    if not found:
        return ""
    return f"stress, does not gate: {words.counted(counts(result.verdict for result in found))}"


def record_lines(report: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """What the run may be used as and whether its requirements were frozen; and of each line whether nothing stands against it."""
    record = report["record"]
    frozen = report.get("freeze") or {}
    lines = [(f"record: {STANDINGS[record['state']]}", record["state"] != "test_run")]
    if record["state"] == "test_run":
        lines += [(f"  {why}", False) for why in record["why"]]
    elif frozen:
        lines.append((f"  {frozen['words']}", True))
    return lines


def approximate_line(results: Iterable[RequirementResult]) -> str:
    """Which passes rest on an interval that few patients make approximate; "" where none does. Their caveats say the others."""
    few = [
        result.id
        for result in results
        if result.verdict == "passed"
        and any(words.APPROXIMATE in warning for warning in result.warnings)
        and not any(words.APPROXIMATE in caveat for caveat in result.search.get("caveats", []))
    ]
    if not few:
        return ""
    more = len(few) - _NAMED_CASES
    named = ", ".join(few[:_NAMED_CASES]) + (f" and {more} more" if more > 0 else "")
    return f"few patients: {words.APPROXIMATE} where values are skewed, and blind to rare failures, in {named}; the report says how"


def _verdict(result: RequirementResult) -> str:
    tier = words.tier(result)
    return WORDS[result.verdict].upper() + (f" ({tier})" if tier else "")


def _row(result: RequirementResult) -> tuple[str, ...]:
    value = "–"
    if result.estimate is not None or result.interval is not None:
        value = words.with_unit(f"{words.estimate(result)} {words.interval(result)}", result.unit)
    return (
        result.id,
        _verdict(result),
        result.measure or "–",
        value,
        words.limit(result),
        str(result.n_patients),
        words.point(result.worst),
    )


def _caveat(result: RequirementResult, width: int) -> list[str]:
    """What a passed requirement must not be read without; those that did not pass show theirs in their own block."""
    caveats = result.search.get("caveats", []) if result.verdict == "passed" else []
    text = f"{result.id}: passed, but {'; '.join(caveats)}"
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False) if caveats else []


def _fitted(text: str, width: int) -> str:
    return (text if len(text) <= width else text[: width - 1] + "…").ljust(width)


def _entry(name: str, text: str) -> list[str]:
    """An indented entry, its text wrapped under itself; a command is never wrapped, so that it can be copied."""
    return textwrap.wrap(text, 110, initial_indent=f"  {name + ':':<17}", subsequent_indent=_INDENT) or [f"  {name}:"]
