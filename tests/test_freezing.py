"""Requirements frozen before a run, and what the run then says of itself."""

from __future__ import annotations

import getpass
import json
import platform
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_segrobust import options
from pytest_segrobust.bundling.checking import check
from pytest_segrobust.cli import main
from pytest_segrobust.evidence.lock import read_lock
from pytest_segrobust.freezing import frozen_state, texts
from pytest_segrobust.requirements.spec import load

SCHEMA = json.loads((Path(__file__).parents[1] / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
SPEC = """
[model]
classes = { disc = 1 }

[data]
images = "images/*.nii.gz"
labels = "labels/{name}.nii.gz"
patient = "{name}"

[[requirement]]
id = "CLEAN-1"
statement = "DSC is at least 0.9"
"""


def segrobust(*arguments: str | Path):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "segrobust.toml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_freezing_writes_a_lock_and_an_unchanged_meaning_leaves_it(spec: Path) -> None:
    first = segrobust("freeze", spec, "--approver", "R. Viewer")
    lock = spec.with_name("segrobust.lock").read_text(encoding="utf-8")
    spec.write_text(SPEC.replace("DSC is", "Dice  is") + "# a comment\n", encoding="utf-8")
    again = segrobust("freeze", spec, "--approver", "Somebody Else")

    assert first.exit_code == again.exit_code == 0, first.output + again.output
    assert "frozen: segrobust.toml" in first.output
    assert "frozen already" in again.output
    assert spec.with_name("segrobust.lock").read_text(encoding="utf-8") == lock
    entry = read_lock(lock, "l").last
    assert (entry.approver, entry.sha256) == ("R. Viewer", load(spec).sha256)
    assert frozen_state([load(spec)])["state"] == "frozen"


def test_a_changed_spec_is_frozen_again_only_with_a_reason_and_the_diff_is_shown(spec: Path) -> None:
    segrobust("freeze", spec, "--approver", "R. Viewer")
    spec.write_text(SPEC.replace("0.9", "0.8"), encoding="utf-8")

    refused = segrobust("freeze", spec, "--approver", "R. Viewer")
    done = segrobust("freeze", spec, "--approver", "R. Viewer", "--reason", "reader study")

    assert refused.exit_code == 1
    assert "--reason" in refused.output
    assert done.exit_code == 0, done.output
    assert '-   "statement": "DSC is at least 0.9 with 95 % confidence"' in done.output
    assert '+   "statement": "DSC is at least 0.8 with 95 % confidence"' in done.output
    state = frozen_state([load(spec)])
    assert state["state"] == "frozen"
    assert [amendment["reason"] for amendment in state["amendments"]] == ["reader study"]
    assert "amended once" in state["words"]


def test_no_approver_no_lock(spec: Path) -> None:
    assert segrobust("freeze", spec).exit_code == 2
    assert segrobust("freeze", spec, "--approver", " ").exit_code == 1
    assert not spec.with_name("segrobust.lock").exists()


def test_a_lock_edited_by_hand_is_neither_trusted_nor_amended(spec: Path) -> None:
    segrobust("freeze", spec, "--approver", "R. Viewer")
    lock = spec.with_name("segrobust.lock")
    edited = lock.read_text(encoding="utf-8").replace("R. Viewer", "N. Obody")
    lock.write_text(edited, encoding="utf-8")
    spec.write_text(SPEC.replace("0.9", "0.8"), encoding="utf-8")

    state = frozen_state([load(spec)])
    again = segrobust("freeze", spec, "--approver", "R. Viewer", "--reason", "r")

    assert state["state"] == "not_frozen"
    assert "edited by hand" in state["words"]
    assert again.exit_code == 1
    assert lock.read_text(encoding="utf-8") == edited


def test_of_several_files_the_one_that_is_not_as_frozen_speaks(spec: Path) -> None:
    other = spec.with_name("b.segrobust.toml")
    other.write_text(SPEC.replace("CLEAN-1", "CLEAN-2"), encoding="utf-8")
    segrobust("freeze", spec, "--approver", "R. Viewer")

    state = frozen_state([load(spec), load(other)])

    assert state["state"] == "not_frozen"
    assert [each["state"] for each in state["files"]] == ["frozen", "not_frozen"]
    assert "b.segrobust.toml was not frozen" in state["words"]
    assert set(texts([load(spec), load(other)])) == {"segrobust.toml", "segrobust.lock", "b.segrobust.toml"}


def test_what_may_pass_over_python_tests_is_remembered(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a="def test_one(): pass")
    for arguments, expected in (
        (["--lf"], ["--lf"]),
        ([f"{pytester.path}/test_a.py::test_one"], ["test_a.py::test_one"]),
        (["test_a.py", "--segrobust-model=networks:discs"], []),
    ):
        assert options.narrowed_by(pytester.parseconfig("-p", "cacheprovider", *arguments)) == expected


def commit(folder: Path) -> None:
    (folder / ".gitignore").write_text("runpytest-*\nstdout\nstderr\n")  # what pytester itself leaves
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false", "-C", str(folder)]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "a"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)


def test_a_frozen_run_in_a_clean_project_is_the_draft_of_a_record_that_can_be_bundled(project) -> None:
    project.spec('[[requirement]]\nid = "CLEAN-1"\nstatement = "DSC is at least 0.9"\n')
    (project.path / "helping.py").write_text("SHIFT = 0.0\n")
    networks = (project.path / "networks.py").read_text()
    (project.path / "networks.py").write_text(
        networks.replace("return Discs()", "import helping\n    return Discs()", 1)
    )
    (project.path / "uv.lock").write_text("version = 1\n")
    segrobust("freeze", project.path / "segrobust.toml", "--approver", "R. Viewer")
    commit(project.path)

    result = project.run()

    report, folder = project.report, project.path / "segrobust-report"
    result.stdout.fnmatch_lines(["record: draft: not yet signed off", "*was frozen on * by R. Viewer*"])
    assert report["record"]["state"] == "draft", report["record"]
    assert report["freeze"]["state"] == "frozen"
    provenance = report["provenance"]
    assert {(each["what"], each["name"]) for each in provenance["code"]} == {
        ("model", "networks:discs"), ("loaded", "networks.py"), ("loaded", "helping.py"),
    }  # fmt: skip
    assert provenance["lock_file"]["name"] == "uv.lock"
    assert provenance["git"]["dirty"] is False, "the report folder makes no project dirty"
    assert len(provenance["data_files"]) == 8
    assert list(provenance["data_files"][0]["files"]) == ["images/patient_00.nii.gz", "labels/patient_00.nii.gz"]
    assert {each["name"]: each["license"] for each in report["soup"]}["click"] == "BSD-3-Clause"
    pytest.importorskip("jsonschema", reason="jsonschema is not installed").Draft202012Validator(SCHEMA).validate(
        report
    )
    for name in ("environment.json", "attestation.intoto.json", "bom.cdx.json"):
        text = (folder / name).read_text(encoding="utf-8")
        assert str(project.path) not in text
        assert platform.node() not in text
        assert f"/{getpass.getuser()}/" not in text
    made = segrobust("bundle", folder)
    assert made.exit_code == 0, made.output
    assert check(folder.with_name("segrobust-report.zip")).intact
    assert segrobust("verify", folder.with_name("segrobust-report.zip")).output.splitlines()[-1] == "unchanged"
    with folder.with_name("segrobust-report.zip").open("ab") as file:
        file.write(b"x")
    assert segrobust("verify", folder.with_name("segrobust-report.zip")).exit_code in (1, 2)
    assert segrobust("verify", project.path / "absent.zip").exit_code == 2


def test_a_run_under_a_changed_spec_and_of_a_part_says_so_in_terminal_and_report(project) -> None:
    segrobust("freeze", project.path / "segrobust.toml", "--approver", "R. Viewer")
    path = project.path / "segrobust.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("at least 0.9", "at least 0.8"), encoding="utf-8")
    commit(project.path)
    (project.path / "networks.py").open("a").write("\n")

    result = project.run("-n", "2", "-k", "CLEAN")

    report = project.report
    result.stdout.fnmatch_lines(
        ["record: test run, not for record", "*is NOT the one that was frozen on * by R. Viewer*"]
    )
    assert report["freeze"]["state"] == "changed"
    assert any("at least 0.8" in line for line in report["freeze"]["diff"])
    assert report["record"]["state"] == "test_run"
    why = " ".join(report["record"]["why"])
    assert "NOISE-1, NOISE-2 deselected" in why
    assert "differ from its last commit" in why
    assert not (project.path / "segrobust-report" / "attestation.intoto.json").exists()
    assert check(project.path / "segrobust-report").intact, "nothing is written to the store after the report"
