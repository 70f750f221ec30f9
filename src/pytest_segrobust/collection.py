"""Requirement files as pytest collectors, requirements as test items, and what their outcomes mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pytest

from . import opening, options, python_requirements, recording
from .errors import SegrobustError
from .options import requirement_key
from .progress import progress_line
from .python_requirements import PythonRequirement, comparisons_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .assertions import Segrobust
    from .evidence.records import RequirementResult
    from .python_requirements import Comparison
    from .requirements.requirement import Requirement

result_key = pytest.StashKey["RequirementResult"]()
"""On an item: what was decided."""


class RequirementNotMetError(AssertionError):
    """A requirement that did not pass; its text is the whole failure."""

    def __init__(self, result: RequirementResult) -> None:
        from .evidence.terminal import failure_text

        self.result = result
        super().__init__(f"{result.verdict.replace('_', ' ')}: {result.reason}")
        self.text = failure_text(result)


class RequirementFile(pytest.File):
    """A requirement file; each requirement in it is one test item."""

    @classmethod
    def at(cls, path: Path, parent: pytest.Collector) -> Self:
        """The collector of a file, wherever it lies."""
        if path.is_relative_to(parent.config.rootpath):
            return cls.from_parent(parent, path=path)
        return cls.from_parent(parent, path=path, nodeid=path.name)  # pytest would leave the path out of the node id

    def collect(self) -> Iterator[RequirementItem]:
        """One item per requirement, in the order of the file."""
        from .requirements.spec import load

        try:
            spec = load(self.path)
            opening.remember_spec(self.config, spec)
        except SegrobustError as error:
            opening.note_unread_spec(self.config, self.path, str(error))
            raise
        for requirement in spec.requirements:
            yield RequirementItem.from_parent(self, name=requirement.id, requirement=requirement)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]  # pytest's own subclasses drop `style` too
        """A bad file is one line, not a traceback."""
        if isinstance(excinfo.value, SegrobustError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class RequirementItem(pytest.Function):
    """One requirement. A function item, so that fixtures, markers and other plugins work as in any test."""

    def __init__(self, *, requirement: Requirement, **kwargs: Any) -> None:
        super().__init__(callobj=decide, **kwargs)
        self.stash[requirement_key] = requirement
        self.add_marker(pytest.mark.segrobust(id=requirement.id))
        words = {domain.perturbation for domain in requirement.domains}
        words |= {word.replace(" ", "_") for word in words}
        self.extra_keyword_matches.update({*words, *requirement.tags, *requirement.risks, requirement.measure.metric})
        self.line = requirement.line

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where a failure is said to be: the requirement's line in its file."""
        return self.path, max(self.line - 1, 0), self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]  # pytest's own subclasses drop `style` too
        """Numbers, not frames."""
        if isinstance(excinfo.value, RequirementNotMetError):
            return excinfo.value.text
        if isinstance(excinfo.value, SegrobustError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


def decide(request: pytest.FixtureRequest, segrobust: Segrobust) -> None:
    """The body of every requirement item: verify, keep the result, fail unless it passed."""
    requirement = request.node.stash[requirement_key]
    result = segrobust.verify(requirement, progress=progress_line(request.config, requirement.id))
    request.node.stash[result_key] = result
    if result.verdict != "passed":
        raise RequirementNotMetError(result)


def declare(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find the requirements among the items, in TOML and in Python, and write each down as not run."""
    taken: dict[str, pytest.Item] = {}
    for item in items:
        marker = item.get_closest_marker("requirement")
        if requirement_key not in item.stash:
            if marker is None:
                continue
            item.stash[requirement_key] = python_requirements.of(item, marker)
        identifier = item.stash[requirement_key].id
        if identifier in taken:
            raise pytest.UsageError(
                f"requirement {identifier} stands twice: {taken[identifier].nodeid} and {item.nodeid}; give each its own id"
            )
        taken[identifier] = item
    unclaimed = [
        i.nodeid for i in items if requirement_key not in i.stash and "segrobust" in getattr(i, "fixturenames", ())
    ]
    recording.declare(
        config,
        {item.nodeid: item.stash[requirement_key] for item in taken.values()},
        sources={identifier: _source(item) for identifier, item in taken.items()},
        unclaimed=unclaimed,
    )


def _source(item: pytest.Item) -> str:
    """File and line (from 1) where a requirement stands, as pytest names files."""
    file, line, _ = item.location
    return file if line is None else f"{file}:{line + 1}"


def note_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember the requirements among items that are not to be run: this run is of a part."""
    for item in items:
        requirement = item.stash.get(requirement_key, None)
        if requirement is not None:
            recording.note_deselected(item.config, requirement.id)


def refuse_without_model(session: pytest.Session) -> None:
    """End the run as a usage error where requirements were collected and there is no model."""
    found = [item for item in session.items if requirement_key in item.stash]
    if found and not options.models(session.config) and not session.config.option.collectonly:
        raise pytest.UsageError(options.NO_MODEL.format(spec=found[0].nodeid.partition("::")[0]))


def conclude(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Write down what an item's outcome means; whatever is not a decision of the interval is invalid, never silent."""
    requirement = item.stash[requirement_key]
    report.segrobust = requirement.id  # type: ignore[attr-defined]  # a string: xdist carries built-in types only
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        del report.wasxfail  # pytest lets an expected failure end with exit code 0
    if report.skipped:
        report.outcome = "failed"
        if expected is None:
            report.longrepr = f"requirement {requirement.id} was skipped, which decides nothing: {_skip_reason(call)}"
            return
        report.longrepr = f"requirement {requirement.id} did not pass, and xfail does not change that"
    if report.failed and report.when == "setup" and call.excinfo and isinstance(call.excinfo.value, SegrobustError):
        report.longrepr = str(call.excinfo.value)  # a fault of the input is one line; pytest would show our frames
    if report.when == "setup":
        item.config.stash.setdefault(comparisons_key, []).clear()
        if report.passed:
            return
    if report.when == "teardown":
        return
    result = item.stash.get(result_key, None)
    if result is None and isinstance(requirement, PythonRequirement) and report.when == "call":
        made: list[Comparison] = item.config.stash.setdefault(comparisons_key, [])
        result = python_requirements.conclude(requirement, made, passed=report.passed, error=_first_line(call))
        measuring = getattr(item, "funcargs", {}).get("segrobust")
        if measuring is not None and hasattr(measuring, "keep_counterexamples"):
            result = measuring.keep_counterexamples(result)
        if result.verdict != "passed" and report.passed:
            report.outcome = "failed"
            report.longrepr = f"{requirement.id}: {result.reason}"
    kept = result or _invalid(requirement, _first_line(call))
    report.segrobust_verdict = kept.verdict  # type: ignore[attr-defined]  # a string, for xdist
    recording.keep(item, kept)
    if result is not None and call.excinfo and isinstance(call.excinfo.value, RequirementNotMetError):
        _set_aside(item, report, result)


def _set_aside(item: pytest.Item, report: pytest.TestReport, result: RequirementResult) -> None:
    """A stress test that is not met is neither a failure, which would end the run red, nor anything like a pass."""
    if result.gates:
        return
    report.outcome = "skipped"  # the one outcome of pytest's that does not count; `status` gives it its own words
    report.segrobust_stress = result.verdict  # type: ignore[attr-defined]  # a string, for xdist
    line = item.reportinfo()[1] or 0
    report.longrepr = (str(item.path), line + 1, f"stress, does not gate: {result.verdict}: {result.reason}")


def status(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Category, letter and word of a stress test that is not met; None for all else, which pytest names."""
    verdict = getattr(report, "segrobust_stress", None)
    if verdict is None:
        return None
    return f"stress {verdict}", "S", (f"STRESS {verdict.upper()}", {"yellow": True})


def _invalid(requirement: Requirement | PythonRequirement, reason: str) -> RequirementResult:
    from .evidence.records import RequirementResult

    return RequirementResult(
        id=requirement.id,
        statement=requirement.statement,
        verdict="invalid",
        reason=reason,
        rationale=requirement.rationale,
        risks=list(requirement.risks),
        tags=list(requirement.tags),
        tier=requirement.tier,
    )


def _first_line(call: pytest.CallInfo[None]) -> str:
    if call.excinfo is None:
        return "nothing was decided"
    error = call.excinfo.value
    text = str(error).partition("\n")[0]
    return text if isinstance(error, SegrobustError) else f"{type(error).__name__}: {text}"


def _skip_reason(call: pytest.CallInfo[None]) -> str:
    return str(call.excinfo.value) if call.excinfo is not None else "no reason given"
