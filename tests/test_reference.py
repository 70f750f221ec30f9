"""`--segrobust-reference`: a run ends green only where its comparison with the release was made and holds."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_segrobust.evidence.store import Store
from pytest_segrobust.release import Outcome, Release, compared_with

MORE_NETWORKS = """

class Generous(Discs):
    # Draws every disc a little too large.
    def forward(self, x):
        return super().forward(x) + torch.tensor([-4.0, 0.0]).reshape(1, 2, 1, 1)


def generous():
    return Generous()
"""
ONE = """
[[requirement]]
id = "NOISE-1"
statement = "DSC drop under gaussian noise with sigma <= 0.1 is below 20 %"
"""
COMPARED = ("--segrobust-reference=release", "--segrobust-margin=2 %")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A project with one requirement, and the report folders of a release and of two models after it."""
    specification = importlib.util.spec_from_file_location("planted", Path(__file__).parent / "conftest.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["planted"] = module
    specification.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("released")
    module.write_discs(folder)
    (folder / "networks.py").write_text(module.NETWORKS + MORE_NETWORKS, encoding="utf-8")
    (folder / "segrobust.toml").write_text(module.SETTINGS + ONE, encoding="utf-8")
    for report, network in {"release": "discs", "generous": "generous", "vanishing": "vanishing"}.items():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--segrobust-profile=smoke"]
        done = subprocess.run(
            [*command, f"--segrobust-model=networks:{network}", f"--segrobust-report={report}"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == (1 if report == "vanishing" else 0), done.stdout + done.stderr
    return folder


@pytest.fixture
def released(runs, project):
    """The project, with the report folder of the release alone; one folder for all, so that the data are the same files."""
    for path in (runs / "networks.py", runs / "segrobust.toml"):
        shutil.copy(path, project.path)
    shutil.copytree(runs / "release", project.path / "release")
    return project


@pytest.fixture
def outcome(runs, tmp_path):
    """What becomes of the comparison of a run with the release."""

    def compare(name: str, margins: dict[str, float]) -> Outcome:
        shutil.copytree(runs / name, tmp_path / name, dirs_exist_ok=True)
        return compared_with(Release(runs / "release", margins), tmp_path / name)

    return compare


def test_the_same_model_is_non_inferior_and_the_report_says_so_everywhere(released):
    result = released.run(*COMPARED)

    assert result.ret == 0, result.stdout.str()
    found = released.report["comparison"]
    assert (found["status"], found["holds"], found["non_inferior"]) == ("made", True, True)
    (row,) = found["requirements"]
    assert (row["id"], row["shown"], row["difference"], row["interval"]) == ("NOISE-1", "non-inferior", 0.0, [0.0, 0.0])
    result.stdout.fnmatch_lines(["*NOISE-1*non-inferior*", "compared with the release in *: non-inferior*margin*"])
    folder = released.path / "segrobust-report"
    assert json.loads((folder / "comparison.json").read_text(encoding="utf-8"))["non_inferior"] is True
    assert (folder / "comparison.html").exists()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Compared with the release" in page
    assert 'href="comparison.html"' in page


def test_a_model_that_passes_but_is_worse_than_the_release_ends_red(released):
    result = released.run(*COMPARED, "--junitxml=junit.xml", model="networks:generous")

    assert released.verdicts == {"NOISE-1": "passed"}
    suite = (released.path / "junit.xml").read_text(encoding="utf-8")
    assert 'errors="1"' in suite
    assert '<testcase classname="segrobust" name="run"' in suite
    assert result.ret == 1, result.stdout.str()
    found = released.report["comparison"]
    assert (found["status"], found["holds"]) == ("made", False)
    assert found["requirements"][0]["shown"] == "worse"
    result.stdout.fnmatch_lines(["*NOT shown to be non-inferior*"])
    page = (released.path / "segrobust-report" / "report.html").read_text(encoding="utf-8")
    assert '<div class="decision passed">' not in page
    with Store.open(released.path / "segrobust-report" / "run.sqlite") as store:
        assert store.run()["exit_code"] == 1


def test_another_seed_is_refused_aloud_and_ends_red(released):
    result = released.run(*COMPARED, "--segrobust-seed=5")

    assert released.verdicts == {"NOISE-1": "passed"}
    assert result.ret == 1, result.stdout.str()
    found = released.report["comparison"]
    assert (found["status"], found["holds"]) == ("refused", False)
    assert "another seed" in found["why"]
    result.stdout.fnmatch_lines(["NOT compared with the release*another seed*"])
    assert not (released.path / "segrobust-report" / "comparison.json").exists()


def test_without_a_margin_nothing_is_called_non_inferior(outcome):
    found = outcome("generous", {})

    assert found.holds
    assert not found.to_json()["non_inferior"]
    assert found.words().endswith("this says nothing of non-inferiority")


def test_without_a_margin_a_new_failure_still_ends_red(outcome):
    found = outcome("vanishing", {})

    assert not found.holds
    assert found.to_json()["requirements"][0]["new_failures"]
    assert "not shown to be as good" in found.words()


def test_a_margin_of_another_unit_shows_nothing(outcome):
    found = outcome("generous", {"mm": 1.0})

    assert not found.holds
    assert found.to_json()["requirements"][0]["shown"] == "open"


def test_a_narrow_margin_does_not_hold(outcome):
    found = outcome("generous", {"": 0.001})
    (row,) = found.to_json()["requirements"]

    assert not found.holds
    assert (row["shown"], row["margin"]) == ("worse", 0.001)


def test_a_requirement_that_was_left_out_is_not_compared_and_ends_red(released):
    (released.path / "test_more.py").write_text("def test_other(): pass", encoding="utf-8")
    (released.path / "segrobust.toml").write_text(
        (released.path / "segrobust.toml").read_text(encoding="utf-8") + ONE.replace("NOISE-1", "NOISE-9"),
        encoding="utf-8",
    )
    assert released.run("--segrobust-report=other").ret == 0
    result = released.run("--segrobust-reference=other", "--segrobust-margin=2 %", "-k", "NOISE_1 or NOISE-1")

    assert result.ret == 1, result.stdout.str()
    assert [each["id"] for each in released.report["comparison"]["unmatched"]] == ["NOISE-9"]


def test_the_ini_file_may_name_the_release(released):
    released.pytester.makeini("[pytest]\nsegrobust_reference = release\nsegrobust_margin = 2 %\n")

    assert released.run(model="networks:generous").ret == 1
    assert released.report["comparison"]["margins"] == {"": 0.02}


def test_an_ini_file_that_names_a_release_does_not_stop_other_tests(pytester):
    pytester.makeini("[pytest]\nsegrobust_reference = release\nsegrobust_margin = 2 %\n")
    pytester.makepyfile("def test_other(): pass")

    assert pytester.runpytest_subprocess("-p", "no:cacheprovider").ret == 0


def test_a_comparison_is_made_once_with_workers(released):
    result = released.run(*COMPARED, "-n", "2")

    assert result.ret == 0, result.stdout.str()
    assert released.report["comparison"]["holds"] is True


@pytest.mark.parametrize(
    ("arguments", "model", "words"),
    [
        (["--segrobust-reference=absent"], "networks:discs", "*--segrobust-reference:*absent*no run is stored here*"),
        (["--segrobust-reference=images"], "networks:discs", "*--segrobust-reference:*images*no run is stored here*"),
        (["--segrobust-reference=segrobust-report"], "networks:discs", "*is the report folder of this run itself*"),
        ([*COMPARED[:1], "--segrobust-margin=a lot"], "networks:discs", "*--segrobust-margin:*a lot*"),
        (["--segrobust-margin=2 %"], "networks:discs", "*--segrobust-margin needs --segrobust-reference*"),
        (["--segrobust-reference=absent"], None, "*--segrobust-reference needs --segrobust-model*"),
    ],
)
def test_a_comparison_that_cannot_come_about_is_a_usage_error_before_anything_runs(project, arguments, model, words):
    if COMPARED[0] in arguments:
        with Store.create(project.path / "made.sqlite", {"data": {"sha256": "0" * 64}}):
            pass
        (project.path / "release").mkdir()
        shutil.move(project.path / "made.sqlite", project.path / "release" / "run.sqlite")

    result = project.run(*arguments, model=model)

    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str()
    result.stderr.fnmatch_lines([words])
    assert not (project.path / "segrobust-report").exists()


def test_a_release_that_measured_nothing_is_a_usage_error(project):
    (project.path / "release").mkdir()
    Store.create(project.path / "release" / "run.sqlite", {}).close()

    result = project.run(*COMPARED)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*its run measured nothing*"])


def test_until_it_is_made_the_report_says_that_a_comparison_is_owed(released):
    (released.path / "conftest.py").write_text(
        "import os, signal\n\ndef pytest_runtest_teardown():\n    os.kill(os.getpid(), signal.SIGKILL)\n",
        encoding="utf-8",
    )
    released.run(*COMPARED)
    (released.path / "conftest.py").unlink()

    with Store.open(released.path / "segrobust-report" / "run.sqlite") as store:
        owed = store.run()["comparison"]
    assert (owed["status"], owed["holds"]) == ("owed", False)


def test_a_run_without_a_release_has_no_comparison(released):
    assert released.run("--segrobust-resume").ret == 0
    assert "comparison" not in released.report


def test_an_error_in_the_comparison_is_no_pass(tmp_path, monkeypatch):
    from pytest_segrobust import release

    def broken(*_, **__):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(release, "compare", broken)
    outcome = release.compared_with(release.Release(tmp_path, {"": 0.02}), tmp_path)

    assert not outcome.holds
    assert "planted" in outcome.words()
    assert outcome.words().startswith("NOT compared")
