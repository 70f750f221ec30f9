"""Subgroups on the page: a small forest plot per column of the data, one row per stratum."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.strict_json import number
from pytest_segrobust.evidence.verdicts import WORDS

from .forest import forest_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_segrobust.evidence.records import RequirementResult

_DECIDE = "Every stratum must meet the limit by itself, at its own worst point."
_BESIDE = (
    "At the worst point of all patients. The requirement is on all of them together, so these decide nothing: who claims "
    "something of strata writes “for each {column}”."
)


def strata_tables(result: RequirementResult) -> list[dict[str, Any]]:
    """One table per column: its title, what its verdicts mean, and the rows."""
    columns = dict.fromkeys(str(entry.get("column", "")) for entry in result.strata)
    return [_table(result, column) for column in columns]


def _table(result: RequirementResult, column: str) -> dict[str, Any]:
    entries = [entry for entry in result.strata if entry.get("column") == column]
    decides = any(entry.get("decides") for entry in entries)
    return {
        "column": column,
        "meaning": _DECIDE if decides else _BESIDE.format(column=column),
        "rows": [_row(result, entry) for entry in entries],
    }


def _row(result: RequirementResult, entry: Mapping[str, Any]) -> dict[str, Any]:
    low, high = entry.get("interval") or (None, None)
    bounds = None if low is None or high is None else (number(low), number(high))
    known = None if bounds is None or None in bounds else bounds
    own = replace(result, estimate=number(entry.get("estimate")), interval=known, two_sided=None)  # type: ignore[arg-type]
    verdict = str(entry.get("verdict", ""))
    return {
        "stratum": str(entry.get("stratum", "–")),
        "verdict": verdict,
        "word": WORDS.get(verdict, "–"),  # type: ignore[call-overload]
        "alone": named_alone(entry),
        "forest": forest_row(own),
        "estimate": words.estimate(own),
        "interval": words.interval(own),
        "patients": int(entry.get("n_patients") or 0),
        "reason": str(entry.get("reason") or ""),
    }


def named_alone(entry: Mapping[str, Any]) -> str:
    """What may be said of a structure or stratum beside all others: `passed (at 98.4 %)`; "–" where that was not asked."""
    holm = entry.get("holm")
    if not isinstance(holm, dict):
        return "–"
    verdict = str(holm.get("verdict", ""))
    word = str(WORDS.get(verdict, verdict))  # type: ignore[call-overload]
    level = number(holm.get("confidence"))
    return word if level is None or verdict not in ("passed", "failed") else f"{word} (at {100 * level:.4g} %)"
