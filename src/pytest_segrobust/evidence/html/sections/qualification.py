"""Qualification of the tool: whether this installation was shown to measure right and to fail bad models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def qualification(report: Mapping[str, Any]) -> dict[str, Any]:
    """One sentence, and the rows of what was recorded."""
    found = report.get("qualification")
    if not found:
        return {
            "words": "Not recorded: no result of `segrobust qualify` lies beside the requirements.",
            "good": False,
            "rows": [],
        }
    failed = found.get("failed") or []
    good = bool(found["passed"]) and bool(found["of_this_tool"])
    if not found["of_this_tool"]:
        said = "What was qualified is not the source that ran: the result does not speak for this run."
    elif not found["passed"]:
        said = f"{len(failed)} of {found['checks']} checks did not find what was expected."
    else:
        said = f"All {found['checks']} checks found what was expected."
    rows = [
        ("version qualified", str(found["version"])),
        ("date (UTC)", str(found.get("started") or "–")),
        ("checks", str(found["checks"])),
        ("not as expected", ", ".join(map(str, failed)) or "none"),
        ("operating system", str(found.get("os") or "–")),
        ("form", str(found["file"])),
    ]
    return {"words": said, "good": good, "rows": rows}
