"""One line on a terminal that says what is being measured; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

Progress = Callable[[str, int, int], None]

START_OF_LINE = "\r\x1b[2K"


def progress_line(config: pytest.Config, requirement: str) -> Progress | None:
    """What `verify` calls with (stage, done, total), or None where there is no terminal to write on."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")
    if reporter is None or capture is None or hasattr(config, "workerinput") or not reporter.isatty:
        return None
    return _Line(capture, requirement)


class _Line:
    def __init__(self, capture: Any, requirement: str) -> None:
        from rich.console import Console

        self.capture = capture
        self.requirement = requirement
        with capture.global_and_fixture_disabled():
            self.console = Console(file=sys.stdout, highlight=False)

    def __call__(self, stage: str, done: int, total: int) -> None:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        line = Table.grid(padding=(0, 1))
        line.add_row(
            f"[bold]{self.requirement}[/bold]", stage, ProgressBar(total=max(total, 1), completed=done, width=30),
            f"{done}/{total}",
        )  # fmt: skip
        with self.console.capture() as drawn:  # a table ends its line, and this one must stay open
            self.console.print(line)
        with self.capture.global_and_fixture_disabled():
            sys.stdout.write(START_OF_LINE + drawn.get().rstrip("\n"))
            if done >= total:
                sys.stdout.write(START_OF_LINE)
            sys.stdout.flush()
