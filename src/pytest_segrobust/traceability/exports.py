"""The trace matrix for other tools: CSV, sphinx-needs JSON, and CSV as Doorstop and StrictDoc import it."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.atomic_write import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

COLUMNS = ("risk", "hazard", "control", "requirement", "statement", "source", "test", "verdict")
_LOOSE = {
    "risks": "risk without requirement",
    "unknown_risks": "risk not in the risks file",
    "requirements": "requirement without risk",
    "tests": "test without requirement",
}


def write_exports(
    trace: Mapping[str, Any], report: Mapping[str, Any], directory: Path, formats: Sequence[str]
) -> list[Path]:
    """Write the matrix in these formats into a folder; the paths written, in order. EvidenceError where that fails."""
    return [
        write_atomically(directory / name, text(trace, report))
        for form in dict.fromkeys(formats)
        for name, text in FORMATS[form]
    ]


def as_csv(trace: Mapping[str, Any], _report: Mapping[str, Any] | None = None) -> str:
    """One row per risk and requirement, and the column "orphan", which says what has no partner."""
    orphans = trace["orphans"]

    def loose(row: Mapping[str, Any]) -> str:
        if row["risk"] in orphans["unknown_risks"]:
            return _LOOSE["unknown_risks"]
        if row["risk"] and not row["requirement"]:
            return _LOOSE["risks"]
        return "" if row["risk"] else _LOOSE["requirements"]

    rows = [[*(row[column] for column in COLUMNS), loose(row)] for row in trace["rows"]]
    rows += [["", "", "", "", "", "", test, "", _LOOSE["tests"]] for test in orphans["tests"]]
    return _table([*COLUMNS, "orphan"], rows)


def as_needs(trace: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """needs.json: risks, requirements and tests as needs, which link upwards."""
    needs: dict[str, dict[str, Any]] = {}
    for risk in trace["risks"]:
        control = f"Control: {risk['control']}" if risk["control"] else ""
        needs[risk["id"]] = _need("risk", risk["hazard"] or risk["id"], control, risk["verdict"])
    for entry in _requirements(trace, report):
        need = _need("req", entry["id"], entry["statement"], entry["verdict"], links=entry["risks"])
        needs[entry["id"]] = {**need, "tags": entry["tags"]}
        if entry["test"]:
            test = _need("test", entry["test"], entry["reason"], entry["verdict"], links=[entry["id"]])
            needs[f"TEST-{entry['id']}"] = test
    needs = {identity: {"id": identity, **need} for identity, need in needs.items()}
    version = str(report.get("tool", {}).get("version", "1"))
    made = {
        "created": report.get("finished") or report.get("started"),
        "current_version": version,
        "project": "segrobust",
        "versions": {version: {"created": report.get("finished"), "needs": needs, "needs_amount": len(needs)}},
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _need(kind: str, title: str, text: str, status: str, *, links: Sequence[str] = ()) -> dict[str, Any]:
    names = {"risk": "Risk", "req": "Requirement", "test": "Test"}
    return {
        "type": kind,
        "type_name": names[kind],
        "title": title,
        "description": text,
        "status": status,
        "tags": [],
        "links": list(links),
    }


def as_doorstop(trace: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """The requirements for `doorstop import`, linked to the risks; verdict and test are attributes of their own."""
    rows = [
        [
            e["id"],
            f"1.{n}",
            e["statement"],
            e["source"],
            "\n".join(e["risks"]),
            True,
            not e["risks"],
            True,
            "",
            e["verdict"],
            e["test"],
        ]
        for n, e in enumerate(_requirements(trace, report), start=1)
    ]
    return _table([*_DOORSTOP, "verdict", "test"], rows)


def as_doorstop_risks(trace: Mapping[str, Any], _report: Mapping[str, Any]) -> str:
    """The risks for `doorstop import`, a document of their own."""
    rows = [
        [risk["id"], f"1.{n}", risk["hazard"] or risk["id"], "", "", True, False, True, "", risk["control"]]
        for n, risk in enumerate(trace["risks"], start=1)
    ]
    return _table([*_DOORSTOP, "control"], rows)


def as_strictdoc(trace: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Risks and requirements with the columns of `strictdoc import excel basic`, which knows one parent per row."""
    rows = [
        [
            risk["id"],
            risk["hazard"] or risk["id"],
            risk["control"] or risk["hazard"] or risk["id"],
            "",
            "",
            "",
            risk["verdict"],
            "",
        ]
        for risk in trace["risks"]
    ]
    rows += [
        [
            e["id"],
            e["id"],
            e["statement"],
            e["rationale"],
            next(iter(e["risks"]), ""),
            ", ".join(e["risks"][1:]),
            e["verdict"],
            e["test"],
        ]
        for e in _requirements(trace, report)
    ]
    return _table(["UID", "TITLE", "STATEMENT", "COMMENT", "PARENT", "OTHER_PARENTS", "VERDICT", "TEST"], rows)


_DOORSTOP = ("uid", "level", "text", "ref", "links", "active", "derived", "normative", "header")

FORMATS: dict[str, list[tuple[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]]]] = {
    "csv": [("trace.csv", as_csv)],
    "needs": [("needs.json", as_needs)],
    "doorstop": [("doorstop.csv", as_doorstop), ("doorstop-risks.csv", as_doorstop_risks)],
    "strictdoc": [("strictdoc.csv", as_strictdoc)],
}


def _requirements(trace: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every requirement once, with what the matrix and the report say of it."""
    said = {entry["id"]: entry for entry in report.get("requirements", [])}
    seen = set[str]()
    for row in trace["rows"]:
        identity = row["requirement"]
        if not identity or identity in seen:
            continue
        seen.add(identity)
        entry = said.get(identity, {})
        yield {
            "id": identity,
            **{key: row[key] for key in ("statement", "source", "test", "verdict")},
            "risks": list(entry.get("risks") or []),
            "tags": list(entry.get("tags") or []),
            "rationale": entry.get("rationale") or "",
            "reason": entry.get("reason") or "",
        }


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([str(cell) for cell in row] for row in rows)
    return written.getvalue()
