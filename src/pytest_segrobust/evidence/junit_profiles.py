"""Properties in JUnit XML that one test-management tool reads as its own; each under the names of its importer.

One file cannot serve two tools: `test_id` is a number of a Jira issue to Xray and a case such as C123 to TestRail. Which test
of theirs a requirement belongs to nobody can guess, and an unknown one is an error there; a tag says it:
`tags = ["xray:CALC-7", "jira:CALC-3"]`, `["testrail:C123"]`, `["polarion:WI-42"]`. The neutral `segrobust.*` keys are in every
profile.

Sources: https://docs.getxray.app/display/XRAYCLOUD/Taking+advantage+of+JUnit+XML+reports (Xray),
https://github.com/gurock/trcli (TestRail), https://github.com/mkoura/dump2polarion (Polarion).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import words
from .junit import properties
from .verdicts import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import RequirementResult

_OWNERS = ("xray", "jira", "testrail", "polarion")
Pairs = list[tuple[str, str]]


def profile_properties(result: RequirementResult, run: Mapping[str, Any], profile: str) -> Pairs:
    """The neutral properties (see `junit.properties`), and those of the profile; `run` is `Store.run()`."""
    return [*properties(result, run), *_PROFILES[profile](result)]


def suite_properties(run: Mapping[str, Any], profile: str) -> Pairs:
    """What stands once, above all tests; Polarion wants to know how its work items are looked up, and which run it is."""
    if profile != "polarion":
        return []
    run_id = str(run.get("run_id") or "")
    return [
        ("polarion-lookup-method", "id"),
        ("polarion-testrun-id", f"segrobust-{run_id}"),
        ("polarion-testrun-title", f"Segmentation robustness, run {run_id}"),
    ]


def _generic(_result: RequirementResult) -> Pairs:
    return []


def _xray(result: RequirementResult) -> Pairs:
    own = [tag.replace(" ", "_") for tag in result.tags if not _owned(tag)]
    return _present(
        ("test_key", _first(result, "xray")),
        ("test_summary", _summary(result)),
        ("test_description", result.rationale),
        ("requirements", ",".join(_all(result, "jira"))),
        ("tags", ",".join(own)),
        ("testrun_comment", _comment(result)),
    )


def _testrail(result: RequirementResult) -> Pairs:
    return _present(
        ("test_id", _first(result, "testrail")),
        ("testrail_case_field", f"refs:{','.join(result.risks)}" if result.risks else ""),
        ("testrail_result_comment", _comment(result)),
    )


def _polarion(result: RequirementResult) -> Pairs:
    return _present(
        ("polarion-testcase-id", _first(result, "polarion")), ("polarion-testcase-comment", _comment(result))
    )


_PROFILES = {"generic": _generic, "xray": _xray, "testrail": _testrail, "polarion": _polarion}


def _present(*pairs: tuple[str, str]) -> Pairs:
    """An empty id would be looked up like any other, so what is empty is left out."""
    return [(name, value) for name, value in pairs if value]


def _owned(tag: str) -> bool:
    return tag.partition(":")[0] in _OWNERS and ":" in tag


def _all(result: RequirementResult, owner: str) -> list[str]:
    return [tag.partition(":")[2].strip() for tag in result.tags if tag.startswith(f"{owner}:")]


def _first(result: RequirementResult, owner: str) -> str:
    return next(iter(_all(result, owner)), "")


def _summary(result: RequirementResult) -> str:
    """One line: a summary in Jira has no second, and 255 characters."""
    return re.sub(r"\s+", " ", f"{result.id}: {result.statement}")[:255]


def _comment(result: RequirementResult) -> str:
    value = ""
    if result.interval is not None:
        found = words.with_unit(f"{words.estimate(result)} {words.interval(result)}", result.unit)
        value = f"{result.measure or 'estimate'} {found}, limit {words.limit(result)}, {words.patients(result.n_patients)}. "
    return f"{WORDS[result.verdict]}: {value}{result.reason}".rstrip(": ")
