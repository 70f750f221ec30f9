"""The record of a verification: everything that was decided, as plain data for a report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.evidence.records import CurvePoint, GrossFailures, RequirementResult, Verdict

from .caveats import blindness, caveats, exclusions, moved_too_much
from .chance import level_by_chance, met_by_chance
from .decision import SEVERITY, Cell, Criterion, worst
from .failures import count_gross_failures
from .false_alarms import false_alarms
from .named_alone import named_alone
from .patients import MEAN
from .reported_quantiles import reported_quantiles
from .reported_strata import strata_that_fail
from .stated_domains import stated_domains
from .statistic_criterion import StatisticCriterion
from .volumes import volumes
from .words import measured, unit, verdict_reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.perturbations.point import Point
    from pytest_segrobust.requirements.requirement import Requirement

    from .findings import Findings

FAILING_POINTS = 3  # kept for the next run to begin with


def result(findings: Findings) -> RequirementResult:
    """The result of a requirement from what was found; its verdict is that of the worst cell."""
    requirement, criterion = findings.requirement, findings.criterion
    lacking = findings.lacking()
    if not findings.cells:
        found = undecided(requirement, "not_evaluable", "; ".join(lacking.values()), warnings=exclusions(findings))
        return replace(found, uncertainty=findings.uncertainty)
    decisive = worst(findings.cells)
    verdict: Verdict = decisive.verdict
    reason = verdict_reason(requirement, criterion, decisive, findings.place(decisive))
    nothing = "; ".join(dict.fromkeys([*lacking.values(), *filter(None, [findings.blocked()])]))
    if nothing and SEVERITY.index(verdict) < SEVERITY.index("not_evaluable"):
        verdict, reason = "not_evaluable", f"{nothing}; otherwise: {reason}"
    if findings.unexhausted and verdict == "passed":
        verdict, reason = "inconclusive", f"{findings.unexhausted}; of what was measured: {reason}"
    if findings.unperturbed and verdict == "passed":
        verdict, reason = "not_evaluable", f"{findings.unperturbed}; of what was measured: {reason}"
    unresolved = moved_too_much(findings) if verdict == "passed" else ""
    if unresolved:
        verdict, reason = "not_evaluable", f"{unresolved}; of what was measured: {reason}"
    by_chance = met_by_chance(findings) if verdict == "passed" else ""
    if by_chance:
        verdict, reason = "not_evaluable", f"{by_chance}; of what was measured: {reason}"
    part = findings.plausible
    hidden = not requirement.gates and bool(findings.hidden())
    if hidden:
        reason += (
            "; it gates, although it is a stress test, since it is not shown to be met within the plausible range: "
        ) + findings.hidden()
    failures = _gross_failures(findings)
    known = [*findings.warnings, *caveats(findings, decisive, failures), *strata_that_fail(findings.strata)]
    known += [*level_by_chance(findings, decisive), *false_alarms(findings, decisive)]
    two_sided = criterion.interval(decisive.values.values, 0.975)
    return RequirementResult(
        **{**_claim(requirement, criterion), "gates": requirement.gates or hidden},
        verdict=verdict,
        plausible_part=None if part is None else _part(findings, part),
        estimate=decisive.estimate,
        interval=criterion.shown(decisive.interval),
        two_sided=criterion.shown(two_sided),
        method=f"{decisive.interval.method}{_chosen(criterion)}; each bound one-sided {requirement.confidence:.4g}",
        n_patients=len(decisive.values.patients),
        n_cases=len(decisive.values.cases),
        gross_failures=failures,
        worst={**_named(findings.points[decisive.point]), "structure": decisive.structure},
        breaking_point=findings.breaking_point,
        breaking_by_patient=findings.breaking_by_patient,
        curve=[_curve_point(findings, severity, cell) for severity, cell in findings.curve],
        structures=_structures(findings, lacking, downgraded=verdict != decisive.verdict),
        strata=list(findings.strata),
        quantiles=reported_quantiles(requirement, decisive),
        uncertainty=findings.uncertainty,
        cases=list(decisive.values.cases),
        volumes=volumes(findings, decisive),
        search={**(findings.search or {}), "failing_points": _failing_points(findings), "caveats": known},
        warnings=[*known, *blindness(decisive, failures)],
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
        "domains": stated_domains(requirement),
    }


def _chosen(criterion: Criterion) -> str:
    """Why this method: by what is claimed, unless [decision] says otherwise, which names itself."""
    if isinstance(criterion, StatisticCriterion):
        return " (that of a statistic of all patients, whatever [decision] method says)"
    if criterion.is_share:
        return " (a share of patients has exact bounds, whatever [decision] method says)"
    tests = ", two one-sided tests (TOST)" if criterion.comparison == "within" else ""
    default = " (the default for a mean)" if type(criterion) is Criterion else ""
    return f"{tests}{default}"


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


def _structures(findings: Findings, lacking: Mapping[str, str], *, downgraded: bool) -> list[dict[str, Any]]:
    """Each structure at its worst point, and what may be said of it alone, beside the others."""
    silent = {s for s in findings.structures if s in lacking or findings.blocked(s)}
    cells = {s: [c for c in findings.cells if c.structure == s and s not in silent] for s in findings.structures}
    kept = downgraded and not lacking and not any(map(findings.blocked, findings.structures))
    alone = {} if kept else named_alone(findings.criterion, cells, findings.requirement.confidence)
    entries = [_structure(findings, s) for s in findings.structures if s not in lacking]
    entries += [{"structure": s, "verdict": "not_evaluable", "reason": why} for s, why in lacking.items()]
    return [{**each, "holm": alone[each["structure"]]} if alone else each for each in entries]


def _structure(findings: Findings, structure: str) -> dict[str, Any]:
    cell = worst(cell for cell in findings.cells if cell.structure == structure)
    blocked = findings.blocked(structure)
    verdict = cell.verdict if cell.verdict == "failed" or not blocked else "not_evaluable"
    return {
        "structure": structure,
        "verdict": verdict,
        **({"reason": blocked} if verdict == "not_evaluable" else {}),
        "estimate": cell.estimate,
        "interval": list(findings.criterion.shown(cell.interval)),
        "n_patients": len(cell.values.patients),
        "n_cases": len(cell.values.cases),
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
    decided = dict.fromkeys(point for cell in findings.cells for point in findings.points_of(cell))
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
        at_any_time=bool(findings.cohort.left_out),
    )


def _failing_points(findings: Findings) -> list[list[dict[str, Any]]]:
    failed = sorted(
        (cell for cell in findings.cells if cell.verdict != "passed"),
        key=lambda cell: (-SEVERITY.index(cell.verdict), -cell.excess, cell.point),
    )
    return [findings.points[point].to_json() for point in list(dict.fromkeys(c.point for c in failed))[:FAILING_POINTS]]
