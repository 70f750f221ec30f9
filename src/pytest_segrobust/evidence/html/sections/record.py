"""Whether this report may be kept as a record: the banner on page one and the watermark on every printed page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.watermark import record_state

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES = {"test_run": "Test run, not for record", "draft": "Draft, not signed off", "final": ""}


def record(report: Mapping[str, Any]) -> dict[str, Any]:
    """`state`, `title`, `watermark` and the sentences why; a report that says nothing known here is a test run."""
    found = record_state(report)
    return {"state": found.state, "title": _TITLES[found.state], "watermark": found.watermark, "why": list(found.why)}


def freeze_words(report: Mapping[str, Any]) -> str:
    """Whether the requirements were frozen, in one sentence."""
    found = report.get("freeze")
    return (
        str((found or {}).get("words") or "") or "Whether the requirements were frozen before the run is not recorded."
    )
