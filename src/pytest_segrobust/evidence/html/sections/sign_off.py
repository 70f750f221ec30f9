"""Conclusion and sign-off: three roles, each with a name, a date and what the name means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROLES = {
    "tester": "The run was carried out as described.",
    "reviewer": "The report was read, and its deviations were judged.",
    "approver": "The conclusion may be used for a release.",
}


def sign_off(report: Mapping[str, Any]) -> dict[str, Any]:
    """The rows of the form; empty fields are for ink."""
    found = {str(each.get("role")): each for each in report.get("sign_off") or []}
    rows = [
        {
            "role": role,
            "name": str(found.get(role, {}).get("name") or ""),
            "date": str(found.get(role, {}).get("date") or ""),
            "meaning": str(found.get(role, {}).get("meaning") or meaning),
        }
        for role, meaning in _ROLES.items()
    ]
    others = [
        {key: str(each.get(key) or "") for key in ("role", "name", "date", "meaning")}
        for role, each in found.items()
        if role not in _ROLES
    ]
    return {"rows": rows + others, "signed": all(row["name"] and row["date"] for row in rows)}
