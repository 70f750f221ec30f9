"""A report folder of a run that never happened, complete and with its page, made once a session and copied for each test."""

from __future__ import annotations

import importlib.util
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_segrobust.bundling import consistency
from pytest_segrobust.evidence.html import write_html
from pytest_segrobust.evidence.report import write_report

_HERE = Path(__file__).parents[1] / "evidence" / "conftest.py"
SPEC = "[model]\nclasses = { lung = 1 }\n# né à Genève\n"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that no test may change."""
    specification = importlib.util.spec_from_file_location("synthetic_run", _HERE)
    synthetic = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(synthetic)
    folder = tmp_path_factory.mktemp("finished") / "report"
    with synthetic.build(folder / "run.sqlite", n_patients=6, picture_size=16, complete=True) as store:
        packages = {"matplotlib": version("matplotlib")}
        store.set_run(environment={"packages": packages, "git": {"commit": "d" * 40, "dirty": False}})
        store.set_run(files={"segrobust.toml": SPEC}, directory=str(Path.home() / "project"))
        write_report(store, folder, status="complete")
    write_html(folder)
    return folder


@pytest.fixture
def report_folder(finished: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(finished, tmp_path / "report"))


@pytest.fixture
def not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks without drawing the page anew, where a test is of what else finds a change."""
    monkeypatch.setattr(consistency, "_rendered", lambda folder: None)
