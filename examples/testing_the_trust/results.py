"""From what was measured to the numbers of the study: means with bounds over volumes, paired differences, verdicts.

Bounds are those of the plugin, each one-sided at 95 %, of the mean over volumes. A volume counts once, whatever its slices.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from families import FAMILIES
from measured import CLEAN, STRUCTURES

from pytest_segrobust.evidence import words
from pytest_segrobust.metrics.uncertainty.correlation import correlation
from pytest_segrobust.metrics.uncertainty.selective import risk_coverage
from pytest_segrobust.verification.multiplicity import holm
from pytest_segrobust.verification.statistics import mean_interval

if TYPE_CHECKING:
    from families import Part
    from measured import MeasuredRun, Study

    from pytest_segrobust.evidence.records import Verdict

CONFIDENCE = 0.95
DIGITS = 5
BOUNDED = ("dsc", "hd95", "over_segmentation", "under_segmentation", "delta_dsc", "qu_brats", "error_auroc", "ece")
UNBOUNDED = ("uncertainty", "uncertainty_wrong", "uncertainty_right")  # their size means nothing across families
AGAINST = "super_unet"
"""The paper tests this family against each of the others, so do the paired comparisons here."""

Cell = dict[str, Any]


def results(study: Study, cost: dict[str, Any]) -> dict[str, Any]:
    """All numbers of the study, plain and rounded: what tables, figures and findings are made of."""
    return {
        "runs": {part: {family: _identified(run) for family, run in runs.items()} for part, runs in study.items()},
        "cells": {part: _cells(runs) for part, runs in study.items()},
        "paired": {part: _paired(runs) for part, runs in study.items()},
        "verdicts": [entry for part, runs in study.items() for entry in _verdicts(part, runs)],
        "masking": {family: _masking(run) for family, run in study["attacks"].items()},
        "cost": cost,
    }


def _identified(run: MeasuredRun) -> Cell:
    """Enough to tell whether a table is of these files."""
    report = run.report
    return {
        "volumes": report["data"]["n_cases"],
        "profile": report["profile"],
        "seed": report["seed"],
        "status": report["status"],
        "models": [digest[:12] for digest in report["model"]["sha256"]],
        "spec": str(report["spec"]["text_sha256"])[:12],
    }


def _cells(runs: dict[str, MeasuredRun]) -> dict[str, Any]:
    """By point, structure and family: means, and how uncertainty ranks volumes and voxels."""
    points = next(iter(runs.values())).points
    return {
        point: {
            "snr": _rounded(next(iter(runs.values())).snr(point)),
            **{where: {family: _cell(run, point, where) for family, run in runs.items()} for where in STRUCTURES},
        }
        for point in points
    }


def _cell(run: MeasuredRun, point: str, structure: str) -> Cell:
    found = {key: mean for key in BOUNDED if (mean := _mean(run.values(point, structure, key))) is not None}
    for key in UNBOUNDED:
        values = run.values(point, structure, key)
        if np.isfinite(values).any():
            found[key] = [_rounded(float(np.nanmean(values)))]
    uncertainty, error = run.values(point, structure, "uncertainty"), 1 - run.values(point, structure, "dsc")
    if not np.isfinite(uncertainty).all():
        return found  # nobody asked for it
    areas = risk_coverage(uncertainty, error)
    ranks = {"spearman": correlation(uncertainty, error, "spearman"), "aurc": areas.aurc, "n_aurc": areas.n_aurc}
    # without bounds: those of the requirements are in the reports
    return found | {key: [_rounded(each.value)] for key, each in ranks.items()}


def _mean(values: np.ndarray) -> list[float | int | None] | None:
    """Mean, both bounds, and of how many volumes; None where fewer than two have the value."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return None
    interval = mean_interval(finite, CONFIDENCE)
    return [*(_rounded(each) for each in (float(finite.mean()), interval.low, interval.high)), len(finite)]


def _paired(runs: dict[str, MeasuredRun]) -> list[Cell]:
    """DSC of SUPER-Net less that of each other family at the strong end, volume by volume; named by Holm over all of these."""
    found: list[Cell] = []
    differences: list[np.ndarray] = []
    for point in filter(is_severe, runs[AGAINST].points):
        for structure in STRUCTURES:
            ours = runs[AGAINST].values(point, structure, "dsc")
            for family, run in runs.items():
                if family == AGAINST:
                    continue
                values = ours - run.values(point, structure, "dsc")
                found.append({"point": point, "structure": structure, "family": family, "difference": _mean(values)})
                differences.append(values)
    named = holm({place: partial(_direction, values) for place, values in enumerate(differences)}, CONFIDENCE)
    words = {"passed": "better", "failed": "worse"}
    return [entry | {"super_net": words.get(named[place].verdict, "")} for place, entry in enumerate(found)]


def _direction(values: np.ndarray, confidence: float) -> Verdict:
    """Whether a mean is shown to be above ("passed") or below 0 ("failed"), two-sided."""
    interval = mean_interval(values, 1 - (1 - confidence) / 2)
    return "passed" if interval.low > 0 else "failed" if interval.high < 0 else "inconclusive"


def _verdicts(part: Part, runs: dict[str, MeasuredRun]) -> list[Cell]:
    """A requirement each, with every family's verdict and its estimate in the report's own words."""
    first = next(iter(runs.values()))
    return [
        {
            "part": part,
            "id": name,
            "statement": result.statement,
            "families": {family: _verdict(run, name) for family, run in runs.items()},
        }
        for name, result in first.results.items()
    ]


def _verdict(run: MeasuredRun, name: str) -> Cell:
    result = run.results[name]
    unit = result.unit if result.unit == "mm" else ""
    return {"verdict": result.verdict, "estimate": words.with_unit(words.estimate(result), unit)}


def _masking(run: MeasuredRun) -> list[Cell]:
    """The self-checks of a family's attacks, each once: a requirement names the attack that it was made for."""
    found = []
    for name, result in run.results.items():
        checks = result.search.get("attack_checks") or []
        if checks:
            broken = [check["name"] for check in checks if not check["held"]]
            found.append({"id": name, "checks": len(checks), "held": len(checks) - len(broken), "broken": broken})
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), DIGITS)


def is_severe(point: str) -> bool:
    """Whether the noise or the attack is at the strong end: an SNR of 12 dB or less, of attacks 15 dB."""
    snr = snr_of(point)
    return snr is not None and snr <= (15 if "pgd" in point or "fgsm" in point else 12)


def snr_of(point: str) -> float | None:
    """The SNR that a point states, in dB; None of the clean image."""
    if point == CLEAN:
        return None
    return float(point.partition("snr=")[2].split(")")[0].split(",")[0])


def labels() -> dict[str, str]:
    """What families are called, by name."""
    return {name: family.label for name, family in FAMILIES.items()}
