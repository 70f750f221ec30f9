"""Every installed package with its licence, and the file that pins them."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

from pytest_segrobust.evidence import software


def test_every_installed_package_is_listed_once_with_its_version():
    found = {each["name"].lower(): each for each in software.installed()}

    assert len(found) == len(software.installed())
    for name in ("pytest", "click", "numpy"):
        assert found[name]["version"] == importlib.metadata.version(name)
    assert found["pytest"]["license"] == "MIT"
    assert all(set(each) == {"name", "version", "license"} for each in found.values())


def test_a_licence_is_its_name_from_wherever_a_package_states_it(tmp_path: Path, monkeypatch):
    stated = {
        "new": "License-Expression: MIT OR Apache-2.0",
        "old": "License: BSD",
        "classified": "Classifier: License :: OSI Approved :: GNU General Public License (GPL)",
        "whole-text": "License: Copyright\n        All of this and that\nClassifier: License :: OSI Approved :: MIT License",
        "silent": "Summary: says nothing",
    }
    for name, line in stated.items():
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{line}\n", encoding="utf-8"
        )
    found = importlib.metadata.distributions(path=[str(tmp_path)])
    monkeypatch.setattr(software.importlib.metadata, "distributions", lambda: found)

    assert {each["name"]: each["license"] for each in software.installed()} == {
        "new": "MIT OR Apache-2.0",
        "old": "BSD",
        "classified": "GNU General Public License (GPL)",
        "whole-text": "MIT License",
        "silent": "",
    }


def test_the_nearest_lock_file_is_taken_and_none_from_beyond_the_repository(tmp_path: Path):
    (tmp_path / "uv.lock").write_text("of another project")
    project = tmp_path / "project"
    (project / "deep" / "specs").mkdir(parents=True)
    (project / ".git").mkdir()

    assert software.lock_files(project / "deep" / "specs") == []
    (project / "requirements-dev.txt").write_text("a==1\n")
    (project / "poetry.lock").write_text("[[package]]\n")
    assert [each["name"] for each in software.lock_files(project / "deep" / "specs")] == [
        "poetry.lock", "requirements-dev.txt",
    ]  # fmt: skip
    (project / "deep" / "constraints.txt").write_text("a==2\n")
    assert software.lock_files(project / "deep" / "specs") == [
        {"name": "constraints.txt", "sha256": hashlib.sha256(b"a==2\n").hexdigest()}
    ]
