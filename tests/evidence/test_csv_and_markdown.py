"""Tables keep every digit and start no formula; the summary shows what users wrote and is never made of it."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.csv_tables import csv_tables
from pytest_segrobust.evidence.formats import FORMATS, named_formats, write_formats
from pytest_segrobust.evidence.markdown_summary import escaped, markdown_summary
from pytest_segrobust.evidence.records import CaseResult, RequirementResult
from pytest_segrobust.evidence.report import build_report, write_report
from pytest_segrobust.evidence.store import Store

if TYPE_CHECKING:
    from pathlib import Path

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1")


@pytest.fixture
def report(synthetic_store: Store) -> dict[str, Any]:
    return build_report(synthetic_store)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def number(text: str) -> float | None:
    return float(text) if text else None


def test_requirements_have_every_digit_of_the_report(report):
    found = rows(csv_tables(report)["requirements.csv"])

    assert [row["id"] for row in found] == [entry["id"] for entry in report["requirements"]]
    for row, entry in zip(found, report["requirements"], strict=True):
        low, high = entry["interval"] or (None, None)
        stated = (
            row["verdict"],
            number(row["estimate"]),
            number(row["lower"]),
            number(row["upper"]),
            number(row["limit"]),
        )
        assert stated == (entry["verdict"], entry["estimate"], low, high, entry["limit"])
        assert (row["unit"], int(row["n_patients"])) == (entry["unit"], entry["n_patients"])
        assert row["gates"] == ("yes" if entry["gates"] else "no")


def test_curves_and_cases_have_every_point_and_case(report):
    tables = csv_tables(report)
    curves, cases = rows(tables["curves.csv"]), rows(tables["cases.csv"])
    points = [point for entry in report["requirements"] for point in entry["curve"]]
    of_cases = [case for entry in report["requirements"] for case in entry["cases"]]

    assert [(float(row["severity"]), float(row["estimate"])) for row in curves] == [
        (point["severity"], point["estimate"]) for point in points
    ]
    assert [(row["case"], number(row["clean"]), number(row["value"]), row["failure"]) for row in cases] == [
        (case["case"], case["clean"], case["value"], case["failure"] or "") for case in of_cases
    ]
    assert any(row["strength"] == "snr=inf" for row in curves)
    assert {row["unit"] for row in cases if row["id"] == "ROB-003"} == {"mm"}


def test_a_case_of_a_share_has_the_unit_of_its_own_value():
    result = RequirementResult(
        "R", "s", "passed", measure="share of patients with HD95 increase below 3 mm", cases=[CaseResult("c", "p", "s", 1.0, 2.0, 1.0)]
    )  # fmt: skip
    (row,) = rows(csv_tables({"requirements": [result.to_json()]})["cases.csv"])

    assert (row["measure"], row["unit"]) == ("HD95 increase", "mm")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula_to_a_spreadsheet(text: str):
    case = CaseResult(text, text, text, 0.5, -0.25, -0.75, text)
    result = RequirementResult(text, text, "failed", reason=text, warnings=[text], tags=[text], cases=[case])
    tables = csv_tables({"requirements": [result.to_json()]})

    for table in tables.values():
        for row in rows(table):
            for name, cell in row.items():
                assert not re.match(r"\s*[=+\-@＝]", cell) or re.fullmatch(r"-?[\d.e-]+", cell), name
    (row,) = rows(tables["cases.csv"])
    assert row["case"] == f"'{text}"
    assert (float(row["perturbed"]), float(row["value"])) == (-0.25, -0.75), "a number below zero stays a number"


def test_infinity_and_nothing_can_be_told_apart():
    result = RequirementResult("R", "s", "passed", estimate=math.inf, interval=(0.1, math.inf))
    (row,) = rows(csv_tables({"requirements": [result.to_json()]})["requirements.csv"])

    assert (row["estimate"], row["upper"], row["limit"]) == ("inf", "inf", "")


def test_the_summary_has_the_verdict_first_and_the_numbers_of_the_report(report):
    text = markdown_summary(report)
    lines = text.splitlines()
    table = [line for line in lines if line.startswith("| ")][1:]

    assert lines[0] == "## ❌ Segmentation robustness: failed"
    assert lines[2] == "**2 failed, 1 invalid, 1 not evaluable, 1 inconclusive, 1 not run, 3 passed**"
    assert len(table) == len(report["requirements"])
    assert "failed" in table[0]
    assert "passed" in table[-1]
    assert "| ❌ failed | **ROB-002** DSC drop of posterior under" in table[0]
    assert r"0.0934 \[0.0712, 0.122\]" in table[0]
    assert "`bbbbbbbbbbbb`" in text
    assert "1 of 9 requirements have no verdict" in text


@pytest.mark.parametrize(
    ("state", "mark"),
    [("test_run", "TEST RUN, NOT FOR RECORD"), ("draft", "DRAFT"), ("final", None), (None, "TEST RUN")],
)
def test_the_summary_says_whether_it_stands_for_record(report, state, mark):
    text = markdown_summary(
        report if state is None else {**report, "record": {"state": state, "why": ["the tree is dirty"]}}
    )

    assert (f"> **{mark}" in text) == (mark is not None)
    assert mark is not None or "RECORD" not in text
    assert ("the tree is dirty" in text) == (state is not None and mark is not None)


def test_nothing_that_users_wrote_is_markdown(report):
    hostile = "a|b\n## c <script>x</script> `d` **e** [f](http://g) ![h](i) @user #12 $x$ &amp; \\| <!-- "
    result = RequirementResult(
        hostile, hostile, "failed", estimate=1.0, interval=(0.0, 2.0), limit=1.0, unit=hostile, reason=hostile
    )
    text = markdown_summary({**report, "requirements": [result.to_json()], "run_id": hostile})

    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 6 for line in table)
    assert not re.search(
        r"<(?!/?script)|<script|@user|(?<!\\)\]\(|http://|(?<!\\)`d|(?<!\\)\*\*e", text.replace("`bbbb", "")
    )
    assert sum(line.startswith("#") for line in text.splitlines()) == 1


def test_what_is_escaped_is_still_what_was_written():
    import html

    text = "a|b <c> `d` *e* _f_ [g] #h @i $j$ ~k~ \\l http://m & n"

    assert re.sub(r"\\([\\`*_\[\]#|~$])", r"\1", html.unescape(escaped(text))) == text


def test_a_long_summary_names_the_most_pressing_and_counts_the_rest(report):
    results = [RequirementResult(f"R{number}", "s", "passed") for number in range(299)]
    results.append(RequirementResult("BAD", "s", "failed", reason="why"))
    text = markdown_summary({**report, "requirements": [result.to_json() for result in results]})

    assert "**BAD**" in text
    assert "and 100 more, in the report" in text
    assert len(text) < 60_000


def test_formats_are_named_once_and_a_wrong_name_says_which_there_are():
    assert named_formats("csv, html,CSV") == ["csv", "html"]
    assert named_formats(",".join(FORMATS)) == list(FORMATS)
    with pytest.raises(EvidenceError, match="no format 'docx'; there are html, pdf, md, csv"):
        named_formats("html,docx")
    with pytest.raises(EvidenceError, match="name at least one"):
        named_formats(" ,")


def test_formats_are_written_beside_the_report(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {"status": "complete"}) as store:
        store.put_result(replace(RequirementResult("R", "s", "passed"), reason="é"))
        write_report(store, tmp_path, status="complete")

    written = write_formats(tmp_path, ["html", "md", "csv"])
    assert [path.name for path in written] == [
        "report.html",
        "summary.md",
        "requirements.csv",
        "curves.csv",
        "cases.csv",
    ]
    assert "é" in (tmp_path / "requirements.csv").read_text(encoding="utf-8")
    assert b"\r\n" in (tmp_path / "requirements.csv").read_bytes()
    assert b"\r\r\n" not in (tmp_path / "requirements.csv").read_bytes()
