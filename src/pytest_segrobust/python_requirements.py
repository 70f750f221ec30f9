"""Requirements stated in Python: `@pytest.mark.requirement` on a test that compares estimates with limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .evidence.records import RequirementResult
    from .requirements.requirement import Tier

comparisons_key = pytest.StashKey["list[Comparison]"]()
"""On the config: the comparisons that the running test has made so far."""


@dataclass(frozen=True)
class PythonRequirement:
    """A requirement stated by `@pytest.mark.requirement` on a test function."""

    id: str
    statement: str
    rationale: str = ""
    risks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tier: Tier = "plausible"  # its author says what fails, so it gates
    gates: bool = True


@dataclass(frozen=True)
class Comparison:
    """One comparison of an estimate with a limit, as a result without a name."""

    outcome: Literal["passed", "failed", "inconclusive", "not_evaluable"]
    badness: float  # how far the interval lies on the wrong side; the largest is the worst
    result: RequirementResult
    trivial: bool = False  # a change that was asked for without any perturbation


def of(item: pytest.Item, marker: pytest.Mark) -> PythonRequirement:
    """Read the marker of a test.

    Raises:
        pytest.UsageError: the marker names no id.
    """
    if not marker.args or not isinstance(marker.args[0], str):
        raise pytest.UsageError(f"{item.nodeid}: give the requirement an id: @pytest.mark.requirement('ROB-010')")
    callspec = getattr(item, "callspec", None)
    said = marker.kwargs
    document = (getattr(getattr(item, "obj", None), "__doc__", None) or "").strip().partition("\n")[0]
    return PythonRequirement(
        id=marker.args[0] + (f"[{callspec.id}]" if callspec else ""),
        statement=said.get("statement") or document or item.name,
        rationale=said.get("rationale", ""),
        risks=tuple(said.get("risks", ())),
        tags=tuple(said.get("tags", ())),
    )


def conclude(
    requirement: PythonRequirement, comparisons: Sequence[Comparison], *, passed: bool, error: str
) -> RequirementResult:
    """The result of a finished test: its worst comparison, or invalid where it decided nothing.

    A test that ran through without comparing anything has measured nothing, and one that failed although every
    comparison held has failed for another reason; neither may look like a verdict on the model.
    """
    from .evidence.records import RequirementResult

    worst = max(comparisons, key=lambda comparison: comparison.badness, default=None)
    named = RequirementResult(id=requirement.id, statement=requirement.statement, verdict="invalid")
    if worst is not None:
        named = replace(worst.result, id=requirement.id, statement=requirement.statement)
        named = replace(named, search={"points_tried": len(comparisons), **named.search})
    named = replace(named, rationale=requirement.rationale, risks=list(requirement.risks), tags=list(requirement.tags))
    held = worst is not None and worst.outcome == "passed"
    if worst is None and passed:
        return replace(
            named, verdict="invalid", reason="the test compared no estimate with a limit: nothing was measured"
        )
    if held and passed and all(comparison.trivial for comparison in comparisons):
        reason = "every change was measured without a perturbation, where there is none: nothing was shown"
        return replace(named, verdict="invalid", reason=reason)
    if held and passed:
        return replace(named, verdict="passed")
    if worst is None or held:
        return replace(named, verdict="invalid", reason=f"the test failed without a comparison that did: {error}")
    if passed:
        # an estimate was on the wrong side, but the test did not insist on it (`if drop < limit: ...`)
        return replace(named, verdict=worst.outcome, reason=f"the test passed over this: {named.reason}")
    return replace(named, verdict=worst.outcome)
