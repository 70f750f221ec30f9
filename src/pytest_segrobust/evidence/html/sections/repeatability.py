"""Repeatability: clean cases measured a second time, and alone instead of among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import exact, rounded
from pytest_segrobust.evidence.strict_json import number

if TYPE_CHECKING:
    from collections.abc import Mapping


def repeatability(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per repetition; none where none is recorded (nothing passed, so that nothing had to be repeated)."""
    return [
        {
            "how": str(each["how"]),
            "cases": each["cases"],
            "mean": rounded(number(each["mean_change"]), "up"),
            "largest": rounded(number(each["largest_change"]), "up"),
            "case": str(each.get("largest_in") or "–") if each["largest_change"] else "–",
            "allowed": exact(number(each["allowed"])),
            "held": bool(each["held"]),
        }
        for each in report.get("repeatability") or []
    ]
