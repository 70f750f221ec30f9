"""A comparison on the terminal: one table, then what needs a closer look."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from ..evidence.rounding import interval_text, rounded
from ..evidence.verdicts import WORDS
from .margins import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from ..evidence.compared import ComparedRequirement, ComparisonReport, FailureChange

_COLOURS = {"non-inferior": "green", "worse": "red", "open": "yellow"}
_NAMED_CASES = 5


def print_comparison(report: ComparisonReport, console: Console) -> None:
    """The whole of it, on a console as wide as it is; nothing that a file says is read as markup."""
    from rich.text import Text

    old, *others = report.runs
    console.print(
        Text(f"{', '.join(printable(run.name) for run in others)} against {printable(old.name)}, ", style="bold")
        + Text(f"{report.n_patients} patients; margin: {words(report.margins)}; differences: positive is worse")
    )
    console.print(_table(report))
    for line in lines(report):
        console.print(Text(printable(line)))


def table_lines(report: ComparisonReport, *, width: int = 110) -> list[str]:
    """The whole of it as plain lines, for whoever has a terminal of their own."""
    from rich.console import Console

    console = Console(file=StringIO(), width=width, highlight=False, color_system=None)
    print_comparison(report, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO of the line above it
    return [line.rstrip() for line in text.splitlines()]


def lines(report: ComparisonReport) -> Iterator[str]:
    """What the table leaves out: reasons, failures by case, lost verdicts, what was not compared."""
    several = len(report.runs) > 2
    for each in report.requirements:
        name = f"{each.run}, {each.id}" if several else each.id
        yield f"{name}: {each.shown}: {each.reason}"
    for run in report.runs[1:]:
        own = [each for each in report.requirements if each.run == run.name]
        where = f" in {run.name}" if several else ""
        yield from _failures(f"new failure{where}", [(each.id, c) for each in own for c in each.new_failures])
        yield from _failures(f"repaired failure{where}", [(each.id, c) for each in own for c in each.repaired_failures])
    for other in report.unmatched:
        yield f"{other.id}: not compared with {other.run}: {other.why}"
    for note in report.notes:
        yield f"note: {note}"
    if several and any(each.shown != "open" and each.named is False for each in report.requirements):
        yield "* shown together with all others, but not if it is named alone (Holm over all rows)"
    if not report.margins:
        yield "no margin was stated (--margin), so nothing but estimates is shown"


def printable(text: str) -> str:
    """The text without what could steer a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _table(report: ComparisonReport) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    several = len(report.runs) > 2
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    headings = [
        *(["run"] if several else []),
        "id",
        "shown",
        "metric",
        "old",
        "new",
        "difference [L, U]",
        "verdict",
    ]
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading not in ("metric", "verdict"))
    for each in report.requirements:
        shown = each.shown + ("*" if several and each.shown != "open" and each.named is False else "")
        cells = [*([each.run] if several else []), each.id, shown, *_numbers(each), _verdicts(each)]
        table.add_row(*(Text(printable(cell), style=_COLOURS[each.shown] if cell is shown else "") for cell in cells))
    return table


def _numbers(each: ComparedRequirement) -> tuple[str, ...]:
    found = each.deciding
    unit = f" {each.unit}" if each.unit else ""
    if found is None:
        return each.metric, rounded(each.old_estimate), rounded(each.new_estimate), "–"
    value = f"{rounded(found.estimate)} {interval_text(found.interval)}{unit}"
    return each.metric, rounded(found.old), rounded(found.new), value


def _verdicts(each: ComparedRequirement) -> str:
    before, after = WORDS[each.old_verdict], WORDS[each.new_verdict]
    return before if before == after else f"{before} → {after}"


def _failures(words: str, changes: list[tuple[str, FailureChange]]) -> Iterator[str]:
    """One line for each case, whatever the number of requirements and points it fails at."""
    by_case: dict[str, list[tuple[str, FailureChange]]] = {}
    for identifier, change in changes:
        by_case.setdefault(change.case, []).append((identifier, change))
    for case, found in list(by_case.items())[:_NAMED_CASES]:
        change = found[0][1]
        names = ", ".join(dict.fromkeys(identifier for identifier, _ in found))
        yield f"{words}: {case}: {change.failure} ({change.structure} at {change.point}; {names})"
    if len(by_case) > _NAMED_CASES:
        yield f"{words}: {len(by_case) - _NAMED_CASES} more cases, in comparison.json"
