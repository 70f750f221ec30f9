"""The report as tables for a spreadsheet or a script: requirements.csv, curves.csv, cases.csv, with every digit."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from .atomic_write import write_atomically
from .report import result_of
from .words import deciding_bound, parameters
from .worst_cases import case_measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from .records import RequirementResult

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

_REQUIREMENTS = (
    "id", "statement", "verdict", "tier", "gates", "measure", "unit", "estimate", "lower", "upper", "deciding_bound",
    "two_sided_lower", "two_sided_upper", "comparison", "limit", "confidence", "method", "n_patients", "n_cases",
    "gross_failures", "gross_failures_upper_bound", "worst", "worst_structure", "breaking_severity",
    "breaking_severity_lower", "breaking_severity_upper", "breaking_point", "reason", "warnings", "rationale", "risks",
    "tags", "replay", "duration_s",
)  # fmt: skip
_CURVES = (
    "id", "structure", "severity", "parameters", "measure", "unit", "estimate", "lower", "upper", "confidence",
    "n_patients", "strength",
)  # fmt: skip
_CASES = ("id", "case", "patient", "structure", "measure", "unit", "clean", "perturbed", "value", "failure")


NAMES = ("requirements.csv", "curves.csv", "cases.csv")


def csv_tables(report: Mapping[str, Any]) -> dict[str, str]:
    """The three tables by file name: UTF-8 text, lines ended by CR LF (RFC 4180).

    Numbers are written so that reading them gives the same floats; "inf" is infinity, empty is absent. The column `unit` is
    that of estimate, bounds, limit and values; severities have none (0 is clean, 1 the end of the stated range), the share of
    gross failures neither. Texts that a spreadsheet would take for a formula begin with an apostrophe.
    """
    results = [result_of(entry) for entry in report["requirements"]]
    return {
        "requirements.csv": _text(_REQUIREMENTS, map(_requirement, results)),
        "curves.csv": _text(_CURVES, (row for result in results for row in _curve(result))),
        "cases.csv": _text(_CASES, (row for result in results for row in _cases(result))),
    }


def write_csv(report: Mapping[str, Any], directory: Path) -> list[Path]:
    """Write the three tables to a folder, and say where they are."""
    return [write_atomically(directory / name, text) for name, text in csv_tables(report).items()]


def _requirement(result: RequirementResult) -> Sequence[Any]:
    low, high = result.interval or (None, None)
    wide_low, wide_high = result.two_sided or (None, None)
    failures, broken = result.gross_failures, result.breaking_point
    worst = result.worst or {}
    return (
        result.id, result.statement, result.verdict, result.tier, "yes" if result.gates else "no", result.measure,
        result.unit, result.estimate, low, high, deciding_bound(result), wide_low, wide_high, result.comparison,
        result.limit, result.confidence, result.method, result.n_patients, result.n_cases,
        None if failures is None else failures.count, None if failures is None else failures.upper_bound,
        worst.get("text") or (parameters(worst.get("parameters")) if worst else ""), worst.get("structure") or "",
        None if broken is None else broken.severity, *((None, None) if broken is None else broken.interval),
        "" if broken is None else broken.words, result.reason, " | ".join(result.warnings), result.rationale,
        ", ".join(result.risks), ", ".join(result.tags), result.replay, result.duration_seconds,
    )  # fmt: skip


def _curve(result: RequirementResult) -> Iterable[Sequence[Any]]:
    for point in result.curve:
        strength = ", ".join(f"{name}={value!r}" for name, value in point.strength.items())
        yield (
            result.id, point.structure, point.severity, parameters(point.parameters), result.measure, result.unit,
            point.estimate, *point.interval, result.confidence, point.n_patients, strength,
        )  # fmt: skip


def _cases(result: RequirementResult) -> Iterable[Sequence[Any]]:
    measure = case_measure(result)
    for case in result.cases:
        yield (
            result.id, case.case, case.patient, case.structure, measure.name, measure.unit, case.clean,
            case.perturbed, case.value, case.failure or "",
        )  # fmt: skip


def _text(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # also behind spaces, which spreadsheets strip; a lone surrogate could not be written at all
        plain = value.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
        return f"'{plain}" if plain.lstrip(" ").startswith(_FORMULA) else plain
    return repr(value) if isinstance(value, float) else str(value)
