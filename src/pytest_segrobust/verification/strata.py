"""Requirements that must hold in each stratum: each is verified by itself, and the worst one decides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pytest_segrobust.evidence.records import GrossFailures, RequirementResult

from .decision import SEVERITY, excess
from .named_alone import named_alone
from .results import undecided
from .statistics import clopper_pearson
from .stratum import Stratum
from .words import too_few

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_segrobust.evidence.records import Verdict
    from pytest_segrobust.requirements.requirement import Comparison, Requirement

    from .measuring import Evaluation
    from .verification import Verification

NAMED = 5  # strata that are named in a sentence
_KEPT = 9  # failing points of all strata, tried first by the next run


def verify_each(
    requirement: Requirement,
    evaluation: Evaluation,
    strata: Mapping[str, Sequence[str]],
    verify: Callable[[Evaluation], tuple[RequirementResult, Verification]],
    *,
    minimum_patients: int,
) -> RequirementResult:
    """The result of the worst stratum, with all of them in `strata` and every gross failure.

    "In the worst stratum" and "in each stratum" are one claim: the stratum with the worst estimate is only known after
    looking, and a small one with a better estimate may be the one of which nothing is shown. `strata` are the patients of
    each; one with fewer than `minimum_patients` is not measured, says so, and blocks a pass. So does one without any.
    """
    found: dict[str, RequirementResult] = {}
    verified: dict[str, Verification] = {}
    for name, patients in strata.items():
        if len(patients) < minimum_patients:
            found[name] = undecided(requirement, "not_evaluable", too_few(len(patients), minimum_patients))
        else:
            found[name], verified[name] = verify(Stratum(evaluation, tuple(patients)))
    if not verified:
        small = too_few(max(map(len, strata.values()), default=0), minimum_patients)
        nothing = undecided(
            requirement, "not_evaluable", f"in no {requirement.for_each} are there enough patients: {small}"
        )
        return replace(nothing, strata=_entries(requirement, found, strata, {}))
    worst = max(found, key=lambda name: _badness(found[name], name))
    alone = _named_alone(requirement, found, verified)
    return _combined(requirement, found, worst, _entries(requirement, found, strata, alone))


def _badness(result: RequirementResult, name: str) -> tuple[int, float, str]:
    beyond = float("-inf")
    if result.estimate is not None and result.limit is not None:
        comparison = cast("Comparison", result.comparison)
        beyond = float(excess(comparison, result.limit, np.asarray(result.estimate)))
    order: list[Verdict] = [*SEVERITY, "invalid"]
    return order.index(result.verdict), beyond, name


def _combined(
    requirement: Requirement, found: Mapping[str, RequirementResult], worst: str, entries: list[dict[str, Any]]
) -> RequirementResult:
    """The worst stratum's result, said to be that; what others show that is as bad or blocks is named with it."""
    column, deciding = requirement.for_each, found[worst]
    reason = f"{column} {worst}: {deciding.reason}"
    same = [name for name, result in found.items() if result.verdict == deciding.verdict and name != worst]
    if deciding.verdict == "passed":
        reason = f"in each of {len(found)} strata of {column}, the worst one {reason}"
    elif same:
        reason += f"; {deciding.verdict.replace('_', ' ')} too: {_listed([f'{column} {name}' for name in same])}"
    if deciding.verdict == "failed" and (silent := [n for n, r in found.items() if r.verdict == "not_evaluable"]):
        reason += f"; nothing can be said of {_listed([f'{column} {name}' for name in silent])}"
    failures = [result.gross_failures for result in found.values() if result.gross_failures is not None]
    caveats = [
        f"{column} {name}: {warning}" for name, result in found.items() for warning in result.search.get("caveats", [])
    ]
    own = deciding.search.get("caveats", [])
    failing = [point for result in found.values() for point in result.search.get("failing_points", [])]
    return replace(
        deciding,
        reason=reason,
        worst=None if deciding.worst is None else {**deciding.worst, "stratum": f"{column} {worst}"},
        gates=any(result.gates for result in found.values()),
        gross_failures=_all_failures(failures, requirement.confidence),
        strata=entries,
        search={**deciding.search, "caveats": caveats, "failing_points": failing[:_KEPT], "strata": len(found)},
        warnings=caveats + [f"{column} {worst}: {warning}" for warning in deciding.warnings if warning not in own],
    )


def _all_failures(found: Sequence[GrossFailures], confidence: float) -> GrossFailures | None:
    """Of all strata together: a patient is in one of them."""
    if not found:
        return None
    count, n = sum(each.count for each in found), sum(each.n_patients for each in found)
    bound = clopper_pearson(count, n, confidence)[1] if n else 1.0
    return GrossFailures(count, n, bound, [case for each in found for case in each.cases])


def _named_alone(
    requirement: Requirement, found: Mapping[str, RequirementResult], verified: Mapping[str, Verification]
) -> dict[str, dict[str, Any]]:
    cells = {
        name: list(verified[name].cells.values()) if name in verified and result.verdict != "not_evaluable" else []
        for name, result in found.items()
    }
    criterion = next(iter(verified.values())).criterion
    alone = named_alone(criterion, cells, requirement.confidence)
    for name, each in alone.items():  # what keeps a stratum from passing beside its interval keeps its name from it
        if each["verdict"] == "passed" and found[name].verdict != "passed":
            each["verdict"] = "inconclusive"
    return alone


def _entries(
    requirement: Requirement,
    found: Mapping[str, RequirementResult],
    strata: Mapping[str, Sequence[str]],
    alone: Mapping[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    return [
        {
            "column": requirement.for_each,
            "stratum": name,
            "decides": True,
            "verdict": result.verdict,
            "estimate": result.estimate,
            "interval": None if result.interval is None else list(result.interval),
            "n_patients": result.n_patients or len(strata[name]),
            "n_cases": result.n_cases,
            "worst": result.worst,
            "structure": "" if result.worst is None else result.worst["structure"],
            **({"reason": result.reason} if result.verdict == "not_evaluable" else {}),
            **({"holm": alone[name]} if name in alone else {}),
        }
        for name, result in found.items()
    ]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
