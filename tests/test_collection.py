"""Requirements are test items like any other."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("workers", ["0", "2"])
def test_each_requirement_is_one_item_with_one_verdict(project, workers: str) -> None:
    result = project.run("-n", workers)

    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.verdicts == {"NOISE-1": "passed", "NOISE-2": "failed", "CLEAN-1": "passed"}
    assert project.report["status"] == "complete"


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (("-k", "NOISE-2"), ["NOISE-2"]),
        (("-k", "gaussian_noise"), ["NOISE-1", "NOISE-2"]),
        (("-k", "floor"), ["CLEAN-1"]),
        (("-m", "segrobust(id='NOISE-1')"), ["NOISE-1"]),
        (("segrobust.toml::CLEAN-1",), ["CLEAN-1"]),
    ],
)
def test_items_are_selected_by_id_perturbation_tag_and_marker(
    project, selection: tuple[str, ...], left: list[str]
) -> None:
    result = project.run(*selection, "--collect-only", "-q")

    assert [line.partition("::")[2] for line in result.outlines if "::" in line] == left


def test_what_was_not_selected_is_not_run_and_the_report_incomplete(project) -> None:
    result = project.run("-k", "CLEAN-1")

    assert result.ret == pytest.ExitCode.OK
    assert project.report["status"] == "incomplete"
    assert project.verdicts == {"NOISE-1": "not_run", "NOISE-2": "not_run", "CLEAN-1": "passed"}


def test_failure_says_numbers_without_a_traceback(project) -> None:
    result = project.run("-k", "NOISE-2")

    text = result.stdout.str()
    result.stdout.fnmatch_lines(["*_ NOISE-2 _*", "*DSC drop under gaussian noise with sigma <= 2 is below 5 %*"])
    result.stdout.fnmatch_lines(["*sigma=2*", "*segrobust replay segrobust-report NOISE-2*"])
    assert "Traceback" not in text
    assert "def decide" not in text
    result.stdout.fnmatch_lines(["FAILED segrobust.toml::NOISE-2 - *"])


def test_failing_requirement_has_a_breaking_point_inside_its_range(project) -> None:
    project.run("-k", "NOISE-2")

    breaking = project.result("NOISE-2")["breaking_point"]
    assert 0 < breaking["severity"] < 1
    assert 0.1 < breaking["parameters"][0]["parameters"]["sigma"] < 2


def test_junit_carries_the_numbers(project) -> None:
    project.run("-n", "2", "--junitxml=junit.xml")

    xml = (project.path / "junit.xml").read_text()
    assert '<property name="segrobust.req" value="NOISE-2"' in xml
    assert '<property name="segrobust.verdict" value="failed"' in xml
    assert '<property name="segrobust.risks" value="H-3"' in xml


def test_last_failed_runs_the_failed_requirement_again(project) -> None:
    arguments = ("--segrobust-model=networks:discs", "--segrobust-profile=smoke")
    project.pytester.runpytest_subprocess(*arguments)

    again = project.pytester.runpytest_subprocess(*arguments, "--lf")

    again.assert_outcomes(failed=1)


def test_stopping_at_the_first_failure_leaves_the_rest_not_run(project) -> None:
    project.run("-x")

    assert project.verdicts == {"NOISE-1": "passed", "NOISE-2": "failed", "CLEAN-1": "not_run"}
    assert project.report["status"] == "incomplete"


def test_skipped_requirement_is_not_green(project) -> None:
    (project.path / "conftest.py").write_text("""
import pytest

@pytest.fixture(scope="session")
def segmenter():
    pytest.skip("no model today")
""")

    result = project.run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert set(project.verdicts.values()) == {"not_run"}
    result.stdout.fnmatch_lines(["*was skipped, which decides nothing*"])


def test_fixtures_can_be_overridden(project) -> None:
    (project.path / "conftest.py").write_text("""
import pytest

@pytest.fixture(scope="session")
def cases(cases):
    print("eight cases:", len(cases.cases))
    return cases
""")

    project.run("-s", "-k", "CLEAN-1").stdout.fnmatch_lines(["*eight cases: 8*"])


def test_two_specs_with_different_models_are_refused(project) -> None:
    text = (project.path / "segrobust.toml").read_text()
    (project.path / "other.segrobust.toml").write_text(
        text.replace("batch_size = 4", "batch_size = 2").replace("NOISE", "MORE")
    )

    result = project.run()

    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*differs from*run the two separately*"])


def test_one_id_in_two_specs_is_refused(project) -> None:
    (project.path / "other.segrobust.toml").write_text((project.path / "segrobust.toml").read_text())

    result = project.run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*requirement *stands twice*"])


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ('statement = "DSC drop under guassian noise with sigma <= 0.1 is below 5 %"', "gaussian noise"),
        ('statment = "DSC is at least 0.9"', "statement"),
    ],
)
def test_bad_spec_is_one_line_and_exit_code_is_not_zero(project, broken: str, words: str) -> None:
    project.spec(f'\n[[requirement]]\nid = "X-1"\n{broken}\n')

    result = project.run()

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert words in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
