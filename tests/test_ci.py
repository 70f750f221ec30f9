"""A run on a CI system: summary, annotations, and a JUnit file that hides nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

INCONCLUSIVE = """
[[requirement]]
id = "SHARE-1"
statement = "DSC is at least 0.5 for 95 % of patients"
tags = ["testrail:C7"]

[[requirement]]
id = "CLEAN-1"
statement = "DSC is at least 0.99999"
"""


def types(suite: ET.Element) -> dict[str | None, str | None]:
    return {case.get("name"): case.find("failure").get("type") for case in suite.iter("testcase")}


def test_inconclusive_is_a_failure_of_that_type_and_a_summary_that_fails_costs_no_verdict(project, monkeypatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path))  # a folder: nobody can write to it
    project.spec(INCONCLUSIVE)

    result = project.run("-n", "2", "--junitxml=junit.xml", "--segrobust-junit-profile=testrail")

    assert project.verdicts == {"SHARE-1": "inconclusive", "CLEAN-1": "failed"}
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert types(suite) == {"SHARE-1": "inconclusive", "CLEAN-1": "failed"}
    assert (suite.get("failures"), suite.get("skipped")) == ("2", "0")
    assert [each.get("value") for each in suite.iter("property") if each.get("name") == "test_id"] == ["C7"]
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not any(text.startswith("::") for text in result.outlines), "outside of GitHub nobody reads them"
    assert (project.path / "segrobust-report" / "summary.md").exists()
    assert any(event["kind"] == "no summary" for event in project.report["events"])


def test_github_gets_a_summary_and_annotations_at_the_lines(project, monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "step.md"))
    (project.path / "step.md").write_text("of another step\n")

    result = project.run(
        "-k", "CLEAN-1", "-o", "segrobust_junit_profile=polarion", "--junitxml=junit.xml", model="networks:background"
    )

    line = (project.path / "segrobust.toml").read_text().splitlines().index('id = "CLEAN-1"') + 1
    found = [text for text in result.outlines if text.startswith("::error ")]
    assert found[0].startswith(f"::error file=segrobust.toml,line={line},title=CLEAN-1 failed::")
    assert [text.partition("title=")[2][:7] for text in found[1:]] == ["NOISE-1", "NOISE-2"], "not run is no pass"
    summary = (project.path / "segrobust-report" / "summary.md").read_text(encoding="utf-8")
    step = (project.path / "step.md").read_text(encoding="utf-8")
    assert step.startswith("of another step\n")
    assert step.endswith(summary)
    assert "**CLEAN-1**" in summary
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert types(suite) == {"CLEAN-1": "failed"}
    assert "polarion-testrun-id" in {each.get("name") for each in suite.find("properties")}


def test_an_unknown_profile_in_the_ini_file_ends_the_run_before_it_begins(project) -> None:
    result = project.run("-o", "segrobust_junit_profile=jira")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*segrobust_junit_profile = jira: one of generic, xray, testrail, polarion*"])
