"""The uncertainty part of a requirement: where it comes from, what its figures show, and their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import exact, rounded, signed

from .error_scatter import error_scatter
from .explained import ExplainedFigure, finite, part
from .reliability import reliability
from .removal_bars import removal_bars
from .risk_coverage import risk_coverage
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


_METHODS = {
    "softmax": "softmax of one pass",
    "mc_dropout": "MC dropout",
    "ensemble": "ensemble of checkpoints",
    "tta": "test-time augmentation",
    "sampling": "sampling of a stochastic network",
    "mean_variance": "variance that the network returns",
    "evidential": "Dirichlet distribution that the network returns",
}
_MAPS = {
    "variance": "variance of the predicted class",
    "summed_variance": "variance summed over classes",
    "least_confidence": "1 less the largest probability",
}
_AGGREGATIONS = {
    "image": "mean over the image",
    "foreground": "mean over the predicted structure",
    "boundary": "mean over the band round the predicted boundary",
    "volume": "sum over the image per predicted voxel",
    "patch": "largest mean of a patch",
    "threshold": "mean of the most uncertain voxels, as many as a typical prediction has",
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


def source_facts(source: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where the uncertainty comes from, and how one number per case and one mask of uncertain voxels are made of it."""
    passes = source.get("passes")
    count = f", {passes} pass{'' if passes == 1 else 'es'}" if passes else ""
    method = _called(_METHODS, source, "method")
    threshold = finite(source.get("threshold"))
    rule = source.get("threshold_rule")
    rows = [
        ("source", str(source.get("words") or "") or (f"{method}{count}" if method else "")),
        ("method", f"{method}{count}" if method and source.get("words") else ""),
        ("map", _called(_MAPS, source, "map")),
        ("one number per case", _called(_AGGREGATIONS, source, "aggregation")),
        (
            "uncertain voxels",
            "" if threshold is None else f"above {rounded(threshold)}" + (f" ({rule})" if rule else ""),
        ),
    ]
    return [(name, text) for name, text in rows if text]


def _called(names: Mapping[str, str], source: Mapping[str, Any], key: str) -> str:
    """The words of a key; what has none stands as it is."""
    stated = str(source.get(key) or "")
    return names.get(stated, stated.replace("_", " "))


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
        for name, key in (("patients × severities", "across"), ("within patients", "within"))
        if finite(found.get(key)) is not None
    )
    rows += [("correlation with error", "; ".join(filter(None, (at_worst and f"at the worst point {at_worst}", over))))]
    return [(name, text) for name, text in rows if text]
