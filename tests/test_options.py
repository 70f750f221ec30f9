"""Every option on the command line and as ini value, and the runs that must not end green."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("workers", ["0", "2"])
def test_spec_without_model_is_a_usage_error(project, workers: str) -> None:
    result = project.run("-n", workers, model=None)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no model: give --segrobust-model*"])


def test_named_spec_without_model_is_a_usage_error(project) -> None:
    result = project.run("--segrobust-spec=segrobust.toml", model=None)

    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_spec_that_does_not_exist_is_a_usage_error(project) -> None:
    result = project.run("--segrobust-spec=absent.toml")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--segrobust-spec: no such file: *absent.toml*"])


def test_model_without_any_requirement_does_not_end_green(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_other(): pass")

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--segrobust-model=networks:discs")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["*no requirement was run: nothing has been verified*"])


def test_every_option_has_an_ini_twin(project) -> None:
    (project.path / "verification").mkdir()
    (project.path / "segrobust.toml").rename(project.path / "verification" / "release.toml")
    project.pytester.makeini("""
        [pytest]
        segrobust_model = networks:discs
        segrobust_spec = verification/release.toml
        segrobust_report = evidence
        segrobust_profile = smoke
        segrobust_seed = 7
        segrobust_data = .
        segrobust_device = cpu
    """)
    (project.path / "networks.py").rename(project.path / "verification" / "networks.py")

    result = project.pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=2, failed=1)
    import json

    report = json.loads((project.path / "evidence" / "report.json").read_text())
    assert (report["seed"], report["profile"], report["device"]) == (7, "smoke", "cpu")


def test_report_lies_where_pytest_was_started_unless_said_otherwise(project) -> None:
    (project.path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    folder = project.path / "verification"
    folder.mkdir()

    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "../segrobust.toml", "--segrobust-model=networks:discs",
         "--segrobust-profile=smoke", "-k", "CLEAN-1"], cwd=folder, check=True, capture_output=True,
    )  # fmt: skip

    assert (folder / "segrobust-report" / "report.json").exists()


def test_unknown_profile_in_the_ini_file_is_a_usage_error(project) -> None:
    project.pytester.makeini("[pytest]\nsegrobust_profile = thorough\n")

    result = project.pytester.runpytest_subprocess("-p", "no:cacheprovider", "--segrobust-model=networks:discs")

    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_named_spec_runs_alone_and_only_once(project) -> None:
    project.pytester.makepyfile("def test_other(): pass")

    alone = project.run("--segrobust-spec=segrobust.toml", "--collect-only", "-q")
    one = project.run("--segrobust-spec=segrobust.toml", "segrobust.toml::NOISE-1", "--collect-only", "-q")

    assert [line for line in alone.outlines if "::" in line] == [
        f"segrobust.toml::{name}" for name in ("NOISE-1", "NOISE-2", "CLEAN-1")
    ]
    assert [line for line in one.outlines if "::" in line] == ["segrobust.toml::NOISE-1"]
