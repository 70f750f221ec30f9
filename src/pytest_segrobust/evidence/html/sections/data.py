"""Data: every case accounted for, whether test and training data are apart, and how often the test set was used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import exact
from pytest_segrobust.evidence.strict_json import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult

_SHOWN = 20


def data(report: Mapping[str, Any], results: Sequence[RequirementResult]) -> dict[str, Any]:
    """The flow from enrolled to analysed, what is known of the data, and what is not recorded."""
    found = report["data"]
    excluded = found["excluded"]
    independence = report.get("independence") or {}
    findings = independence.get("findings") or []
    return {
        "enrolled": found["n_cases"] + len(excluded),
        "excluded": excluded,
        "evaluated": found["n_cases"],
        "patients": found["n_patients"],
        "failed": _failed(results),
        "facts": _facts(found),
        "independence": str(independence.get("words") or "")
        or "Not checked: whether test and training data have patients in common is not recorded.",
        "findings": [_finding(each) for each in findings[:_SHOWN]],
        "more_findings": max(0, len(findings) - _SHOWN),
        "uses": _uses(report.get("use_ledger") or {}),
    }


def _failed(results: Sequence[RequirementResult]) -> dict[str, Any] | None:
    """The requirement with the most patients with gross failures, which count with the worst value."""
    counted = [(r.gross_failures.count, r) for r in results if r.gross_failures is not None]
    if not counted:
        return None
    most, result = max(counted, key=lambda each: each[0])
    return {"count": most, "id": result.id, "of": words.patients(result.gross_failures.n_patients)}  # type: ignore[union-attr]


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    sizes = [value for value in map(number, (found.get("voxel_size") or {}).values()) if value is not None]
    unit = "mm²" if found.get("dimensions") == 2 else "mm³"
    rows = [
        ("identity (SHA-256)", found.get("sha256")),
        ("who counts as a patient", found.get("patient")),
        ("unit intensity scale", _intensity(found.get("intensity"))),
        ("dimensions", f"{found['dimensions']}-D" if found.get("dimensions") else ""),
        ("size of a voxel" if unit == "mm³" else "size of a pixel", _between(sizes, unit)),
    ]
    known = [(name, str(value)) for name, value in rows if value]
    return [*known, ("sites, equipment, demographics", "not recorded"), ("reference standard", "not recorded")]


def _intensity(stated: Any) -> str:
    if not isinstance(stated, dict):
        return ""
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in stated.items() if value is not None)


def _between(sizes: Sequence[float], unit: str) -> str:
    if not sizes:
        return ""
    low, high = exact(float(f"{min(sizes):.3g}")), exact(float(f"{max(sizes):.3g}"))
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _finding(each: Mapping[str, Any]) -> dict[str, str]:
    distance = number(each.get("distance"))
    return {
        "test": str(each.get("test_case") or "–"),
        "train": str(each.get("train_case") or "–"),
        "how": str(each.get("how") or "–") + (f", distance {exact(distance)}" if distance is not None else ""),
    }


def _uses(ledger: Mapping[str, Any]) -> str:
    return str(ledger.get("words") or "") or "How often this test set has judged a model before is not recorded."
