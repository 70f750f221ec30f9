"""The record of a verification: everything that was decided, as plain data for a report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.evidence.records import (
    BreakingPoint,
    CurvePoint,
    GrossFailures,
    Measurement,
    RequirementResult,
    Verdict,
)

from .decision import SEVERITY, Cell, Criterion, worst
from .failures import count_gross_failures
from .moved import outweighs_limit
from .patients import MEAN, Cohort
from .statistics import at_most, zero_failure_bound
from .words import measured, unit, verdict_reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.perturbations.point import Point
    from pytest_segrobust.requirements.requirement import Requirement

FAILING_POINTS = 3  # kept for the next run to begin with


@dataclass(frozen=True)
class Findings:
    """What a verification has found: the cells that decide, the curve, and the cohort they are about."""

    requirement: Requirement
    criterion: Criterion
    cohort: Cohort
    structures: tuple[str, ...]
    points: Mapping[str, Point]
    measurements: Mapping[str, Sequence[Measurement]]  # by point, all patients
    cells: Sequence[Cell]
    plausible: Cell | None = None  # the decision in the plausible part of a stress test
    curve: Sequence[tuple[float, Cell]] = ()
    breaking_point: BreakingPoint | None = None
    search: Mapping[str, Any] | None = None
    warnings: Sequence[str] = ()
    minimum_patients: int = 0
    unexhausted: str = ""  # why nothing may pass
    unperturbed: str = ""  # why nothing was shown


def result(findings: Findings) -> RequirementResult:
    """The result of a requirement from what was found; its verdict is that of the worst cell."""
    requirement, criterion, cohort = findings.requirement, findings.criterion, findings.cohort
    lacking = [s for s in findings.structures if not any(cell.structure == s for cell in findings.cells)]
    if not findings.cells:
        return undecided(requirement, "not_evaluable", _lacking(findings, lacking), warnings=_exclusions(findings))
    decisive = worst(findings.cells)
    verdict: Verdict = decisive.verdict
    reason = verdict_reason(requirement, criterion, decisive, decisive.point)
    if lacking and SEVERITY.index(verdict) < SEVERITY.index("not_evaluable"):
        verdict, reason = "not_evaluable", f"{_lacking(findings, lacking)}; otherwise: {reason}"
    if findings.unexhausted and verdict == "passed":
        verdict, reason = "inconclusive", f"{findings.unexhausted}; of what was measured: {reason}"
    if findings.unperturbed and verdict == "passed":
        verdict, reason = "not_evaluable", f"{findings.unperturbed}; of what was measured: {reason}"
    unresolved = _unresolved(findings) if verdict == "passed" else ""
    if unresolved:
        verdict, reason = "not_evaluable", f"{unresolved}; of what was measured: {reason}"
    part = findings.plausible
    hidden = not requirement.gates and part is not None and part.verdict != "passed"
    if hidden and part is not None:
        reason += (
            "; it gates, although it is a stress test, since it is not shown to be met within the plausible range: "
        )
        reason += verdict_reason(requirement, criterion, part, part.point)
    failures = _gross_failures(findings)
    caveats = [*findings.warnings, *_caveats(findings, decisive, failures)]
    two_sided = criterion.interval(decisive.values.values, 0.975)
    return RequirementResult(
        **{**_claim(requirement, criterion), "gates": requirement.gates or hidden},
        verdict=verdict,
        plausible_part=None if part is None else _part(findings, part),
        estimate=decisive.estimate,
        interval=criterion.shown(decisive.interval),
        two_sided=criterion.shown(two_sided),
        method=f"{decisive.interval.method}; each bound one-sided {requirement.confidence:.4g}",
        n_patients=len(decisive.values.patients),
        n_cases=len(cohort.counted(decisive.structure)),
        gross_failures=failures,
        worst={**_named(findings.points[decisive.point]), "structure": decisive.structure},
        breaking_point=findings.breaking_point,
        curve=[_curve_point(findings, severity, cell) for severity, cell in findings.curve],
        structures=[_structure(findings, s) for s in findings.structures if s not in lacking]
        + [{"structure": s, "verdict": "not_evaluable", "reason": _lacking(findings, [s])} for s in lacking],
        cases=list(decisive.values.cases),
        search={**(findings.search or {}), "failing_points": _failing_points(findings), "caveats": caveats},
        warnings=[*caveats, *_blindness(findings, decisive, failures)],
        reason=reason,
    )


def undecided(
    requirement: Requirement, verdict: Verdict, reason: str, warnings: Sequence[str] = ()
) -> RequirementResult:
    """The result of a requirement of which nothing could be decided, and why."""
    criterion = Criterion.of(requirement, seed=0)
    return RequirementResult(**_claim(requirement, criterion), verdict=verdict, reason=reason, warnings=list(warnings))


def _claim(requirement: Requirement, criterion: Criterion) -> dict[str, Any]:
    return {
        "id": requirement.id,
        "statement": requirement.statement,
        "measure": measured(requirement),
        "limit": criterion.limit,
        "comparison": criterion.comparison,
        "unit": "" if criterion.is_share else unit(requirement),
        "confidence": requirement.confidence,
        "rationale": requirement.rationale,
        "risks": list(requirement.risks),
        "tags": list(requirement.tags),
        "tier": requirement.tier,
        "gates": requirement.gates,
    }


def _part(findings: Findings, cell: Cell) -> dict[str, Any]:
    """What was decided in the plausible part of a stress test, at its worst point."""
    return {
        "verdict": cell.verdict,
        "estimate": cell.estimate,
        "interval": list(findings.criterion.shown(cell.interval)),
        **_named(findings.points[cell.point]),
        "structure": cell.structure,
    }


def _named(point: Point) -> dict[str, Any]:
    return {"parameters": point.to_json(), "text": str(point)}


def _structure(findings: Findings, structure: str) -> dict[str, Any]:
    cell = worst(cell for cell in findings.cells if cell.structure == structure)
    return {
        "structure": structure,
        "verdict": cell.verdict,
        "estimate": cell.estimate,
        "interval": list(findings.criterion.shown(cell.interval)),
        "n_patients": len(cell.values.patients),
        "n_cases": len(findings.cohort.counted(structure)),
        "worst": _named(findings.points[cell.point]),
    }


def _curve_point(findings: Findings, severity: float, cell: Cell) -> CurvePoint:
    point = findings.points[cell.point]
    rows = [m for m in findings.measurements[cell.point] if cell.structure in (MEAN, m.structure)]
    strengths = {key: [m.strength[key] for m in rows if key in m.strength] for m in rows for key in m.strength}
    medians = {key: float(np.median(values)) for key, values in sorted(strengths.items())}
    return CurvePoint(
        severity=severity,
        point=cell.point,
        parameters=point.to_json(),
        structure=cell.structure,
        estimate=cell.estimate,
        interval=findings.criterion.shown(cell.interval),
        n_patients=len(cell.values.patients),
        strength={key: median for key, median in medians.items() if math.isfinite(median)},  # JSON has no infinity
    )


def _gross_failures(findings: Findings) -> GrossFailures:
    decided = dict.fromkeys(cell.point for cell in findings.cells)
    rows = (
        m
        for point in decided
        for m in findings.measurements[point]
        if MEAN in findings.structures or m.structure in findings.structures
    )
    return count_gross_failures(
        rows,
        findings.cohort.at_risk,
        dsc_below=findings.cohort.dsc_below,
        confidence=findings.requirement.confidence,
    )


def _failing_points(findings: Findings) -> list[list[dict[str, Any]]]:
    failed = sorted(
        (cell for cell in findings.cells if cell.verdict != "passed"),
        key=lambda cell: (-SEVERITY.index(cell.verdict), -cell.excess, cell.point),
    )
    return [findings.points[point].to_json() for point in list(dict.fromkeys(c.point for c in failed))[:FAILING_POINTS]]


def _lacking(findings: Findings, structures: Sequence[str]) -> str:
    words = []
    for structure in structures:
        cohort = findings.cohort
        patients = {cohort.patient_of[case] for case in cohort.counted(structure)}
        words.append(f"{len(patients)} patients can be judged for {structure}, {findings.minimum_patients} are needed")
    return "; ".join(words)


def _exclusions(findings: Findings) -> list[str]:
    words = []
    for structure, cases in findings.cohort.excluded.items():
        if structure in findings.structures or MEAN in findings.structures:
            for why in sorted(set(cases.values())):
                left_out = sorted(case for case, reason in cases.items() if reason == why)
                words.append(f"{structure}: {len(left_out)} cases are not in its n ({why}): {_listed(left_out)}")
    return words


def _caveats(findings: Findings, decisive: Cell, failures: GrossFailures) -> list[str]:
    """What a reader of this result must know even where it passed."""
    words = _exclusions(findings)
    if decisive.interval.warning and not decisive.trivial and not decisive.interval.small_sample:
        words.append(decisive.interval.warning)
    if findings.requirement.measure.form != "value" or findings.requirement.measure.metric == "agreement":
        failed = findings.cohort.failed_clean(decisive.structure)
        if failed:
            words.append(
                f"{len(failed)} cases failed on the clean image and count as the worst {_form(findings)}: {_listed(failed)}"
            )
    words += _moved(findings, decisive)
    if failures.count:
        cases = _listed(sorted({failure["case"] for failure in failures.cases}))
        upper = at_most(failures.upper_bound)
        words.append(
            f"{failures.count} of {failures.n_patients} patients had a gross failure (up to {upper} of all): {cases}"
        )
    unseen = len(set(findings.cohort.patients) - set(findings.cohort.at_risk))
    if unseen:
        words.append(
            f"{unseen} patients without a label or without anything to perturb are not among those in whom gross failures "
            "are counted: in them only crashes, NaN and wrong shapes would have shown"
        )
    return words


def _moved(findings: Findings, decisive: Cell) -> list[str]:
    """What a comparison with an image that moved leaves out of the numbers, where it leaves out most."""
    here, partly = findings.cohort.moving(findings.measurements[decisive.point], decisive.structure)
    words = []
    if here.mean() > 0:
        words.append(
            f"{here.mean():.3g} of the mean {_form(findings)} at the worst point was subtracted: interpolating the reference "
            "there and back costs as much, whatever the model"
        )
    most, cell = max(((float(each.mean()), cell) for each, cell in _explained(findings)), key=lambda found: found[0])
    if most > here.mean() + 1e-9:
        words.append(f"{most:.3g} of the mean {_form(findings)} of {cell.structure} was subtracted at {cell.point}")
    if partly:
        words.append(
            f"{partly} cases are compared, clean and perturbed, in the part of the image that stays in view alone"
        )
    return words


def _explained(findings: Findings) -> list[tuple[np.ndarray, Cell]]:
    """For each cell how much of every patient's value moving alone explains."""
    return [(findings.cohort.moving(findings.measurements[c.point], c.structure)[0], c) for c in findings.cells]


def _unresolved(findings: Findings) -> str:
    """Why a pass is none: at some point more was subtracted than the limit allows; "" where it is one."""
    for explained, cell in _explained(findings):
        if outweighs_limit(explained, findings.requirement):
            return (
                f"of the {_form(findings)} of {cell.structure} at {cell.point}, {explained.mean():.3g} on average was "
                "subtracted for interpolation, more than the limit: structures this small cannot show it; state a milder "
                "range, or an absolute requirement such as 'DSC under ... is at least ...'"
            )
    return ""


def _blindness(findings: Findings, decisive: Cell, failures: GrossFailures) -> list[str]:
    """What so many patients cannot show, whatever the model."""
    n, confidence = failures.n_patients, findings.requirement.confidence
    words = [decisive.interval.warning] if decisive.interval.small_sample and not decisive.trivial else []
    if not failures.count and n:
        words.append(
            f"no gross failure in {n} patients rules out only rates above {at_most(zero_failure_bound(n, confidence))}"
        )
    return words


def _form(findings: Findings) -> str:
    form = findings.requirement.measure.form
    return "agreement" if form == "value" else form


def _listed(cases: Sequence[str], most: int = 5) -> str:
    return ", ".join(cases[:most]) + (f" and {len(cases) - most} more" if len(cases) > most else "")
