"""One requirement: its claim, its numbers, its figures and tables, always in the same order."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import rounded
from pytest_segrobust.evidence.strict_json import number
from pytest_segrobust.evidence.verdicts import WORDS
from pytest_segrobust.evidence.worst_cases import worst_structure

from ..curve import degradation_curve
from ..forest import forest_row
from ..not_yet_broken import not_yet_broken
from ..paired import paired_plot
from ..small_curve import small_curve
from ..strata import named_alone, strata_tables
from ..uncertainty import uncertainty_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_segrobust.evidence.records import RequirementResult

_NAMED_FAILURES = 10
_UNIT = re.compile(r"(?<=\d) (?=%|mm|dB|deg|HU)")  # a number and its unit stay on one line


def requirement(result: RequirementResult, anchor: str, *, drawn: bool) -> dict[str, Any]:
    """What the template shows; with `drawn` False one small curve stands for the figures."""
    failures = result.gross_failures
    return {
        "anchor": anchor,
        "result": result,
        "drawn": drawn,
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
        "curve": degradation_curve(result, prefix=f"{anchor}-curve") if drawn else None,
        "small_curve": None if drawn else small_curve(result),
        "curve_rows": _curve_rows(result),
        "not_yet_broken": not_yet_broken(result, prefix=f"{anchor}-broken") if drawn else None,
        "paired": paired_plot(result, prefix=f"{anchor}-paired") if drawn else None,
        "paired_structure": worst_structure(result),
        "uncertainty": uncertainty_part(result, prefix=f"{anchor}-uncertainty") if drawn else None,
        "failures": [] if failures is None else failures.cases[:_NAMED_FAILURES],
        "more_failures": 0 if failures is None else max(0, len(failures.cases) - _NAMED_FAILURES),
    }


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
    facts += [("over patients", each["words"]) for each in getattr(result, "quantiles", [])]
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
            words.with_unit(
                f"{words.estimate(replace(result, estimate=point.estimate))} {words.bounds(result, point.interval)}",
                result.unit,
            ),
            str(point.n_patients),
            ", ".join(f"{key} {rounded(value)}{' dB' * (key == 'snr')}" for key, value in point.strength.items())
            or "–",
        )
        for point in result.curve
    ]
