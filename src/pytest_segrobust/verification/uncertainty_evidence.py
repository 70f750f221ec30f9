"""What a report draws of uncertainty, as plain data: scatter, risk and coverage, reliability, and the course over severity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.perturbations.point import CLEAN

from .all_patients import UNCERTAINTY, alarm_of, alarm_of_means, by_patient, dsc_of, pairs_at
from .along_severities import WARNING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import Measurement
    from pytest_segrobust.perturbations.point import Point

    from .patients import Cohort

# What is drawn over severity, by the name in the report and the key of the scores.
BY_SEVERITY = {
    "wrong": "uncertainty_wrong",
    "right": "uncertainty_right",
    "delta_dsc": "delta_dsc",
    "removed_right": "removed_right",
    "removed_wrong": "removed_wrong",
}


def uncertainty_evidence(
    cohort: Cohort,
    measured: Mapping[str, Sequence[Measurement]],
    *,
    structure: str,
    worst: str,
    line: Sequence[tuple[float, Point]],
    source: Mapping[str, Any],
    dsc_below: float | None,
    confidence: float,
) -> dict[str, Any]:
    """All figures of one requirement, of one structure at its worst point and on clean images; JSON has no NaN.

    `measured` are the measurements of all patients by point, `line` the severities that are drawn, `dsc_below` the DSC
    below which a case failed, where somebody stated one.
    """
    frozen = alarm_of_means if cohort.measure.metric == WARNING else alarm_of
    alarm, rule = frozen(cohort, structure)
    evidence = {
        "source": dict(source),
        "structure": structure,
        "alarm": alarm,
        "alarm_rule": rule,
        "dsc_below": dsc_below,
        "scatter": _scatter(cohort, measured[worst], structure, worst),
        "clean_scatter": _scatter(cohort, measured[str(CLEAN)], structure, str(CLEAN)),
        "silent": _silent(cohort, measured[worst], structure, dsc_below, alarm),
        "correlations": _correlations(cohort, measured, structure, worst=worst, line=line, confidence=confidence),
        "risk_coverage": _risk_coverage(cohort, measured[worst], structure),
        "reliability": _reliability(cohort, measured, structure, worst),
        "by_severity": [
            {"severity": severity, "point": str(point), **_means(cohort, measured[str(point)], structure)}
            for severity, point in line
        ],
    }
    plain: dict[str, Any] = _finite(evidence)
    return plain


def _scatter(cohort: Cohort, rows: Sequence[Measurement], structure: str, point: str) -> dict[str, Any]:
    cases = [
        {"case": p.case, "patient": p.patient, "uncertainty": p.uncertainty, "error": p.error, "failure": p.failure}
        for p in pairs_at(cohort, rows, structure)
    ]
    return {"point": point, "cases": cases}


def _silent(
    cohort: Cohort, rows: Sequence[Measurement], structure: str, dsc_below: float | None, alarm: float | None
) -> dict[str, int] | None:
    """Patients that failed without an alarm in any case and noise draw, as `all_patients` counts them."""
    if dsc_below is None or alarm is None:
        return None
    pairs = pairs_at(cohort, rows, structure)
    silent = {p.patient for p in pairs if any(dsc < dsc_below and u <= alarm for u, dsc in p.draws)}
    return {"count": len(silent), "n": len({p.patient for p in pairs})}


def _correlations(
    cohort: Cohort,
    measured: Mapping[str, Sequence[Measurement]],
    structure: str,
    *,
    worst: str,
    line: Sequence[tuple[float, Point]],
    confidence: float,
) -> dict[str, Any]:
    """Of the patients at the worst point; Spearman's over severities too; Fisher's bounds are of Spearman's."""
    from pytest_segrobust.metrics.uncertainty.correlation import KINDS, clustered, correlation
    from pytest_segrobust.metrics.uncertainty.intervals import fisher_interval

    _, values = by_patient(pairs_at(cohort, measured[worst], structure))
    known = np.isfinite(values).all() and len(values) > 0
    found: dict[str, Any] = {
        kind: correlation(values[:, 0], values[:, 1], kind).value if known else None for kind in KINDS
    }
    spearman = found["spearman"]
    fisher = None if spearman is None else fisher_interval(spearman, len(values), "spearman", confidence)
    found |= {"across": None, "within": None, "fisher": None if fisher is None else list(fisher)}
    if known and len(line) > 1:
        tables = [by_patient(pairs_at(cohort, measured[str(point)], structure)) for _, point in line]
        cells = np.concatenate([table for _, table in tables])
        owners = [patient for patients, _ in tables for patient in patients]
        over = clustered(cells[:, 0], cells[:, 1], owners)
        found |= {"across": over.pooled.value, "within": over.within.value}
    return found


def _risk_coverage(cohort: Cohort, rows: Sequence[Measurement], structure: str) -> dict[str, Any]:
    from pytest_segrobust.metrics.uncertainty.selective import risk_coverage

    _, values = by_patient(pairs_at(cohort, rows, structure))
    if not len(values) or not np.isfinite(values).all():
        nothing = "no patient has a label"
        return {"coverage": [], "risk": [], "best": [], "random": None, "aurc": None, "e_aurc": None, "n_aurc": None,
                "reason": nothing}  # fmt: skip
    u, risks = values[:, 0], values[:, 1]
    curve = risk_coverage(u, risks)
    return {
        "coverage": curve.coverage.tolist(),
        "risk": curve.risk.tolist(),
        "best": (np.cumsum(np.sort(risks)) / np.arange(1, len(risks) + 1)).tolist(),
        "random": float(risks.mean()),
        "aurc": curve.aurc.value,
        "e_aurc": curve.e_aurc.value,
        "n_aurc": curve.n_aurc.value,
        "reason": curve.aurc.reason or curve.n_aurc.reason,
    }


def _reliability(
    cohort: Cohort, measured: Mapping[str, Sequence[Measurement]], structure: str, worst: str
) -> dict[str, Any]:
    """Tables of all counted cases' voxels together; a case with a large structure has more of them."""
    rows, ece = _table(cohort, measured[worst], structure)
    return {"rows": rows, "ece": ece, "clean_rows": _table(cohort, measured[str(CLEAN)], structure)[0]}


def _table(
    cohort: Cohort, measurements: Sequence[Measurement], structure: str
) -> tuple[list[list[float | None]], float | None]:
    from pytest_segrobust.metrics.uncertainty.calibration import ReliabilityTable

    tables = [np.array(m.reliability, float) for m in _counted(cohort, measurements, structure) if m.reliability]
    if not tables:
        return [], None
    count, confidence, right = np.sum(tables, axis=0).T
    table = ReliabilityTable(count.astype(np.int64), confidence, right.astype(np.int64))
    return [list(row) for row in table.rows], table.ece.value


def _means(cohort: Cohort, measurements: Sequence[Measurement], structure: str) -> dict[str, Any]:
    """Means over patients of what has a value, of their cases and noise draws."""
    rows = _counted(cohort, measurements, structure)
    found: dict[str, Any] = {"n": len({m.patient for m in rows})}
    for name, key in {UNCERTAINTY: UNCERTAINTY, **BY_SEVERITY}.items():
        found[name] = _mean([(m.patient, m.scores[key]) for m in rows if key in m.scores])
    found["error"] = _mean([(m.patient, 1 - dsc_of(m)) for m in rows])
    return found


def _mean(values: Sequence[tuple[str, float]]) -> float | None:
    """The mean over patients of each one's mean; None where there is nothing."""
    own: dict[str, list[float]] = {}
    for patient, value in values:
        own.setdefault(patient, []).append(value)
    return math.fsum(math.fsum(v) / len(v) for v in own.values()) / len(own) if own else None


def _counted(cohort: Cohort, measurements: Sequence[Measurement], structure: str) -> list[Measurement]:
    present = cohort.present(structure)
    return [m for m in measurements if m.structure in present.get(m.case, ())]


def _finite(plain: Any) -> Any:
    """The same with None for numbers that JSON does not have."""
    if isinstance(plain, dict):
        return {key: _finite(value) for key, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [_finite(value) for value in plain]
    if isinstance(plain, float | np.floating):
        return float(plain) if math.isfinite(plain) else None
    return plain
