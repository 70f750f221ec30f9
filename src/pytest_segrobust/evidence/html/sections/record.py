"""Whether this report may be kept as a record: the banner on page one and the watermark on every printed page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES = {"test_run": "Test run, not for record", "draft": "Draft, not signed off", "final": ""}
_WATERMARKS = {"test_run": "TEST RUN, NOT FOR RECORD", "draft": "DRAFT", "final": ""}
_UNKNOWN = "This report does not say whether its requirements were frozen before the run, nor who signed it off."


def record(report: Mapping[str, Any]) -> dict[str, Any]:
    """`state`, `title`, `watermark` and the sentences why; a report that says nothing known here is a test run."""
    found = report.get("record")
    if not isinstance(found, dict) or found.get("state") not in _WATERMARKS:
        found = {"state": "test_run", "why": [_UNKNOWN]}
    state = str(found["state"])
    return {
        "state": state,
        "title": _TITLES[state],
        "watermark": _WATERMARKS[state],
        "why": [str(each) for each in found.get("why") or []],
    }


def freeze_words(report: Mapping[str, Any]) -> str:
    """Whether the requirements were frozen, in one sentence."""
    found = report.get("freeze")
    return (
        str((found or {}).get("words") or "") or "Whether the requirements were frozen before the run is not recorded."
    )
