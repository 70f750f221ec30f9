"""Whether this installation was qualified: what `segrobust qualify` left beside the requirements, in short."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "segrobust-qualification"
FILE_NAME = "qualification.json"


def recorded_qualification(folder: Path, *, tool_sha256: str) -> dict[str, Any] | None:
    """The result of the qualification in `folder/segrobust-qualification`; None where none is recorded, or it cannot be read.

    `of_this_tool` says whether what was qualified is the source that runs now.
    """
    try:
        found = json.loads((folder / FOLDER / FILE_NAME).read_text(encoding="utf-8"))
        checks = [(str(check["id"]), bool(check["passed"])) for check in found["checks"]]
        machine = found.get("machine") or {}
        return {
            "file": f"{FOLDER}/{FILE_NAME}",
            "passed": bool(found["passed"]),
            "checks": len(checks),
            "failed": [name for name, passed in checks if not passed],
            "started": str(found.get("started", "")),
            "version": str(found["tool"]["version"]),
            "of_this_tool": machine.get("tool_source_sha256") == tool_sha256,
            "os": str(machine.get("os", "")),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
