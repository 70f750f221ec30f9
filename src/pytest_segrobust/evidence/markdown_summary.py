"""The report on one screen of Markdown: what a CI system shows beside a change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import words
from .atomic_write import write_atomically
from .report import result_of
from .verdicts import WORDS
from .watermark import record_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .records import RequirementResult

FILE_NAME = "summary.md"
_SIGNS = {"passed": "✅", "failed": "❌", "inconclusive": "🔶", "not_evaluable": "⚠️", "invalid": "🚫", "not_run": "⚪"}
_MOST_ROWS, _MOST_REASONS, _LONGEST = 200, 10, 600
_MARKUP = re.compile(r"([\\`*_\[\]#|~$])")
_READING = (
    "Each bound is one-sided at the requirement's confidence. Perturbations are simulated; what this does not show stands in the "
    "report."
)


def markdown_summary(report: Mapping[str, Any]) -> str:
    """Verdict, hashes and a row for every requirement, the most pressing first; at most 200 rows.

    What users wrote cannot become markup. Bounds are rounded away from the estimate, as in the report.
    """
    results = [result_of(entry) for entry in report["requirements"]]
    pressing = sorted(results, key=lambda result: list(WORDS).index(result.verdict))
    verdict = report["verdict"]
    lines = [f"## {_SIGNS[verdict]} Segmentation robustness: {WORDS[verdict]}", ""]
    counted = words.counted(report["verdicts"])
    stress = words.counted(report.get("stress_verdicts") or {})
    lines += [
        (f"**{counted}**" if counted else "**no requirement that gates**")
        + (f"; stress tests, which do not gate: {stress}" if stress else ""),
        "",
    ]
    lines += _notes(report)
    lines += ["| verdict | requirement | estimate [L, U] | limit | patients |", "|---|---|---|---|---:|"]
    lines += [_row(result) for result in pressing[:_MOST_ROWS]]
    if len(pressing) > _MOST_ROWS:
        lines.append(f"\nand {len(pressing) - _MOST_ROWS} more, in the report")
    lines += ["", *_reasons(pressing), *_footer(report)]
    return "\n".join(lines) + "\n"


def write_summary(report: Mapping[str, Any], directory: Path) -> Path:
    """Write `directory/summary.md` and say where it is."""
    return write_atomically(directory / FILE_NAME, markdown_summary(report))


def escaped(text: str) -> str:
    """The text as Markdown that shows it as it is, in one line; nobody is mentioned by it, and no tag begins in it."""
    plain = " ".join(str(text).encode("utf-8", "replace").decode("utf-8").split())
    plain = _MARKUP.sub(r"\\\1", plain)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;"), ("://", "&#58;//")):
        plain = plain.replace(character, entity)
    return plain


def _notes(report: Mapping[str, Any]) -> list[str]:
    record = record_state(report)
    notes = []
    if record.watermark:
        notes.append(f"**{record.watermark}.** {' '.join(escaped(each) for each in record.why)}".rstrip())
    if report["status"] != "complete":
        missing = report["verdicts"]["not_run"]
        notes.append(
            f"The run is {report['status']}: {missing} of {len(report['requirements'])} requirements have no verdict."
        )
    if comparison := report.get("comparison"):
        mark = "" if comparison["holds"] else "**"
        notes.append(f"{mark}{escaped(comparison['words'])}{mark}")
    return ["\n>\n".join(f"> {note}" for note in notes), ""] if notes else []


def _row(result: RequirementResult) -> str:
    value = words.with_unit(f"{words.estimate(result)} {words.interval(result)}", result.unit)
    tier = f" ({words.tier(result)})" if words.tier(result) else ""
    cells = (
        f"{_SIGNS[result.verdict]} {WORDS[result.verdict]}{tier}",
        f"**{escaped(result.id)}** {escaped(result.statement[:_LONGEST])}",
        "–" if result.interval is None else escaped(value),
        escaped(words.limit(result)),
        str(result.n_patients or "–"),
    )
    return f"| {' | '.join(cells)} |"


def _reasons(pressing: list[RequirementResult]) -> list[str]:
    told = [result for result in pressing if result.verdict != "passed" and result.reason]
    lines = [
        f"- **{escaped(result.id)}** {WORDS[result.verdict]}: {escaped(result.reason[:_LONGEST])}"
        for result in told[:_MOST_REASONS]
    ]
    if len(told) > _MOST_REASONS:
        lines.append(f"- and {len(told) - _MOST_REASONS} more")
    return [*lines, ""] if lines else []


def _footer(report: Mapping[str, Any]) -> list[str]:
    data = report["data"]
    models = ", ".join(f"`{digest[:12]}`" for digest in report["model"]["sha256"]) or "none"
    about = (
        f"Model {models}",
        f"requirements `{(report['spec']['sha256'] or 'none')[:12]}`",
        f"data `{str(data.get('sha256') or 'none')[:12]}`",
        f"{data['n_cases']} cases of {words.patients(data['n_patients'])}",
        f"run {escaped(report.get('run_id') or 'none')}",
        f"{report['tool']['name']} {report['tool']['version']}",
    )
    return [" · ".join(about), "", _READING]
