"""Page one: the overall verdict, what was tested, where every requirement stands, and what this does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.verdicts import MEANINGS, WORDS

from ..anchors import anchors_of
from ..forest import forest_row
from ..release import holds
from .record import freeze_words, record
from .sign_off import sign_off

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult, Verdict

_MOST_FINDINGS = 3
_MOST_ROWS = 14  # of the forest plot on page one; all of it stands under Results

_OVERALL = {
    "passed": "Every requirement was shown to be met, and the run is complete.",
    "failed": "At least one requirement was shown not to be met.",
    "invalid": "At least one requirement has no result, because of an error of the run or of its inputs.",
    "not_evaluable": "At least one requirement cannot be judged with these data.",
    "inconclusive": "At least one requirement is neither shown to be met nor shown not to be met.",
    "not_run": "A verdict on the whole needs a complete run, with a verdict for every requirement.",
}
# Invalid for what the data are, whatever the requirements' own verdicts.
_NOT_APART = (
    "The run is invalid: test and training data were not shown to be apart",
    "What was measured counts for nothing: these data may be among those that the model was trained on.",
)
_NOT_SHOWN = (
    "Perturbations are simulated; only those named in the requirements, in the ranges named there, were examined.",
    "Other scanners, sites and populations than those of the data are untested.",
    "The methods are statistical: nothing follows for any single image.",
)


def summary(report: Mapping[str, Any], results: Sequence[RequirementResult]) -> dict[str, Any]:
    """What the first page shows."""
    order = pressing_first(results) if len(results) > _MOST_ROWS else list(results)
    anchors = anchors_of(results)
    return {
        "headline": headline(report),
        "decision": _decision(report),
        "overall": _NOT_APART[1] if _not_apart(report) else _OVERALL[report["verdict"]],
        "stress": _stress(report),
        "record": record(report),
        "freeze": freeze_words(report),
        "notes": _notes(report),
        "findings": _findings(results, anchors),
        "more_findings": max(0, sum(r.verdict not in ("passed", "not_run") for r in results) - _MOST_FINDINGS),
        "forest": [_row(result, anchors[result.id]) for result in order[:_MOST_ROWS]],
        "more_rows": max(0, len(results) - _MOST_ROWS),
        "not_shown": _NOT_SHOWN,
        "signed": "; ".join(
            f"{row['role']} {row['name'] or '–'}{', ' * bool(row['date'])}{row['date']}"
            for row in sign_off(report)["rows"]
        ),
    }


def pressing_first(results: Sequence[RequirementResult]) -> list[RequirementResult]:
    """The requirements in the order in which somebody should look at them; equals stay in the order of the report."""
    return sorted(results, key=lambda r: (not r.gates, list(WORDS).index(r.verdict)))


def headline(report: Mapping[str, Any]) -> str:
    """The overall verdict with the counts that make it."""
    stress = _counts(report)
    counts = report["verdicts"] if any(report["verdicts"].values()) else stress
    total = sum(counts.values())
    if total == 0:
        return "No requirement was stated"
    unmet = words.counted({} if counts is stress else {name: stress[name] for name in stress if name != "passed"})
    apart = f"; of the stress tests, which do not gate: {unmet}" if unmet else ""
    worst: Verdict = report["verdict"]
    if _not_apart(report):
        return _NOT_APART[0]
    if worst == "passed":
        apart_from = any(stress.values()) and counts is not stress
        one, many = (" that gates", " that gate") if apart_from else ("", "")
        return (f"The requirement{one} passed" if total == 1 else f"All {total} requirements{many} passed") + apart
    if worst == "not_run" and not counts["not_run"]:
        return f"The run is {report['status']}: no overall verdict"
    others = [f", {count} {WORDS[name]}" for name, count in counts.items() if count and name not in (worst, "passed")]
    return f"{counts[worst]} of {total} requirement{'' if total == 1 else 's'} {WORDS[worst]}{''.join(others)}{apart}"


def _not_apart(report: Mapping[str, Any]) -> bool:
    """Whether no requirement made the run invalid, but data that were not shown to be apart from the training data."""
    blocks = (report.get("independence") or {}).get("blocks")
    return bool(blocks) and report["verdict"] == "invalid" and not report["verdicts"]["invalid"]


def _counts(report: Mapping[str, Any]) -> dict[Verdict, int]:
    """The verdicts of the stress tests that do not gate; reports of earlier versions have none."""
    found: dict[Verdict, int] = report.get("stress_verdicts") or {}
    return found


def _decision(report: Mapping[str, Any]) -> str:
    """The colour of the headline: no green over a stress test that is not met, or a comparison that does not hold."""
    unmet = any(count for verdict, count in _counts(report).items() if verdict != "passed")
    unmet = unmet or not holds(report)
    return "inconclusive" if report["verdict"] == "passed" and unmet else str(report["verdict"])


def _stress(report: Mapping[str, Any]) -> str:
    """The stress tests beside the counts, apart from them."""
    counted = words.counted(_counts(report))
    return f"Stress tests beyond plausible ranges, which do not gate: {counted}" if counted else ""


def _row(result: RequirementResult, anchor: str) -> dict[str, Any]:
    return {
        "id": result.id,
        "anchor": anchor,
        "verdict": result.verdict,
        "word": WORDS[result.verdict],
        "forest": forest_row(result),
        "bound": words.with_unit(
            words.number(result, words.deciding_bound(result), words.unfavourable_bound(result)), result.unit
        ),
        "limit": words.limit(result),
        "patients": result.n_patients or "–",
    }


def _notes(report: Mapping[str, Any]) -> list[str]:
    """What a reader must know before believing anything else on the page."""
    notes = [str(warning) for warning in report["warnings"]]
    if not holds(report):
        words_of = str(report["comparison"]["words"])
        notes.insert(0, f"{words_of[:1].upper()}{words_of[1:]}.")
    missing = report["verdicts"]["not_run"]
    if report["status"] != "complete":
        notes.append(
            f"The run is {report['status']}: {missing} of {len(report['requirements'])} requirements have no verdict."
        )
    independence = report.get("independence") or {}
    if independence.get("state") in ("overlap", "near_duplicates"):
        notes.append(str(independence.get("words") or "Test cases were found among the training cases."))
    if ((report.get("use_ledger") or {}).get("intact")) is False:
        notes.append("The ledger of uses of this test set is not intact: its count cannot be relied on.")
    git = (report.get("environment") or {}).get("git") or {}
    if git.get("dirty"):
        notes.append("The project's files differ from its last commit: this state of them cannot be found again.")
    if report["data"]["excluded"]:
        left_out = len(report["data"]["excluded"])
        notes.append(
            f"{left_out} case{'' if left_out == 1 else 's'} left out of the data; the reasons are listed under Data."
        )
    return notes


def _findings(results: Sequence[RequirementResult], anchors: Mapping[str, str]) -> list[dict[str, str]]:
    """The three most pressing results, in the words of their reasons."""
    pressing = [r for r in pressing_first(results) if r.verdict not in ("passed", "not_run")]
    return [
        {
            "id": r.id,
            "verdict": r.verdict,
            "tier": words.tier(r),
            "text": r.reason or MEANINGS[r.verdict],
            "anchor": anchors[r.id],
        }
        for r in pressing[:_MOST_FINDINGS]
    ]
