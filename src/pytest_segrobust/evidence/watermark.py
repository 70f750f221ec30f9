"""Whether a report may stand as a record: what is written across every page, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_WATERMARKS = {"test_run": "TEST RUN, NOT FOR RECORD", "draft": "DRAFT", "final": ""}
_UNKNOWN = "This report does not say whether its requirements were frozen before the run, nor who signed it off."


@dataclass(frozen=True)
class RecordState:
    """`watermark` is "" for a report that was signed off; `why` says in sentences what keeps it from that."""

    state: str
    watermark: str
    why: tuple[str, ...] = ()


def record_state(report: Mapping[str, Any]) -> RecordState:
    """From the report's own "record"; one that says nothing of it, or nothing that is known here, is a test run."""
    found = report.get("record")
    if not isinstance(found, dict) or found.get("state") not in _WATERMARKS:
        return RecordState("test_run", _WATERMARKS["test_run"], (_UNKNOWN,))
    return RecordState(found["state"], _WATERMARKS[found["state"]], tuple(map(str, found.get("why") or ())))
