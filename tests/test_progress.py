"""One line on a terminal, and nothing anywhere else."""

from __future__ import annotations

import contextlib
import io
from types import SimpleNamespace

import pytest

from pytest_segrobust.progress import progress_line


class Capture:
    """Pytest's capture manager, switched off for nothing."""

    @contextlib.contextmanager
    def global_and_fixture_disabled(self):
        yield


def config(*, isatty: bool, worker: bool = False) -> SimpleNamespace:
    plugins = {"terminalreporter": SimpleNamespace(isatty=isatty), "capturemanager": Capture()}
    made = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=plugins.get))
    if worker:
        made.workerinput = {}
    return made


def test_no_line_where_nobody_looks() -> None:
    assert progress_line(config(isatty=False), "ROB-001") is None
    assert progress_line(config(isatty=True, worker=True), "ROB-001") is None


def test_line_says_requirement_stage_and_count_and_is_wiped_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    line = progress_line(config(isatty=True), "ROB-001")

    line("searching", 3, 30)
    during = terminal.getvalue()
    line("searching", 30, 30)

    assert "ROB-001" in during
    assert "searching" in during
    assert "3/30" in during
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")
