"""What the report says of the tool's own qualification: that of the source which ran, or that there is none."""

from __future__ import annotations

import json

from pytest_segrobust.evidence.html.sections.qualification import qualification
from pytest_segrobust.evidence.qualified import recorded_qualification


def written(tmp_path, **changed):
    folder = tmp_path / "segrobust-qualification"
    folder.mkdir()
    found = {
        "tool": {"name": "pytest-segrobust", "version": "1.2"},
        "passed": True,
        "checks": [{"id": "D-RARE", "passed": True}, {"id": "M-1", "passed": True}],
        "started": "2026-01-01",
        "machine": {"tool_source_sha256": "a" * 64, "os": "Linux"},
        **changed,
    }
    (folder / "qualification.json").write_text(json.dumps(found), encoding="utf-8")
    return tmp_path


def test_a_qualification_of_the_source_that_ran_is_told(tmp_path):
    found = recorded_qualification(written(tmp_path), tool_sha256="a" * 64)

    assert found["of_this_tool"]
    assert "All 2 checks found what was expected." in qualification({"qualification": found})["words"]


def test_a_qualification_of_another_source_does_not_speak_for_the_run(tmp_path):
    found = recorded_qualification(written(tmp_path), tool_sha256="b" * 64)

    assert "does not speak for this run" in qualification({"qualification": found})["words"]


def test_a_failed_check_is_named(tmp_path):
    checks = [{"id": "D-RARE", "passed": False}, {"id": "M-1", "passed": True}]
    found = recorded_qualification(written(tmp_path, passed=False, checks=checks), tool_sha256="a" * 64)

    assert found["failed"] == ["D-RARE"]
    assert "1 of 2 checks did not find" in qualification({"qualification": found})["words"]


def test_nothing_or_nonsense_is_no_qualification(tmp_path):
    assert recorded_qualification(tmp_path, tool_sha256="a" * 64) is None
    assert recorded_qualification(written(tmp_path, checks=None), tool_sha256="a" * 64) is None
    assert "Not recorded" in qualification({})["words"]
