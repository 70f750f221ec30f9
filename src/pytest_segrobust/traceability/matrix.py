"""The trace matrix: hazard, control, requirement, test and verdict in one row, in both directions, with what hangs loose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.verdicts import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult, Verdict

NO_REQUIREMENT = "no requirement"


def trace(
    results: Iterable[RequirementResult],
    risks: Sequence[Mapping[str, Any]] = (),
    *,
    file: str | None = None,
    tests: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    unclaimed: Sequence[str] = (),
) -> dict[str, Any]:
    """The key "trace" of a report.

    `tests` are the ids of requirements by pytest's node ids, `sources` say file and line by the requirement's id,
    and `unclaimed` are tests that measure and belong to no requirement. Without a risks `file` the risks are those that
    requirements name, and whether they exist is not known.
    """
    results, sources = list(results), sources or {}
    node_of = {identity: node for node, identity in (tests or {}).items()}
    known = {str(risk["id"]): risk for risk in risks}
    named = [risk for result in results for risk in dict.fromkeys(result.risks)]
    order = list(dict.fromkeys([*known, *named]))
    by_risk = {risk: [result for result in results if risk in result.risks] for risk in order}
    rows = [_row(known.get(risk, {"id": risk}), result, node_of, sources) for risk in order for result in by_risk[risk]]
    rows += [_row(risk, None, node_of, sources) for risk in risks if not by_risk[str(risk["id"])]]
    rows += [_row({}, result, node_of, sources) for result in results if not result.risks]
    orphans = {
        "risks": [risk for risk in known if not by_risk[risk]],
        "requirements": [result.id for result in results if not result.risks],
        "unknown_risks": [risk for risk in order if risk not in known] if file else [],
        "tests": sorted(unclaimed),
    }
    return {
        "file": file,
        "risks": [
            {
                "hazard": "",
                "control": "",
                **known.get(risk, {"id": risk}),
                "requirements": [result.id for result in by_risk[risk]],
                "verdict": _together(result.verdict for result in by_risk[risk]),
            }
            for risk in order
        ],
        "rows": rows,
        "orphans": orphans,
        "words": _words(orphans, file, len(order), len(results)),
    }


def _row(
    risk: Mapping[str, Any], result: RequirementResult | None, node_of: Mapping[str, str], sources: Mapping[str, str]
) -> dict[str, Any]:
    row = {"risk": str(risk.get("id", "")), "hazard": risk.get("hazard", ""), "control": risk.get("control", "")}
    if result is None:
        return {**row, "requirement": "", "statement": "", "source": "", "test": "", "verdict": NO_REQUIREMENT}
    return {
        **row,
        "requirement": result.id,
        "statement": result.statement,
        "source": sources.get(result.id, ""),
        "test": node_of.get(result.id, ""),
        "verdict": result.verdict,
    }


def _together(verdicts: Iterable[Verdict]) -> str:
    """The most pressing verdict of the requirements of one risk."""
    found = set(verdicts)
    return next((verdict for verdict in WORDS if verdict in found), NO_REQUIREMENT)


def _words(orphans: Mapping[str, Sequence[str]], file: str | None, n_risks: int, n_requirements: int) -> str:
    said = [f"{_number(n_requirements, 'requirement')}, {_number(n_risks, 'risk')}"]
    if file is None:
        said.append("no risks file was given, so that risks without a requirement cannot be told")
    for key, one, several in (
        ("risks", "risk without a requirement", "risks without a requirement"),
        ("unknown_risks", "risk that the risks file lacks", "risks that the risks file lacks"),
        ("requirements", "requirement that names no risk", "requirements that name no risk"),
        ("tests", "test that measures and is no requirement", "tests that measure and are no requirement"),
    ):
        if found := orphans[key]:
            named = f"{', '.join(found[:5])}{' ...' if len(found) > 5 else ''}"
            said.append(f"{len(found)} {one if len(found) == 1 else several} ({named})")
    if file is not None and not any(orphans.values()):
        said.append("nothing hangs loose")
    return "; ".join(said)


def _number(count: int, name: str) -> str:
    return f"{count} {name}{'s' * (count != 1)}"
