"""One requirement from its claim to its result, whatever kind of measure it has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_segrobust.errors import SegrobustError

from .along_lines import AlongLines
from .metric import level_of
from .over_points import over_points
from .results import undecided
from .stopping_early import kind_that_may_stop
from .strata import verify_each

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.datasets.subgroups import Subgroups
    from pytest_segrobust.evidence.records import RequirementResult
    from pytest_segrobust.perturbations.point import Point
    from pytest_segrobust.requirements.decision_settings import DecisionSettings
    from pytest_segrobust.requirements.requirement import Requirement

    from .measuring import Evaluation
    from .profiles import Budget
    from .verification import Progress, Verification


def verify(
    requirement: Requirement,
    evaluation: Evaluation,
    *,
    decision: DecisionSettings,
    budget: Budget,
    seed: int,
    first_points: Sequence[Point] = (),
    progress: Progress | None = None,
    subgroups: Subgroups | None = None,
    report_strata: Sequence[str] | None = None,
) -> RequirementResult:
    """The result of a requirement, with all that a report says of it; the same inputs give the same result.

    A pass needs every point that was measured on all patients to pass: the worst ones of the search, the corners of the
    domain, and the points of the degradation curve; of a course over severity, every line to a corner. Errors of the
    data, of a perturbation or of the machine's files make it invalid, never passed; so does what `no_pass` says of data
    or model, since a pass would be of something else than segmenting single images. `first_points` are tried first, such
    as those that failed in the last run. `subgroups` are those of the data: a claim "for each scanner" holds where it
    does in each of them; of any other claim the strata that [data] reports are estimated, and decide nothing.
    """
    metric = requirement.measure.metric
    kind: type[Verification] = AlongLines if level_of(metric) == "severities" else over_points(metric)

    def verified(
        of: Evaluation, reported: Mapping[str, Mapping[str, Sequence[str]]] | None = None
    ) -> tuple[RequirementResult, Verification]:
        chosen = kind_that_may_stop(kind, requirement, of, decision, budget)
        verification = chosen(
            requirement, of, decision, budget, seed=seed, progress=progress or _silent, reported=reported or {}
        )
        return verification.run(first_points), verification

    try:
        if requirement.for_each is None:
            found = verified(evaluation, None if subgroups is None else subgroups.reported(report_strata))[0]
        elif subgroups is None:
            nowhere = f"the data have no column {requirement.for_each}: list the cases in a table ([data] cases)"
            found = undecided(requirement, "not_evaluable", nowhere)
        else:
            strata = subgroups.strata(requirement.for_each)
            found = verify_each(requirement, evaluation, strata, verified, minimum_patients=decision.minimum_patients)
        if found.verdict == "passed" and (why := evaluation.no_pass):
            return replace(found, verdict="invalid", reason=f"{why}; otherwise: {found.reason}")
        return found
    except (SegrobustError, OSError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return undecided(requirement, "invalid", f"no result: {reason}")


def _silent(stage: str, done: int, total: int) -> None:
    pass
