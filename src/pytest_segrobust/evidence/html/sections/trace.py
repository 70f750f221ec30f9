"""Traceability: from hazard to verdict and back, and what stands alone on either side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.verdicts import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult

_SHOWN = 40  # rows in sight; the rest is folded away
_ORPHANS = (
    ("risks", "Risks that no requirement covers"),
    ("requirements", "Requirements that name no risk"),
    ("unknown_risks", "Risks that requirements name and the file of risks does not have"),
    ("tests", "Tests that belong to no requirement"),
)


def trace(
    report: Mapping[str, Any], results: Sequence[RequirementResult], anchors: Mapping[str, str]
) -> dict[str, Any]:
    """The matrix row by row, and the orphans of both directions; "unknown" are those of which nothing was recorded."""
    found = report.get("trace")
    rows = [_row(row, anchors) for row in (found["rows"] if found else _of_requirements(results))]
    orphans = (found or {}).get("orphans") or {"requirements": [r.id for r in results if not r.risks]}
    return {
        "recorded": bool(found),
        "file": str((found or {}).get("file") or ""),
        "rows": rows[:_SHOWN],
        "folded": rows[_SHOWN:],
        "orphans": [
            {"title": title, "known": key in orphans, "names": [_name(each) for each in orphans.get(key) or []]}
            for key, title in _ORPHANS
        ],
    }


def _of_requirements(results: Sequence[RequirementResult]) -> list[dict[str, Any]]:
    """What the requirements say of risks by themselves."""
    return [
        {"risk": risk, "requirement": result.id, "verdict": result.verdict}
        for result in results
        for risk in result.risks or [""]
    ]


def _row(row: Mapping[str, Any], anchors: Mapping[str, str]) -> dict[str, str]:
    texts = {
        key: str(row.get(key) or "–")
        for key in ("risk", "hazard", "control", "requirement", "source", "test", "verdict")
    }
    verdict = str(row.get("verdict") or "")
    return {
        **texts,
        "anchor": anchors.get(texts["requirement"], ""),
        "verdict": verdict if verdict in WORDS else "",
        "word": str(WORDS.get(verdict, verdict or "–")),  # type: ignore[call-overload]
    }


def _name(each: Any) -> str:
    return str(each.get("id") or each) if isinstance(each, dict) else str(each)
