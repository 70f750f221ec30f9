"""Versions and files are compared, and what does not fit is said."""

from __future__ import annotations

import importlib.metadata
from pathlib import PurePosixPath

import pytest

from pytest_segrobust.qualification import installation
from pytest_segrobust.qualification.check import made


def found(*ids: str):
    return {check.id: check for check in made(installation.PART, installation.plan(), ids or None)}


def test_every_package_that_is_needed_is_checked() -> None:
    names = {
        line.split(">")[0] for line in importlib.metadata.requires("pytest-segrobust") or [] if "extra" not in line
    }
    checks = found()

    assert {f"I-{name}" for name in names} <= set(checks)
    assert "I-onnx" not in checks
    assert all(check.passed for check in checks.values())


@pytest.mark.parametrize("version", ["1.25.9", "0.1"])
def test_a_package_that_is_too_old_is_said(monkeypatch, version: str) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    check = found("I-numpy")["I-numpy"]
    assert (check.found, check.passed) == (version, False)


def test_a_package_that_is_missing_is_said(monkeypatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert found("I-numpy")["I-numpy"].found == "not installed"
    assert not found("I-numpy")["I-numpy"].passed


class Recorded(PurePosixPath):
    """A file of an installation with its recorded hash."""

    content = b"as packed"
    hash = importlib.metadata.FileHash("sha256=wVk3Cv7eZ2uAV8e6zhIuCtIZVrxFjhg4gfPIWVK1C0U")

    def read_binary(self) -> bytes:
        return self.content


def test_changed_files_are_said(monkeypatch) -> None:
    digest = installation._digest(b"as packed")
    for recorded, passed in ((digest, True), ("x" + digest[1:], False)):
        monkeypatch.setattr(Recorded, "hash", importlib.metadata.FileHash(f"sha256={recorded}"))
        monkeypatch.setattr(importlib.metadata, "files", lambda _: [Recorded("pytest_segrobust/cli.py")])
        check = found("I-FILES")["I-FILES"]
        assert check.passed == passed
        assert ("pytest_segrobust/cli.py" in check.found) != passed
