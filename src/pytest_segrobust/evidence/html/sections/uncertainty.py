"""Uncertainty in short: does the model know when it fails, of every requirement that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.verdicts import WORDS

from ..uncertainty_source import of_the_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult


def uncertainty(
    report: Mapping[str, Any], results: Sequence[RequirementResult], anchors: Mapping[str, str]
) -> dict[str, Any]:
    """One row per requirement about uncertainty; its figures stand with the requirement."""
    return {
        "source": of_the_model(report),
        "rows": [_row(result, anchors[result.id]) for result in results if result.uncertainty],
    }


def _row(result: RequirementResult, anchor: str) -> dict[str, Any]:
    shown = result.uncertainty or {}
    silent = shown.get("silent") or {}
    return {
        "id": result.id,
        "anchor": anchor,
        "verdict": result.verdict,
        "word": WORDS[result.verdict],
        "measure": result.measure,
        "value": words.with_unit(f"{words.estimate(result)} {words.interval(result)}", result.unit),
        "limit": words.limit(result),
        "silent": f"{silent.get('count')} of {words.patients(int(silent['n']))}" if silent.get("n") else "not known",
        "patients": result.n_patients or "–",
    }
