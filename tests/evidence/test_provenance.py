"""Where a result comes from, without saying who or where its user is."""

from __future__ import annotations

import getpass
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from pytest_segrobust.evidence import provenance

GIT = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false"]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        [*GIT, "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_environment_is_json_and_names_what_changes_numbers():
    found = json.loads(json.dumps(provenance.environment()))

    assert set(found["packages"]) >= {"pytest-segrobust", "numpy", "torch", "monai", "scipy", "hypothesis"}
    assert found["python"].endswith(platform.python_version())
    assert found["cores"] == os.cpu_count()
    assert found["cpu"]


def test_the_environment_names_no_user_no_machine_and_no_home():
    text = json.dumps(provenance.environment(Path.cwd()))

    assert str(Path.home()) == "/" or str(Path.home()) not in text
    assert platform.node() not in text
    assert f"/{getpass.getuser()}/" not in text


def test_torch_is_described_only_where_it_is_loaded():
    code = (
        "import json; from pytest_segrobust.evidence.provenance import environment; before = environment()['torch'];"
        "import torch; torch.set_num_threads(1); torch.use_deterministic_algorithms(True);"
        "print(json.dumps([before, environment()['torch']]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout)

    assert before is None
    assert (after["threads"], after["deterministic"]) == (1, True)
    assert isinstance(after["gpus"], list)


def test_git_state_names_the_commit_and_whether_files_differ(tmp_path: Path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "a")

    assert provenance.git_state(tmp_path) == {"commit": git(tmp_path, "rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "a").write_text("2")
    assert provenance.git_state(tmp_path)["dirty"] is True


def test_no_repository_no_commit_and_no_git_are_no_errors(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert provenance.git_state(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert provenance.git_state(tmp_path) is None


def test_a_look_at_git_runs_no_program_that_the_repository_names(tmp_path: Path):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-qm", "a", "--allow-empty")
    watcher = tmp_path / "watcher"
    watcher.write_text(f"#!/bin/sh\ntouch {tmp_path}/has-run\n")
    watcher.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(watcher))

    provenance.git_state(tmp_path)

    assert not (tmp_path / "has-run").exists()


def test_what_a_run_itself_writes_makes_no_project_dirty_and_all_else_does(tmp_path: Path):
    git(tmp_path, "init", "-q")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("1")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "a")
    report = tmp_path / "sub" / "rep[1]"
    for folder in (report, tmp_path / "__pycache__", tmp_path / ".hypothesis" / "unicode"):
        folder.mkdir(parents=True)
        (folder / "written").write_text("1")
    (tmp_path / "sub" / "segrobust-ledger.jsonl").write_text("{}")

    assert provenance.git_state(tmp_path / "sub", ignoring=report)["dirty"] is False
    assert provenance.git_state(tmp_path / "sub")["dirty"] is True
    # a report folder that holds the project is no reason to look away
    assert provenance.git_state(tmp_path / "sub", ignoring=tmp_path)["dirty"] is True
    (tmp_path / "rep1").write_text("1")  # what the name would match as a pattern
    assert provenance.git_state(tmp_path / "sub", ignoring=report)["dirty"] is True
