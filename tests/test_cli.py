"""The command line: begin, check, render again, replay."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from pytest_segrobust.cli import main


def segrobust(*arguments: str | Path):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def segrobust_process(project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest_segrobust.cli", *arguments],
        cwd=project.path, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_init_writes_a_spec_that_parses(tmp_path: Path) -> None:
    from pytest_segrobust.requirements.spec import load

    result = segrobust("init", tmp_path / "segrobust.toml")

    assert result.exit_code == 0
    assert [requirement.id for requirement in load(tmp_path / "segrobust.toml").requirements] == ["ROB-001", "ROB-002"]


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "segrobust.toml").write_text("mine")

    result = segrobust("init", tmp_path / "segrobust.toml")

    assert result.exit_code == 1
    assert (tmp_path / "segrobust.toml").read_text() == "mine"


def test_check_says_each_requirement_in_canonical_words_and_counts_the_data(project) -> None:
    result = segrobust("check", project.path / "segrobust.toml")

    assert result.exit_code == 0, result.output
    assert "CLEAN-1: DSC is at least 0.9" in result.output
    assert "3 requirements, 8 cases of 8 patients" in result.output


def test_check_names_a_missing_label_in_one_line(project) -> None:
    (project.path / "labels" / "patient_01.nii.gz").unlink()

    result = segrobust("check", project.path / "segrobust.toml")

    assert result.exit_code == 1
    assert "patient_01" in result.output
    assert len(result.output.strip().splitlines()) <= 5  # the requirements, and one line


def test_schema_is_json(tmp_path: Path) -> None:
    assert "properties" in json.loads(segrobust("schema").output)


def test_replay_gives_the_stored_numbers(project) -> None:
    project.run("-k", "NOISE-2")

    again = segrobust_process(project, "replay", "segrobust-report", "NOISE-2", "--save", "saved")

    assert again.returncode == 0, again.stdout + again.stderr
    assert "the same numbers as stored" in again.stdout
    assert "note:" not in again.stdout
    names = {path.name.split("_", 2)[2] for path in (project.path / "saved").iterdir()}
    assert names == {
        "clean.nii.gz", "perturbed.nii.gz", "reference.nii.gz", "prediction_clean.nii.gz", "prediction_perturbed.nii.gz",
        "overlay.png",
    }  # fmt: skip


def test_replay_of_a_python_requirement_knows_what_was_scored(project) -> None:
    project.pytester.makepyfile(
        test_python="""
        import pytest
        from pytest_segrobust import perturbations as p

        @pytest.mark.requirement("PY-1")
        def test_surface(segrobust):
            assert segrobust.increase("hd95", p.gaussian_noise(sigma=0.3)) < 0.001
    """
    )
    project.run("test_python.py", "segrobust.toml")

    again = segrobust_process(project, "replay", "segrobust-report", "PY-1")

    assert again.returncode == 0, again.stdout + again.stderr
    assert "the same numbers as stored" in again.stdout


def test_replay_says_that_the_model_has_changed(project) -> None:
    project.run("-k", "NOISE-2")
    text = (project.path / "networks.py").read_text()
    (project.path / "networks.py").write_text(text.replace("avg_pool2d(x, 5, 1, 2)", "avg_pool2d(x, 3, 1, 1)"))

    again = segrobust_process(project, "replay", "segrobust-report", "NOISE-2")

    assert again.returncode == 1
    assert "the model is not the one that was verified" in again.stdout
    assert "NOT the same numbers" in again.stdout


def test_replay_of_an_unknown_requirement_is_one_line(project) -> None:
    project.run("-k", "CLEAN-1")

    result = segrobust("replay", project.path / "segrobust-report", "NOISE-9")

    assert result.exit_code == 1
    assert "NOISE-1, NOISE-2, CLEAN-1" in result.output


def test_report_is_rendered_again_from_the_store(project) -> None:
    project.run("-k", "CLEAN-1")
    page = project.path / "segrobust-report" / "report.html"
    before = page.read_bytes()
    page.unlink()

    result = segrobust("report", project.path / "segrobust-report")

    assert result.exit_code == 0, result.output
    assert page.read_bytes() == before


def test_report_of_no_run_is_one_line(tmp_path: Path) -> None:
    result = segrobust("report", tmp_path)

    assert result.exit_code == 1
    assert "no run is stored here" in result.output
