"""Subgroups on the page."""

import re

from pytest_segrobust.evidence.html.page import render_html
from pytest_segrobust.evidence.html.strata import named_alone, strata_tables
from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.evidence.report import build_report, result_of
from pytest_segrobust.evidence.store import Store

SMALL = {"column": "scanner", "stratum": "C <b>", "decides": True, "verdict": "not_evaluable", "n_patients": 3,
         "reason": "too few to say: 3 patients, 5 are needed", "estimate": None, "interval": None}  # fmt: skip


def entry(stratum, verdict, estimate, **others):
    interval = [estimate - 0.01, estimate + 0.01]
    return {"column": "scanner", "stratum": stratum, "decides": True, "verdict": verdict, "estimate": estimate,
            "interval": interval, "n_patients": 12, "holm": {"verdict": verdict, "confidence": 0.975}, **others}  # fmt: skip


def found(*strata):
    return RequirementResult(
        "R", "DSC drop is below 5 % for each scanner", "failed", measure="DSC drop", estimate=0.08, interval=(0.07, 0.09),
        limit=0.05, comparison="below", n_patients=12, strata=list(strata),
    )  # fmt: skip


def test_each_stratum_is_a_row_with_its_own_interval_and_verdict():
    (table,) = strata_tables(found(entry("A", "passed", 0.02), entry("B", "failed", 0.08), SMALL))
    a, b, c = table["rows"]

    assert "Every stratum must meet the limit" in table["meaning"]
    assert (a["word"], a["estimate"], a["interval"], a["alone"]) == (
        "passed",
        "0.0200",
        "[0.0100, 0.0300]",
        "passed (at 97.5 %)",
    )
    assert a["forest"].bar[1] < b["forest"].bar[0]
    assert (c["forest"].bar, c["reason"], c["alone"]) == (None, SMALL["reason"], "–")


def test_columns_have_a_table_each_and_say_where_they_decide_nothing():
    sex = entry("f", "passed", 0.02, column="sex", decides=False)
    tables = strata_tables(found(entry("A", "passed", 0.02), sex))

    assert [table["column"] for table in tables] == ["scanner", "sex"]
    assert "decide nothing: who claims something of strata writes “for each sex”" in tables[1]["meaning"]


def test_what_is_not_shown_alone_has_no_level():
    assert named_alone({"holm": {"verdict": "inconclusive", "confidence": 0.975}}) == "inconclusive"
    assert named_alone({}) == "–"


def test_the_page_and_the_report_hold_the_strata(tmp_path):
    import json
    from pathlib import Path

    import jsonschema

    schema = json.loads((Path(__file__).parents[2] / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
    with Store.create(tmp_path / "run.sqlite", {"status": "complete"}) as store:
        store.declare([{"id": "R", "statement": "s"}])
        store.put_result(found(entry("A", "passed", 0.02), SMALL))
        report = build_report(store)
    jsonschema.Draft202012Validator(schema).validate(report)
    text = render_html(report)

    assert result_of(report["requirements"][0]).strata[0]["stratum"] == "A"
    assert "By scanner" in text
    assert "too few to say: 3 patients, 5 are needed" in text
    assert "C &lt;b&gt;" in text
    assert re.search(r'aria-label="scanner A: interval from 0.200 to 0.600 of the allowance', text)
