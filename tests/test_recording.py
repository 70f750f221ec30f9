"""What was measured stays, whatever ends the run, and the report says so."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.evidence.store import Store

SLOW = """
import time

_discs = discs

class Slow(Discs):
    def forward(self, x):
        time.sleep(0.3)
        return super().forward(x)

def slow():
    return Slow()
"""

MANY = "".join(
    f"""
[[requirement]]
id = "N-{number}"
statement = "DSC drop under gaussian noise with sigma <= 0.{number} is below 50 %"
"""
    for number in range(1, 6)
)


@pytest.fixture
def slow(project):
    with (project.path / "networks.py").open("a") as file:
        file.write(SLOW)
    project.spec(MANY)
    return project


def begin(project, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--segrobust-profile=smoke",
               "--segrobust-model=networks:slow", *arguments]  # fmt: skip
    return subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measured(project) -> int:
    store = project.path / "segrobust-report" / "run.sqlite"
    if not store.exists():
        return 0
    connection = sqlite3.connect(store, timeout=5)
    try:
        return int(connection.execute("SELECT count(*) FROM measurement").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the run measured nothing in time"
        time.sleep(0.05)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_sigterm_ends_as_interrupted_with_a_report(slow, workers: str) -> None:
    run = begin(slow, "-n", workers)
    wait_for(lambda: measured(slow) > 0)

    run.send_signal(signal.SIGTERM)

    assert run.wait(timeout=60) == pytest.ExitCode.INTERRUPTED
    assert slow.report["status"] == "interrupted"
    assert "not_run" in slow.verdicts.values()
    assert measured(slow) > 0
    assert (slow.path / "segrobust-report" / "report.html").exists()


def test_kill_leaves_measurements_that_can_be_taken_over(slow) -> None:
    run = begin(slow)
    wait_for(lambda: measured(slow) > 8)
    run.kill()
    run.wait(timeout=30)
    kept = measured(slow)

    assert kept > 0
    assert slow.report["status"] == "running"  # nobody was left to say otherwise
    resumed = slow.run("--segrobust-resume", model="networks:slow")
    resumed.assert_outcomes(passed=5)
    assert slow.report["status"] == "complete"
    assert [event["kind"] for event in slow.report["events"]] == ["resumed"]
    passes = slow.report["cost"]["forward_passes"]
    fresh = slow.run("--segrobust-report=fresh", model="networks:slow")
    fresh.assert_outcomes(passed=5)
    again = json.loads((slow.path / "fresh" / "report.json").read_text())
    assert passes < again["cost"]["forward_passes"]
    assert numbers(slow.report) == numbers(again)


def test_a_resumed_run_says_nothing_of_itself_that_the_run_before_said(project) -> None:
    """Its model is another one, which cannot be opened: neither model nor data nor software were looked at."""
    project.run("-k", "CLEAN-1")
    with (project.path / "networks.py").open("a") as file:
        file.write("\ndef broken():\n    raise RuntimeError('no such weights')\n")
    before = project.report

    resumed = project.run("--segrobust-resume", "-k", "CLEAN-1", model="networks:broken")

    assert resumed.ret == pytest.ExitCode.TESTS_FAILED
    assert before["soup"]
    assert before["model"]["sha256"]
    assert before["data"]["n_cases"]
    after = project.report
    assert after["verdict"] == "invalid"
    assert (after.get("soup"), after["model"]["sha256"], after["data"]["n_cases"]) == (None, [], 0)
    assert "independence" not in after, "data that were never opened were compared with nothing, and blocked nothing"
    assert after["cost"] == before["cost"]


def test_killed_worker_makes_its_requirement_invalid_and_the_others_go_on(project) -> None:
    with (project.path / "networks.py").open("a") as file:
        file.write("""
import os

class Deadly(Discs):
    def forward(self, x):
        if (x[..., 1:] - x[..., :-1]).abs().mean() > 0.5:
            os.kill(os.getpid(), 9)
        return super().forward(x)

def deadly():
    return Deadly()
""")

    result = project.run("-n", "2", model="networks:deadly")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.verdicts == {"NOISE-1": "passed", "NOISE-2": "invalid", "CLEAN-1": "passed"}
    assert "worker" in project.result("NOISE-2")["reason"]
    assert any(event["kind"] == "worker crashed" for event in project.report["events"])


def numbers(report: dict) -> list[dict]:
    """Everything in a report that must not depend on when, where and by how many workers it was made."""
    return [
        {k: v for k, v in entry.items() if k not in ("duration_seconds", "replay")} for entry in report["requirements"]
    ]


def test_a_second_run_and_two_workers_give_the_same_numbers(project) -> None:
    reports = []
    for arguments in (("-n", "0"), ("-n", "0"), ("-n", "2")):
        project.run(*arguments)
        reports.append(numbers(project.report))

    assert reports[0] == reports[1]
    assert reports[0] == reports[2]


def test_next_run_looks_first_where_the_last_one_failed(project) -> None:
    project.run("-k", "NOISE-2")
    project.run("-k", "NOISE-2")

    connection = sqlite3.connect(project.path / "segrobust-report" / "run.sqlite")
    (first,) = connection.execute("SELECT value FROM run WHERE key = 'first_points'").fetchone()
    connection.close()
    assert project.result("NOISE-2")["worst"]["parameters"] in json.loads(first)["NOISE-2"]


def test_older_run_is_set_aside_not_overwritten(project) -> None:
    project.run("-k", "CLEAN-1")
    project.run("-k", "CLEAN-1")

    stores = {path.name for path in (project.path / "segrobust-report").glob("run*.sqlite")}
    assert stores == {"run.sqlite", "run-1.sqlite"}


def test_report_folder_of_another_version_of_the_tool_is_a_usage_error_and_stays_as_it_was(project) -> None:
    folder = project.path / "segrobust-report"
    with Store.create(folder / "run.sqlite", {}) as store:
        store.put_result(RequirementResult("CLEAN-1", "s", "failed"))
    connection = sqlite3.connect(folder / "run.sqlite")
    with connection:
        connection.execute("UPDATE result SET plain = json_insert(plain, '$.novelty', 1)")
    connection.close()

    result = project.run("-k", "CLEAN-1")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*written by another version of this tool*choose another report folder*"])
    assert [path.name for path in folder.glob("run*.sqlite")] == ["run.sqlite"]


def test_report_folder_that_cannot_be_written_is_a_usage_error(project) -> None:
    (project.path / "occupied").write_text("a file")

    result = project.run("--segrobust-report=occupied")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*occupied cannot be written: it is a file, not a folder*"])


def test_cost_is_the_forward_passes(project) -> None:
    project.run("-k", "CLEAN-1")

    cost = project.report["cost"]
    assert cost["forward_passes"] >= 8  # each case once, and some again for the pictures
    assert 0 < cost["forward_seconds"] < cost["wall_seconds"]


def test_terminal_ends_with_the_table_and_the_place_of_the_report(project) -> None:
    result = project.run()

    result.stdout.fnmatch_lines(
        ["*segmentation robustness*", "*NOISE-1*PASSED*", "*NOISE-2*FAILED*", "*report: *report.html"]
    )


def test_html_report_is_one_file_without_network(project) -> None:
    project.run()

    page = (project.path / "segrobust-report" / "report.html").read_text()
    assert "NOISE-2" in page
    assert 'src="http' not in page
    assert "<link" not in page
    assert len(page) < 5_000_000
    assert Path(project.path / "segrobust-report" / "run.sqlite").exists()
