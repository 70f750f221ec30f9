"""Agreement of volumes: Bland-Altman plots, and the bias by the size of the structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.agreement import patients_of
from pytest_segrobust.evidence.rounding import outwards, rounded
from pytest_segrobust.evidence.strict_json import number

from ..bland_altman import bland_altman

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult

_CLEAN, _PERTURBED = 4, 2  # figures; the rest stands in the table
_ROWS = 40


def agreement(
    report: Mapping[str, Any], results: Sequence[RequirementResult], anchors: Mapping[str, str]
) -> dict[str, Any]:
    """Figures of the structures on clean images and of the largest biases at worst points, and all numbers in a table."""
    entries = [entry for entry in report.get("agreement") or [] if entry.get("bias") is not None]
    clean = [entry for entry in entries if entry["requirement"] is None]
    worst = sorted(
        (entry for entry in entries if entry["requirement"] is not None),
        key=lambda entry: -abs(number(entry["bias_percent"]) or 0.0),
    )
    by_id = {result.id: result for result in results}
    drawn = [*clean[:_CLEAN], *worst[:_PERTURBED]]
    rows = [_row(entry, anchors) for entry in (*clean, *worst)]
    return {
        "figures": [
            figure
            for position, entry in enumerate(drawn, 1)
            if (figure := _figure(entry, results, by_id, report["data"], position))
        ],
        "rows": rows[:_ROWS],
        "folded": rows[_ROWS:],
    }


def _figure(
    entry: Mapping[str, Any],
    results: Sequence[RequirementResult],
    by_id: Mapping[str, RequirementResult],
    data: Mapping[str, Any],
    position: int,
) -> dict[str, Any] | None:
    if entry["requirement"] is None:
        own = (r for r in results if r.volumes and r.volumes["structure"] == entry["structure"])
        result = next(own, None)
    else:
        result = by_id.get(entry["requirement"])
    if result is None or not result.volumes:
        return None
    patients, _, _ = patients_of(result, data, "clean" if entry["requirement"] is None else "predicted")
    svg = bland_altman(entry, patients, prefix=f"agreement{position}")
    if svg is None:
        return None
    where = "clean images" if entry["requirement"] is None else f"{entry['requirement']} at {entry['point']}"
    return {"svg": svg, "title": f"{entry['structure']}, {where}"}


def _row(entry: Mapping[str, Any], anchors: Mapping[str, str]) -> dict[str, Any]:
    unit, without = entry["unit"], entry.get("without_prediction") or []
    return {
        "structure": entry["structure"],
        "where": "clean images" if entry["requirement"] is None else str(entry["point"]),
        "requirement": entry["requirement"] or "",
        "anchor": anchors.get(entry["requirement"] or "", ""),
        "bias": words.with_unit(_bias(entry["bias"]), unit),
        "limits": _limits(entry["limits"], unit),
        "percent": words.with_unit(_bias(entry["bias_percent"]), "%"),
        "limits_percent": _limits(entry["limits_percent"], "%"),
        "patients": entry["n_patients"],
        "without": f"; {len(without)} without a prediction" if without else "",
        "sizes": [
            {
                "range": words.with_unit(f"{rounded(g['smallest'], 'down')} to {rounded(g['largest'], 'up')}", unit),
                "bias": words.with_unit(_bias(g["bias"]), unit),
                "percent": words.with_unit(_bias(g["bias_percent"]), "%"),
                "patients": g["n_patients"],
            }
            for g in entry.get("by_size") or []
        ],
    }


def _bias(value: Any) -> str:
    found = number(value)
    text = outwards(found)
    return f"+{text}" if found is not None and found > 0 and text != "0" else text


def _limits(limits: Any, unit: str) -> str:
    if not limits:
        return "–"
    return f"{rounded(number(limits[0]), 'down')} to {rounded(number(limits[1]), 'up')}\u00a0{unit}"
