"""What each result says in report.json: made once, for a report is written after every item and all results but one are as before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import strict_json
from .home import without_home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .records import RequirementResult

_HOLE = '\n  "requirements": null'  # of the report itself: whatever lies deeper is indented further


@dataclass
class _Entry:
    result: RequirementResult
    plain: dict[str, Any]
    text: str = ""  # as it stands in the list, "" until a report is written


class Entries:
    """The entries of one report after another, each made anew only where its result is another object."""

    def __init__(self) -> None:
        self._made: dict[str, _Entry] = {}

    def of(self, results: Sequence[RequirementResult]) -> list[dict[str, Any]]:
        """The key "requirements" of a report; from now on `text` writes these."""
        known, self._made = self._made, {}
        for result in results:
            entry = known.get(result.id)
            kept = entry is not None and entry.result is result
            self._made[result.id] = entry if kept and entry is not None else _Entry(result, _plain(result))
        return [entry.plain for entry in self._made.values()]

    def text(self, report: dict[str, Any]) -> str:
        """The report that these entries stand in, as `strict_json.dumps` writes it."""
        for entry in self._made.values():
            entry.text = entry.text or _indented(entry.plain)
        texts = ",\n    ".join(entry.text for entry in self._made.values())
        around = strict_json.dumps({**report, "requirements": None})
        return around.replace(_HOLE, _HOLE.replace("null", f"[\n    {texts}\n  ]" if texts else "[]"), 1)


def _plain(result: RequirementResult) -> dict[str, Any]:
    plain: dict[str, Any] = strict_json.plain({**result.to_json(), "replay": without_home(result.replay)})
    return plain


def _indented(entry: dict[str, Any]) -> str:
    # a line break within a text is escaped in JSON, so that each of these is one of the layout
    return json.dumps(entry, indent=2, ensure_ascii=False, allow_nan=False).replace("\n", "\n    ")
