"""A plan on the terminal: what it costs, whom it needs, and what so many patients can show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..comparison.printed import printable
from ..evidence.rounding import percent, rounded
from ..evidence.words import level
from .memory import lines as memory_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from .plan import Plan, PlannedRequirement


def print_plan(plan: Plan, console: Console) -> None:
    """The table of requirements, then what holds for all of them."""
    from rich.text import Text

    console.print(
        Text(f"profile {plan.profile}, {plan.patients} patients, {plan.cases} cases; searches screen ", style="bold")
        + Text(f"{plan.screening_patients} patients, verdicts are of all", style="bold")
    )
    console.print(_table(plan))
    for line in lines(plan):
        console.print(Text(printable(line)))


def lines(plan: Plan) -> Iterator[str]:
    """All that is no row of the table."""
    yield f"at the most {plan.passes} forward passes{_time(plan, plan.passes)}, {plan.clean_passes} of them on clean images"
    if not plan.seconds_per_pass:
        yield "time: a pilot run of the same model on this machine tells it (--pilot REPORT)"
    yield from memory_lines(plan.memory)
    for each in plan.requirements:
        words = "; ".join(need.words for need in (each.least, each.need) if need is not None and need.words)
        if words:
            yield f"{each.requirement.id}: {words}"
    for confidence in sorted({each.requirement.confidence for each in plan.requirements}):
        share = percent(plan.rules_out(confidence), "up")
        yield (
            f"{plan.patients} patients without a single failure rule out only failure rates above {share} "
            f"(1 - {1 - confidence:.3g}^(1/{plan.patients}), with {level(confidence)} confidence)"
        )
    if (achieved := _together(plan)) is not None:
        yield achieved
    for note in plan.notes:
        yield f"note: {note}"


def _table(plan: Plan) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    piloted = any(each.need is not None for each in plan.requirements)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    headings = ["id", "screened", "on all", "draws", "images", "passes"]
    headings += ["time"] if plan.seconds_per_pass else []
    headings += ["patients needed"] if piloted or any(each.least.patients for each in plan.requirements) else []
    headings += ["power now"] if piloted else []
    for heading in headings:
        table.add_column(
            heading, justify="left" if heading == "id" else "right", no_wrap=heading != "id", overflow="fold"
        )
    for each in plan.requirements:
        table.add_row(*(Text(printable(cell)) for cell in _row(each, plan, headings)))
    return table


def _row(each: PlannedRequirement, plan: Plan, headings: list[str]) -> list[str]:
    spent, need = each.spending, each.need
    attacks = f" ({each.attack_passes} of attacks)" if each.attack_passes else ""
    cells = {
        "id": each.requirement.id,
        "screened": f"{spent.screened} points",
        "on all": f"{spent.decided} points",
        "draws": str(spent.realisations),
        "images": str(each.images),
        "passes": f"{each.passes}{attacks}",
        "time": _time(plan, each.passes).strip(" ,") or "–",
        "patients needed": _patients(each),
        "power now": "–" if need is None or need.power is None else percent(need.power, "down"),
    }
    return [cells[heading] for heading in headings]


def _patients(each: PlannedRequirement) -> str:
    if each.need is not None:
        return (
            "–" if each.need.patients is None else str(max(each.need.patients, each.least.patients or 0, each.minimum))
        )
    return "–" if each.least.patients is None else f"at least {each.least.patients}"


def _together(plan: Plan) -> str | None:
    """The chance that all gating requirements pass with the patients at hand, where the pilot foresees it."""
    powers = [each.need.power for each in plan.requirements if each.requirement.gates and each.need is not None]
    known = [power for power in powers if power is not None]
    if len(known) < 2:
        return None
    product = math.prod(known)
    return (
        f"with {plan.patients} patients the {len(known)} gating requirements whose power is foreseen would pass together "
        f"with {percent(product, 'down')}, if they were independent and the pilot is typical"
    )


def _time(plan: Plan, passes: int) -> str:
    if not plan.seconds_per_pass:
        return ""
    seconds = passes * plan.seconds_per_pass * max(plan.wall_share or 1.0, 1.0)
    for size, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f", {rounded(seconds / size, digits=2)} {name}"
    return f", {rounded(seconds, digits=2)} s"
