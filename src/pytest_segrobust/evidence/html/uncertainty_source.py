"""Where uncertainty comes from, in words: of a requirement's figures, and of a run's model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import rounded

from .explained import finite, part

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def source_facts(source: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where the uncertainty comes from, and how one number per case and one mask of uncertain voxels are made of it."""
    passes = source.get("passes")
    count = f", {passes} pass{'' if passes == 1 else 'es'}" if passes else ""
    method = _called(_METHODS, source, "method")
    threshold = finite(source.get("threshold"))
    rule = source.get("threshold_rule")
    rows = [
        ("no uncertainty", str(source.get("reason") or "")),
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


def of_the_model(report: Mapping[str, Any]) -> str:
    """The source in one line: as the run said of its model, else as the first requirement about uncertainty does."""
    stated = report["model"].get("uncertainty")
    if not isinstance(stated, dict):
        sources = [part(entry.get("uncertainty"), "source") for entry in report["requirements"]]
        stated = {"words": stated} if stated else next((source for source in sources if source.get("words")), {})
    if stated.get("reason"):
        return f"none: {stated['reason']}"
    return "; ".join(filter(None, (str(stated.get("words") or ""), _called(_AGGREGATIONS, stated, "aggregation"))))
