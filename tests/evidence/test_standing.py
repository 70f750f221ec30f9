"""A run is for the record only where nothing speaks against it, and every reason is said."""

from __future__ import annotations

import copy

import pytest

from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.evidence.report import build_report, ending_of
from pytest_segrobust.evidence.standing import standing

SIGNED = [
    {"role": role, "name": "n", "date": "2026-03-02", "meaning": "m"} for role in ("tester", "reviewer", "approver")
]
REPORT = {
    "status": "complete",
    "freeze": {"state": "frozen", "words": "w"},
    "environment": {"git": {"commit": "d" * 40, "dirty": False}},
    "events": [],
    "requirements": [{"id": "R-1", "verdict": "failed"}],
    "deviations": {"items": [], "open": 0},
    "sign_off": SIGNED,
}


def changed(**values: object) -> dict:
    return {**copy.deepcopy(REPORT), **values}


def test_frozen_clean_whole_disposed_and_signed_is_final() -> None:
    assert standing(REPORT, {}) == {"state": "final", "why": []}


@pytest.mark.parametrize(
    ("report", "run", "why"),
    [
        (changed(freeze=None), {}, "was not recorded"),
        (changed(freeze={"state": "not_frozen", "words": "s was not frozen."}), {}, "s was not frozen."),
        (changed(freeze={"state": "changed", "words": "s has changed."}), {}, "s has changed."),
        (changed(environment={"git": {"dirty": True}}), {}, "differ from its last commit"),
        (changed(environment={"git": {"dirty": None}}), {}, "could not be told"),
        (changed(environment={"git": None}), {"python_requirements": ["PY-1"]}, "PY-1 stand in Python tests"),
        (changed(), {"selection": {"deselected": ["R-2"], "by": []}}, "R-2 deselected"),
        (changed(), {"selection": {"deselected": [], "by": ["--lf"]}}, "what --lf selected"),
        (changed(), {"unread": ["b.toml"]}, "1 requirement file could not be read"),
        (changed(status="incomplete", requirements=[{"id": "R-3", "verdict": "not_run"}]), {}, "R-3 without a verdict"),
        (changed(status="interrupted"), {}, "interrupted"),
        (changed(status="running"), {}, "running"),
    ],
)
def test_each_of_these_makes_a_test_run_even_where_all_is_signed(report: dict, run: dict, why: str) -> None:
    found = standing(report, run)

    assert found["state"] == "test_run"
    assert len(found["why"]) == 1
    assert why in found["why"][0]


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (changed(deviations={"items": [{}], "open": 1}), "1 deviation has no disposition."),
        (changed(deviations=None), "1 deviation has no disposition."),  # nobody listed them, and R-1 failed
        (changed(sign_off=SIGNED[:2]), "Not signed off by the approver."),
        (changed(sign_off=[]), "Not signed off by the tester, reviewer and approver."),
        (changed(sign_off=[*SIGNED[:2], {**SIGNED[2], "name": " "}]), "Not signed off by the approver."),
        (changed(sign_off=None), "Not signed off by"),
    ],
)
def test_an_open_deviation_or_an_empty_signature_keeps_a_draft(report: dict, why: str) -> None:
    found = standing(report, {})

    assert found["state"] == "draft"
    assert why in " ".join(found["why"])


def test_a_project_without_version_control_may_be_for_the_record_where_a_lock_covers_all() -> None:
    assert standing(changed(environment={"git": None}), {})["state"] == "final"


def test_the_terminal_is_told_what_the_report_says(synthetic_store) -> None:
    report = build_report(synthetic_store)

    found = ending_of(synthetic_store)
    assert found == {key: report.get(key) for key in ("status", "verdict", "record", "freeze")}
    assert report["record"]["state"] == "test_run"


@pytest.mark.parametrize(
    "kept",
    [
        {"independence": {"blocks": True, "findings": [], "words": "1 of 24 cases of /home/maria/d was trained on."}},
        {"use_ledger": {"intact": False, "words": "segrobust-ledger.jsonl: line 3 was edited."}},
    ],
    ids=["trained on", "edited ledger"],
)
def test_terminal_and_report_agree_on_data_that_count_for_nothing(synthetic_store, monkeypatch, kept) -> None:
    monkeypatch.setenv("HOME", "/home/maria")
    synthetic_store.put_result(RequirementResult("UNC-001", "s", "passed"))  # complete: nothing else makes a test run
    synthetic_store.set_run(freeze={"state": "frozen", "words": "w"}, **kept)
    report = build_report(synthetic_store)

    found = ending_of(synthetic_store)
    assert found == {key: report.get(key) for key in ("status", "verdict", "record", "freeze")}
    assert (report["record"]["state"], len(report["record"]["why"])) == ("test_run", 1)
