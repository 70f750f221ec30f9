"""A qualification on the terminal: a line for each part and each planted model, all that was not as expected, and the result."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from ..comparison.printed import printable
from .battery import PART as MODELS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .check import Check
    from .qualify import Qualification


def print_qualification(qualification: Qualification, console: Console) -> None:
    """Parts as counts, models one by one."""
    from rich.text import Text

    for part, found in groupby(qualification.checks, key=lambda check: check.part):
        checks = list(found)
        good = sum(check.passed for check in checks)
        style = "bold" if good == len(checks) else "bold red"
        console.print(Text(f"{part}: {good} of {len(checks)} checks as expected", style=style))
        shown = checks if part == MODELS else [check for check in checks if not check.passed]
        if shown:
            console.print(_table(shown))
    words = "as expected" if qualification.passed else "NOT as expected"
    console.print(Text(f"{len(qualification.checks)} checks in {qualification.seconds:.0f} s: {words}", style="bold"))
    if not qualification.passed:
        ids = ", ".join(check.id for check in qualification.failed) or "nothing was checked"
        console.print(Text(printable(f"not as expected: {ids}; do not rely on this installation"), style="bold red"))


def _table(checks: list[Check]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("", "id", "expected", "found", "judged by"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("", "id"))
    for check in checks:
        result = Text("ok", style="green") if check.passed else Text("NOT OK", style="bold red")
        cells = (check.id, check.expected, check.found, check.caught_by or check.purpose)
        table.add_row(result, *(Text(printable(cell)) for cell in cells))
    return table
