"""The uncertainty part of a requirement: where it comes from, what its figures show, and their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import exact, rounded, signed

from .error_scatter import error_scatter
from .explained import ExplainedFigure, finite, part
from .reliability import reliability
from .removal_bars import removal_bars
from .risk_coverage import risk_coverage
from .uncertainty_source import source_facts
from .voxel_uncertainty import uncertainty_trend, voxel_uncertainty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_segrobust.evidence.records import RequirementResult

_FIGURES = {
    "scatter": error_scatter,
    "coverage": risk_coverage,
    "reliability": reliability,
    "removal": removal_bars,
    "voxels": voxel_uncertainty,
    "trend": uncertainty_trend,
}


def uncertainty_part(result: RequirementResult, *, prefix: str) -> dict[str, Any] | None:
    """What the template shows of a result's uncertainty; None where the requirement is not about it."""
    shown = result.uncertainty
    if not shown:
        return None
    figures: list[ExplainedFigure] = [draw(result, prefix=f"{prefix}-{name}") for name, draw in _FIGURES.items()]
    return {
        "structure": str(shown.get("structure") or ""),
        "facts": [*source_facts(part(shown, "source")), *_facts(shown)],
        "figures": [figure for figure in figures if figure.svg is not None],
        "not_drawn": [figure for figure in figures if figure.svg is None],
        "tables": [figure.table for figure in figures if figure.table is not None],
    }


def _facts(shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    alarm, dsc_below = finite(shown.get("alarm")), finite(shown.get("dsc_below"))
    rule = str(shown.get("alarm_rule") or "")
    rows = [("alarm", (f"above {rounded(alarm)}" + (f" ({rule})" if rule else "")) if alarm is not None else rule)]
    if dsc_below is not None:
        rows.append(("failure", f"DSC below {exact(dsc_below)}"))
    found = part(shown, "correlations")
    named = (("Spearman", "spearman"), ("Pearson", "pearson"), ("Kendall", "kendall"))
    at_worst = ", ".join(f"{name} {signed(finite(found.get(key)))}" for name, key in named if key in found)
    over = ", ".join(
        f"{name} {signed(finite(found.get(key)))}"
        for name, key in (("over severities too", "across"), ("within patients", "within"))
        if finite(found.get(key)) is not None
    )
    over = over and f"Spearman {over}"
    rows += [("correlation with error", "; ".join(filter(None, (at_worst and f"at the worst point {at_worst}", over))))]
    return [(name, text) for name, text in rows if text]
