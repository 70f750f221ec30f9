"""Anomalies and deviations: what did not go as planned, and what was decided about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.verdicts import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult


def deviations(
    report: Mapping[str, Any], results: Sequence[RequirementResult], anchors: Mapping[str, str]
) -> dict[str, Any]:
    """Every item with its disposition, or the want of one; and the events of the run."""
    found = report.get("deviations")
    items = (found or {}).get("items")
    if items is None:
        items = [{"kind": r.verdict, "requirement": r.id, "text": r.reason} for r in results if r.verdict != "passed"]
    open_items = (found or {}).get("open")
    return {
        "recorded": bool(found),
        "file": str((found or {}).get("file") or ""),
        "open": len(items) if open_items is None else open_items,
        "items": [_item(each, anchors) for each in items],
        "events": [
            {
                "time": str(event["time"]).replace("T", " ").replace("+00:00", ""),
                "kind": event["kind"],
                "text": event["text"],
            }
            for event in report["events"]
        ],
    }


def _item(each: Mapping[str, Any], anchors: Mapping[str, str]) -> dict[str, str]:
    kind = str(each.get("kind") or "")
    requirement = str(each.get("requirement") or "")
    return {
        "kind": kind if kind in WORDS else "",
        "word": str(WORDS.get(kind, kind.replace("_", " "))),  # type: ignore[call-overload]
        "requirement": requirement,
        "anchor": anchors.get(requirement, ""),
        "text": str(each.get("text") or ""),
        **{key: str(each.get(key) or "") for key in ("disposition", "impact", "owner", "date")},
    }
