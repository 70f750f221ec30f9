"""What the page of a run shows of its comparison with a release: one line, one table, and where the whole of it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import exact, interval_text, rounded
from pytest_segrobust.evidence.strict_json import number
from pytest_segrobust.evidence.verdicts import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLASSES = {"non-inferior": "passed", "worse": "failed", "open": "inconclusive"}


def holds(report: Mapping[str, Any]) -> bool:
    """Whether nothing of a comparison keeps the page from being green: it holds, or none was asked for."""
    found = report.get("comparison")
    return not found or bool(found["holds"])


def release_part(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """The section of the comparison; None where none was asked for."""
    found = report.get("comparison")
    if not found:
        return None
    return {
        "class": _class(found),
        "words": found["words"][:1].upper() + found["words"][1:],
        "page": found["page"],
        "rows": [_row(row) for row in found["requirements"]],
        "unmatched": found["unmatched"],
        "notes": found["notes"],
    }


def _class(found: Mapping[str, Any]) -> str:
    """The colour; green for what was shown alone, and without a margin nothing is."""
    if not found["holds"]:
        return "failed"
    return "passed" if found["margins"] else "inconclusive"


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    bounds = None if row["interval"] is None else (number(row["interval"][0]), number(row["interval"][1]))
    difference = number(row["difference"])
    changed = row["old_verdict"] != row["new_verdict"]
    return {
        "id": row["id"],
        "shown": row["shown"],
        "class": _CLASSES[row["shown"]],
        "metric": row["metric"],
        "difference": "–"
        if difference is None
        else words.with_unit(
            f"{rounded(difference, beside=number(row['margin']))} {interval_text(bounds)}", row["unit"]
        ),
        "at": row["at"],
        "margin": "none" if row["margin"] is None else words.with_unit(exact(number(row["margin"])), row["unit"]),
        "verdict": WORDS[row["old_verdict"]] + (f" → {WORDS[row['new_verdict']]}" if changed else ""),
        "failures": ", ".join(row["new_failures"]) or "none",
    }
