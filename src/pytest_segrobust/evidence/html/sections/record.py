"""Whether this report may be kept as a record: the banner on page one and the watermark on every printed page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES = {"test_run": "Test run, not for record", "draft": "Draft, not signed off"}
_WATERMARKS = {"test_run": "TEST RUN, NOT FOR RECORD", "draft": "DRAFT"}
_UNKNOWN = "This report does not say whether its requirements were frozen before the run, nor who signed it off."


def record(report: Mapping[str, Any]) -> dict[str, Any]:
    """`state`, `title`, `watermark` and the sentences why; a report that does not say is a draft."""
    found = report.get("record") or {"state": "draft", "why": [_UNKNOWN]}
    state = str(found.get("state") or "draft")
    return {
        "state": state,
        "title": _TITLES.get(state, ""),
        "watermark": _WATERMARKS.get(state, ""),
        "why": [str(each) for each in found.get("why") or []],
    }


def freeze_words(report: Mapping[str, Any]) -> str:
    """Whether the requirements were frozen, in one sentence."""
    found = report.get("freeze")
    return (
        str((found or {}).get("words") or "") or "Whether the requirements were frozen before the run is not recorded."
    )
