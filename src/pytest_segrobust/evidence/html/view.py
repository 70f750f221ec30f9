"""What the templates show of a report: everything in words, in order, and nothing left to compute."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.report import result_of
from pytest_segrobust.evidence.rounding import interval_text, rounded
from pytest_segrobust.evidence.strict_json import number
from pytest_segrobust.evidence.verdicts import MEANINGS, WORDS
from pytest_segrobust.evidence.worst_cases import worst_structure

from . import account
from .curve import degradation_curve
from .forest import forest_row
from .not_yet_broken import not_yet_broken
from .overlay import panels, uncertainty_scale
from .paired import paired_plot
from .release import holds, release_part
from .strata import named_alone, strata_tables
from .uncertainty import uncertainty_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture
    from pytest_segrobust.evidence.records import RequirementResult, Verdict

_PICTURE_BYTES = 2_400_000  # of all pictures together: the page stays small enough to be sent by mail
_MOST_PIXELS = 1 << 17
_NAMED_FAILURES, _MOST_FINDINGS = 10, 3
_UNIT = re.compile(r"(?<=\d) (?=%|mm|dB|deg|HU)")  # a number and its unit stay on one line

_OVERALL = {
    "passed": "Every requirement was shown to be met, and the run is complete.",
    "failed": "At least one requirement was shown not to be met.",
    "invalid": "At least one requirement has no result, because of an error of the run or of its inputs.",
    "not_evaluable": "At least one requirement cannot be judged with these data.",
    "inconclusive": "At least one requirement is neither shown to be met nor shown not to be met.",
    "not_run": "A verdict on the whole needs a complete run, with a verdict for every requirement.",
}


def view(report: Mapping[str, Any], pictures: Sequence[Picture]) -> dict[str, Any]:
    """The variables of `page.html.jinja`."""
    results = [result_of(entry) for entry in report["requirements"]]
    budget = min(_MOST_PIXELS, _PICTURE_BYTES // (2 * max(1, len(pictures))))
    requirements = [
        _requirement(position, result, [p for p in pictures if p.requirement == result.id], budget)
        for position, result in enumerate(results, 1)
    ]
    return {
        "report": report,
        "words": WORDS,
        "meanings": MEANINGS,
        "headline": _headline(report),
        "decision": _decision(report),
        "stress": _stress(report),
        "overall": _OVERALL[report["verdict"]],
        "notes": _notes(report),
        "findings": _findings(results),
        "more_findings": max(0, sum(r.verdict not in ("passed", "not_run") for r in results) - _MOST_FINDINGS),
        "release": release_part(report),
        "requirements": requirements,
        "identification": account.identification(report),
        "environment": account.environment(report.get("environment") or {}),
        "flow": account.flow(report["data"]),
        "limits": account.limits(results),
    }


def short(digest: str | None) -> str:
    """The first twelve digits of a hash, enough to tell two apart by eye."""
    return digest[:12] if digest else "none"


def _headline(report: Mapping[str, Any]) -> str:
    stress = _counts(report)
    counts = report["verdicts"] if any(report["verdicts"].values()) else stress
    total = sum(counts.values())
    if total == 0:
        return "No requirement was stated"
    unmet = words.counted({} if counts is stress else {name: stress[name] for name in stress if name != "passed"})
    apart = f"; of the stress tests, which do not gate: {unmet}" if unmet else ""
    worst: Verdict = report["verdict"]
    if worst == "passed":
        apart_from = any(stress.values()) and counts is not stress
        one, many = (" that gates", " that gate") if apart_from else ("", "")
        return (f"The requirement{one} passed" if total == 1 else f"All {total} requirements{many} passed") + apart
    if worst == "not_run" and not counts["not_run"]:
        return f"The run is {report['status']}: no overall verdict"
    others = [f", {count} {WORDS[name]}" for name, count in counts.items() if count and name not in (worst, "passed")]
    return f"{counts[worst]} of {total} requirement{'' if total == 1 else 's'} {WORDS[worst]}{''.join(others)}{apart}"


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
    git = (report.get("environment") or {}).get("git") or {}
    if git.get("dirty"):
        notes.append("The project's files differ from its last commit: this state of them cannot be found again.")
    if report["data"]["excluded"]:
        left_out = len(report["data"]["excluded"])
        notes.append(
            f"{left_out} case{'' if left_out == 1 else 's'} left out of the data; the reasons are listed under Data."
        )
    return notes


def _findings(results: Sequence[RequirementResult]) -> list[dict[str, str]]:
    """The three most pressing results, in the words of their reasons."""
    pressing = sorted(
        (r for r in results if r.verdict not in ("passed", "not_run")),
        key=lambda r: (not r.gates, list(WORDS).index(r.verdict)),
    )
    return [
        {
            "id": r.id,
            "verdict": r.verdict,
            "tier": words.tier(r),
            "text": r.reason or MEANINGS[r.verdict],
            "anchor": _anchor(results.index(r) + 1),
        }
        for r in pressing[:_MOST_FINDINGS]
    ]


def _requirement(position: int, result: RequirementResult, pictures: Sequence[Picture], budget: int) -> dict[str, Any]:
    prefix = _anchor(position)
    failures = result.gross_failures
    return {
        "anchor": prefix,
        "result": result,
        "statement": _UNIT.sub("\u00a0", result.statement),
        "verdict": WORDS[result.verdict],
        "tier": words.tier(result),
        "forest": forest_row(result),
        "estimate": words.estimate(result),
        "interval": words.interval(result),
        "limit": words.limit(result),
        "facts": [(name, _UNIT.sub("\u00a0", text)) for name, text in _facts(result)],
        "structures": _structures(result),
        "strata": strata_tables(result),
        "curve": degradation_curve(result, prefix=f"{prefix}-curve"),
        "curve_rows": _curve_rows(result),
        "not_yet_broken": not_yet_broken(result, prefix=f"{prefix}-broken"),
        "paired": paired_plot(result, prefix=f"{prefix}-paired"),
        "paired_structure": worst_structure(result),
        "uncertainty": uncertainty_part(result, prefix=f"{prefix}-uncertainty"),
        "pictures": [_picture(picture, budget) for picture in pictures],
        "failures": [] if failures is None else failures.cases[:_NAMED_FAILURES],
        "more_failures": 0 if failures is None else max(0, len(failures.cases) - _NAMED_FAILURES),
    }


def _anchor(position: int) -> str:
    return f"r{position}"


def _facts(result: RequirementResult) -> list[tuple[str, str]]:
    """The rows of a requirement's table of facts; a result that was never measured has few."""
    facts = []
    if result.estimate is not None or result.interval is not None:
        value = words.with_unit(f"{words.estimate(result)} {words.interval(result)}", result.unit)
        facts.append((result.measure or "estimate", f"{value}, each bound {words.sidedness(result)}"))
    if result.limit is not None:
        facts.append(("limit", words.limit(result)))
    if result.n_patients:
        cases = "" if result.n_cases in (0, result.n_patients) else f", {result.n_cases} cases"
        facts.append(("evaluated", words.patients(result.n_patients) + cases))
    if result.gross_failures is not None:
        facts.append(("gross failures", words.gross_failures(result.gross_failures, result.confidence)))
    if result.worst:
        facts.append(("worst at", words.point(result.worst)))
    if fresh := words.fresh_noise(result):
        facts.append(("at the worst point with fresh noise", fresh))
    if result.plausible_part is not None:
        part = result.plausible_part
        facts.append(("within the plausible range", f"{WORDS[part['verdict']]}, worst at {words.point(part)}"))
    if result.breaking_point is not None:
        facts.append(("breaking point", words.breaking_point(result.breaking_point)))
    if result.two_sided is not None:
        facts.append(("two-sided 95 %", words.with_unit(words.bounds(result, result.two_sided), result.unit)))
    facts += [("over patients", each["words"]) for each in result.quantiles]
    if result.method:
        facts.append(("method", result.method))
    if result.search:
        facts.append(("search", _search(result.search)))
    facts += [("attack check", _check(check)) for check in result.search.get("attack_checks", [])]
    return facts


def _search(search: Mapping[str, Any]) -> str:
    """What was tried, from numbers and texts of the search's own record."""
    return ", ".join(
        f"{key.replace('_', ' ')}: {value}" for key, value in search.items() if isinstance(value, (int, float, str))
    )


def _check(check: Mapping[str, Any]) -> str:
    """One self-check of an attack: what must not do more harm than it."""
    held = "held" if check["held"] else "NOT held"
    if check["name"].startswith("the same attack at radius 0"):
        return f"{held}: {check['name']} changes nothing, the mean score there is {rounded(check['other'])}"
    return (
        f"{held}: mean score {rounded(check['attack'])} under the attack, {rounded(check['other'])} under {check['name']} "
        "(which may be lower by 0.01)"
    )


def _structures(result: RequirementResult) -> list[dict[str, str]]:
    """One row per structure, where there are several."""
    if len(result.structures) < 2:
        return []
    rows = []
    for entry in result.structures:
        low, high = entry.get("interval") or (None, None)
        worst = entry.get("worst")
        rows.append(
            {
                "structure": str(entry.get("structure", "–")),
                "verdict": str(entry.get("verdict", "")),
                "word": WORDS.get(entry.get("verdict", ""), "–"),
                "estimate": words.estimate(replace(result, estimate=number(entry.get("estimate")))),
                "interval": words.bounds(result, (number(low), number(high))),
                "alone": named_alone(entry),
                "worst": words.point(worst) if isinstance(worst, dict) else str(worst or entry.get("reason") or "–"),
            }
        )
    return rows


def _curve_rows(result: RequirementResult) -> list[tuple[str, ...]]:
    return [
        (
            rounded(point.severity),
            words.parameters(point.parameters),
            point.structure or "–",
            words.with_unit(f"{rounded(point.estimate)} {interval_text(point.interval)}", result.unit),
            str(point.n_patients),
            ", ".join(f"{key} {rounded(value)}" for key, value in point.strength.items()) or "–",
        )
        for point in result.curve
    ]


def _picture(picture: Picture, budget: int) -> dict[str, Any]:
    about = picture.about
    value = number(about.get("value"))
    parts = [
        f"patient {about['patient']}" if about.get("patient") not in (None, picture.case) else "",
        picture.structure,
        _slice(about),
        rounded(value) if value is not None else "",
        str(about.get("note") or ""),
    ]
    return {
        "case": picture.case,
        "text": " · ".join(part for part in parts if part),
        "point": str(about.get("point") or ""),
        "panels": panels(picture, most_pixels=budget),
        "scale": uncertainty_scale(picture),
    }


def _slice(about: Mapping[str, Any]) -> str:
    """Which slice is shown; an image of two dimensions has none."""
    if about.get("slice") is None:
        return ""
    axis = about.get("axis")
    return f"slice {about['slice']}" + (f" of axis {axis}" if isinstance(axis, int) else f" ({axis})" if axis else "")
