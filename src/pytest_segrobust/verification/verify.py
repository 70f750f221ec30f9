"""One requirement from its claim to its result, whatever kind of measure it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_segrobust.errors import SegrobustError

from .along_lines import AlongLines
from .metric import level_of
from .over_points import over_points
from .results import undecided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.records import RequirementResult
    from pytest_segrobust.perturbations.point import Point
    from pytest_segrobust.requirements.requirement import Requirement
    from pytest_segrobust.requirements.settings import DecisionSettings

    from .measuring import Evaluation
    from .profiles import Budget
    from .verification import Progress


def verify(
    requirement: Requirement,
    evaluation: Evaluation,
    *,
    decision: DecisionSettings,
    budget: Budget,
    seed: int,
    first_points: Sequence[Point] = (),
    progress: Progress | None = None,
) -> RequirementResult:
    """The result of a requirement, with all that a report says of it; the same inputs give the same result.

    A pass needs every point that was measured on all patients to pass: the worst ones of the search, the corners of the
    domain, and the points of the degradation curve; of a course over severity, every line to a corner. Errors of the data, of a perturbation or of the machine's files
    make it invalid, never passed. `first_points` are tried first, such as those that failed in the last run.
    """
    try:
        metric = requirement.measure.metric
        kind = AlongLines if level_of(metric) == "severities" else over_points(metric)
        verification = kind(requirement, evaluation, decision, budget, seed=seed, progress=progress or _silent)
        return verification.run(first_points)
    except (SegrobustError, OSError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return undecided(requirement, "invalid", f"no result: {reason}")


def _silent(stage: str, done: int, total: int) -> None:
    pass
