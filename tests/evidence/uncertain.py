"""Results about uncertainty that nobody measured: what verification would hand to the report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.evidence.records import CurvePoint, RequirementResult

if TYPE_CHECKING:
    from pytest_segrobust.evidence.picture import Picture

SOURCE = {
    "method": "mc_dropout",
    "passes": 20,
    "map": "variance",
    "aggregation": "boundary",
    "words": "20 passes with dropout switched on and all else as in an ordinary prediction; variance of the predicted "
    "class's probability",
    "threshold": 0.0312,
    "threshold_rule": "0.95 quantile of right voxels' uncertainty, mean over 8 clean validation cases",
}
SILENT = ("hippocampus_004", "hippocampus_009", "hippocampus_013")
SEVERITIES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3)


def uncertainty(n: int = 24) -> dict[str, Any]:
    """Uncertainty that follows the error of most cases; three failed and were sure, one of them without any output."""
    random = np.random.default_rng(5)
    cases, clean = [], []
    for number in range(1, n + 1):
        name = f"hippocampus_{number:03}"
        error = float(0.12 + 0.4 * random.random() ** 2)
        spread = float(0.012 + 0.07 * error + 0.008 * random.random())
        failure = None
        if name in SILENT:
            error, spread = {4: (1.0, 0.0), 9: (0.46, 0.0221), 13: (0.43, 0.0190)}[number]
            failure = "crashed: out of memory" if number == 4 else None
        cases.append({"case": name, "patient": f"P{number}", "uncertainty": spread, "error": error, "failure": failure})
        before = float(0.08 + 0.06 * random.random())
        clean.append(
            {
                "case": name,
                "patient": f"P{number}",
                "uncertainty": 0.010 + 0.08 * before + 0.004 * float(random.random()),
                "error": before,
                "failure": None,
            }
        )
    risks = np.array([case["error"] for case in cases])
    order = np.argsort([case["uncertainty"] for case in cases], kind="stable")
    steps = np.arange(1, n + 1)
    risk, best = np.cumsum(risks[order]) / steps, np.cumsum(np.sort(risks)) / steps
    aurc, optimal, chance = float(risk.mean()), float(best.mean()), float(risks.mean())
    rows = [[at / 20, (at + 1) / 20, 0, None, None] for at in range(20)]
    clean_rows = [list(row) for row in rows]
    for at, count in zip(range(9, 20), (3, 41, 160, 322, 480, 760, 1210, 2220, 4970, 11800, 91400), strict=True):
        middle = (at + 0.5) / 20
        rows[at][2:] = [count, middle, 0.28 + 0.68 * middle]
        clean_rows[at][2:] = [count + 9, middle, 0.06 + 0.93 * middle]
    return {
        "source": dict(SOURCE),
        "structure": "anterior",
        "alarm": 0.0281,
        "alarm_rule": "0.95 quantile of uncertainty over 24 clean validation cases",
        "dsc_below": 0.6,
        "scatter": {"point": "gaussian noise(sigma=0.1)", "cases": cases},
        "clean_scatter": {"point": "clean", "cases": clean},
        "silent": {"count": 3, "n": n},
        "correlations": {
            "spearman": 0.523,
            "pearson": 0.31,
            "kendall": 0.387,
            "across": 0.611,
            "within": 0.84,
            "fisher": [0.21, 0.742],
        },
        "risk_coverage": {
            "coverage": [float(k) for k in steps / n],
            "risk": [float(value) for value in risk],
            "best": [float(value) for value in best],
            "random": chance,
            "aurc": aurc,
            "e_aurc": aurc - optimal,
            "n_aurc": (chance - aurc) / (chance - optimal),
            "reason": "",
        },
        "reliability": {"rows": rows, "ece": 0.0412, "clean_rows": clean_rows},
        "by_severity": [
            {
                "severity": severity,
                "point": "clean" if severity == 0 else f"gaussian noise(sigma={0.1 * severity:.9g})",
                "n": n,
                "uncertainty": 0.017 + 0.016 * severity,
                "error": 0.11 + 0.16 * severity**1.6,
                "wrong": 0.071 - 0.022 * severity,
                "right": 0.011 + 0.013 * severity,
                "delta_dsc": 0.031 - 0.05 * severity,
                "removed_right": 0.052 + 0.11 * severity,
                "removed_wrong": 0.41 - 0.12 * severity,
            }
            for severity in SEVERITIES
        ],
    }


def result(shown: dict[str, Any] | None = None, **changes: Any) -> RequirementResult:
    """A requirement on the correlation, with these parts of its uncertainty changed."""
    found = RequirementResult(
        "UNC-007",
        "Spearman correlation with error under gaussian noise with sigma <= 0.1 is above 0.4",
        "inconclusive",
        measure="Spearman correlation with error",
        estimate=0.523,
        interval=(0.238, 0.7412),
        two_sided=(0.17, 0.77),
        limit=0.4,
        comparison="above",
        n_patients=24,
        n_cases=24,
        worst={
            "parameters": [{"perturbation": "gaussian noise", "parameters": {"sigma": 0.1}, "on": None}],
            "text": "gaussian noise(sigma=0.1)",
            "structure": "anterior",
        },
        curve=[
            CurvePoint(
                severity,
                "",
                [{"perturbation": "gaussian noise", "parameters": {"sigma": 0.1 * severity}, "on": None}]
                if severity
                else [],
                "anterior",
                0.7 - 0.18 * severity,
                (0.5 - 0.2 * severity, 0.85 - 0.1 * severity),
                24,
                {"snr": 20 - 20 * math.log10(severity) if severity else math.inf},
            )
            for severity in SEVERITIES
        ],
        reason="[+0.238, +0.742] contains the limit of 0.4",
        uncertainty={**uncertainty(), **(shown or {})},
        search={"points_tried": 41, "units": {"sigma": "unit scale"}},
    )
    return replace(found, **changes)


def with_maps(picture: Picture) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A picture's arrays and words with uncertainty that is high round its outlines, perturbed more than clean."""
    rows, columns = np.mgrid[: picture.arrays["clean"].shape[0], : picture.arrays["clean"].shape[1]]
    rows, columns = rows / len(rows), columns / len(rows)
    ring = ((rows - 0.5) / 0.17) ** 2 + ((columns - 0.45) / 0.26) ** 2
    map_of = (0.22 * np.exp(-8 * (np.sqrt(ring) - 1) ** 2)).astype(np.float32)
    about = {**picture.about, "uncertainty_map": "variance", "uncertainty_range": [0.0, 0.22]}
    return {**picture.arrays, "uncertainty": map_of, "clean_uncertainty": map_of * np.float32(0.4)}, about
