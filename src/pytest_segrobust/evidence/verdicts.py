"""The six verdicts in words, and the one that a whole run has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .records import RequirementResult, Verdict

# Most pressing first: the order in which a run of several requirements is judged.
WORDS: dict[Verdict, str] = {
    "failed": "failed",
    "invalid": "invalid",
    "not_evaluable": "not evaluable",
    "inconclusive": "inconclusive",
    "not_run": "not run",
    "passed": "passed",
}

MEANINGS: dict[Verdict, str] = {
    "passed": "the whole interval lies on the good side of the limit",
    "failed": "the whole interval lies beyond the limit: shown not to be met",
    "inconclusive": "the interval contains the limit: neither shown to be met nor shown not to be met",
    "not_evaluable": "too few patients or missing data: no statement is possible",
    "invalid": "an error of the run or of its inputs: there is no result",
    "not_run": "no verdict was reached in this run",
}


def ends_red(results: Iterable[RequirementResult]) -> bool:
    """Whether results keep a run from ending with exit code 0: one that gates is not met, or nothing gates at all.

    Where stress tests alone were run they decide, since a run in which nothing was shown must not look like a pass.
    """
    found = list(results)
    deciding = [result for result in found if result.gates] or found
    return any(result.verdict != "passed" for result in deciding) or any(r.verdict == "not_run" for r in found)


def counts(verdicts: Iterable[Verdict]) -> dict[Verdict, int]:
    """How many requirements have each of the six verdicts."""
    counted: dict[Verdict, int] = dict.fromkeys(WORDS, 0)
    for verdict in verdicts:
        counted[verdict] += 1
    return counted


def overall(verdicts: Iterable[Verdict], status: str) -> Verdict:
    """The verdict of a run: "passed" only where every requirement passed and the run is complete."""
    found = set(verdicts)
    worst: Verdict = next((verdict for verdict in WORDS if verdict in found), "not_run")
    return "not_run" if worst == "passed" and status != "complete" else worst
