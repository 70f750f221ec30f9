"""The matrix in the forms of other tools, read back as they read them."""

import csv
import json
import re

import pytest

from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.traceability.exports import FORMATS, write_exports
from pytest_segrobust.traceability.matrix import trace

RESULTS = [
    RequirementResult("ROB-1", 'drop, of "liver"\nbelow 5 %', "passed", risks=["H-1", "H-2"], tags=["noise"]),
    RequirementResult("ROB-2", "two", "inconclusive", rationale="see RMF"),
]
RISKS = [
    {"id": "H-1", "hazard": "wrong volume", "control": "noise"},
    {"id": "H-2", "hazard": "missed", "control": ""},
    {"id": "H-3", "hazard": "late", "control": ""},
]


@pytest.fixture
def exported(tmp_path):
    drawn = trace(RESULTS, RISKS, file="risks.csv", tests={"segrobust.toml::ROB-1": "ROB-1"}, unclaimed=["t.py::loose"])
    report = {"tool": {"version": "1.2"}, "finished": "2026-01-01", "requirements": [r.to_json() for r in RESULTS]}
    paths = write_exports(drawn, report, tmp_path / "out", list(FORMATS))
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def rows(text):
    return list(csv.DictReader(text.splitlines(keepends=True)))


def test_csv_marks_every_orphan(exported):
    found = rows(exported["trace.csv"])

    assert {row["orphan"]: row["risk"] + row["requirement"] + row["test"] for row in found if row["orphan"]} == {
        "risk without requirement": "H-3",
        "requirement without risk": "ROB-2",
        "test without requirement": "t.py::loose",
    }
    assert found[0]["statement"] == RESULTS[0].statement


def test_needs_link_upwards_to_needs_that_exist(exported):
    plain = json.loads(exported["needs.json"])
    version = plain["versions"][plain["current_version"]]
    needs = version["needs"]

    assert version["needs_amount"] == len(needs) == 6
    assert all(link in needs for need in needs.values() for link in need["links"])
    assert needs["ROB-1"]["links"] == ["H-1", "H-2"]
    assert needs["TEST-ROB-1"] == {
        "id": "TEST-ROB-1",
        "type": "test",
        "type_name": "Test",
        "title": "segrobust.toml::ROB-1",
        "description": "",
        "status": "passed",
        "tags": [],
        "links": ["ROB-1"],
    }


def test_doorstop_reads_links_and_truths_as_it_splits_them(exported):
    requirements, risks = rows(exported["doorstop.csv"]), rows(exported["doorstop-risks.csv"])
    uids = {row["uid"] for row in risks}

    assert [re.split(r"[\s;,]+", row["links"]) for row in requirements] == [["H-1", "H-2"], [""]]
    assert {"H-1", "H-2"} <= uids
    assert [row["derived"] for row in requirements] == ["False", "True"]
    assert len({row["level"] for row in requirements}) == 2


def test_strictdoc_has_each_uid_once_and_parents_that_exist(exported):
    found = rows(exported["strictdoc.csv"])
    uids = [row["UID"] for row in found]

    assert len(set(uids)) == len(uids) == 5
    assert {row["PARENT"] for row in found if row["PARENT"]} <= set(uids)
    assert next(row for row in found if row["UID"] == "ROB-1")["OTHER_PARENTS"] == "H-2"
    assert all(row["STATEMENT"] for row in found)
