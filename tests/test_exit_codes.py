"""Exit code 0 only if every selected requirement passed, whatever options, markers and plugins do to the items."""

from __future__ import annotations

import pytest

XFAIL = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xfail)
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_expected_failure_is_a_failure(project, workers: str) -> None:
    (project.path / "conftest.py").write_text(XFAIL)

    result = project.run("-n", workers, "-k", "CLEAN-1", model="networks:background")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.verdicts["CLEAN-1"] == "failed"


def test_expected_failure_that_passes_is_a_pass(project) -> None:
    (project.path / "conftest.py").write_text(XFAIL)

    assert project.run("-k", "CLEAN-1").ret == pytest.ExitCode.OK
    assert project.verdicts["CLEAN-1"] == "passed"


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan"])
def test_setting_up_alone_decides_nothing(project, option: str) -> None:
    result = project.run(option)

    assert result.ret != pytest.ExitCode.OK
    assert set(project.verdicts.values()) == {"not_run"}


def test_resuming_with_another_model_keeps_no_verdict(project) -> None:
    project.run("-k", "CLEAN-1 or NOISE-1")

    project.run("--segrobust-resume", "-k", "NOISE-2", model="networks:background")

    assert project.verdicts == {"NOISE-1": "not_run", "NOISE-2": "failed", "CLEAN-1": "not_run"}
    assert project.report["status"] == "incomplete"


def test_one_item_by_its_node_id_leaves_the_others_not_run(project) -> None:
    project.run("segrobust.toml::CLEAN-1")

    assert project.verdicts == {"NOISE-1": "not_run", "NOISE-2": "not_run", "CLEAN-1": "passed"}
    assert project.report["status"] == "incomplete"


def test_spec_that_cannot_be_read_keeps_the_report_from_being_complete(project) -> None:
    (project.path / "other.segrobust.toml").write_text("[model\n")

    result = project.run("--continue-on-collection-errors", "-k", "not NOISE-2")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.report["status"] == "incomplete"
    assert any("other.segrobust.toml" in event["text"] for event in project.report["events"])


def test_same_image_of_two_patients_is_refused(project) -> None:
    for kind in ("images", "labels"):
        (project.path / kind / "patient_99.nii.gz").write_bytes(
            (project.path / kind / "patient_00.nii.gz").read_bytes()
        )

    project.run("-k", "CLEAN-1")

    assert project.verdicts["CLEAN-1"] == "invalid"
    assert "patient_00 and patient_99 have the same image" in project.result("CLEAN-1")["reason"]
