"""The validation form: what was checked and found, filled in for a person to read, judge and sign. It is never signed here."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from ..evidence.atomic_write import write_atomically
from ..evidence.strict_json import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .check import Check
    from .qualify import Qualification

LIMITS = """
The planted defects are those listed. A model may be bad in a way that none of them is, and that no requirement of a spec asks for.
Patients here are made: small 2-D images. That the tool handles the formats, sizes and devices of a site is not shown by them.
A requirement sees fixed batches in a fixed order. A model that depends on its neighbours or on what it saw before passes it;
  whether predictions repeat is checked beside (D-BATCH-DEPENDENT, D-ORDER-DEPENDENT, D-RANDOM-TORCH, D-RANDOM-CLOCK).
A label that is burnt visibly into an image cannot be told from an image that shows the structure well.
A collapse in 1 patient of 20 cannot be failed by 20 patients: the pass is withheld and the case named (D-RARE); 200 fail it (D-RARE-MANY).
Everything here ran on the processor. A GPU has other roundings.
"""


def write_form(qualification: Qualification, folder: Path) -> Iterator[Path]:
    """Write `qualification.json` and `qualification.md`, and name them."""
    yield write_atomically(folder / "qualification.json", dumps(qualification.to_json()))
    yield write_atomically(folder / "qualification.md", form(qualification))


def form(qualification: Qualification) -> str:
    """The form in Markdown."""
    return "\n".join(_lines(qualification)) + "\n"


def _lines(qualification: Qualification) -> Iterator[str]:
    plain, machine = qualification.to_json(), qualification.machine
    failed = qualification.failed
    yield "# Tool qualification: installation (IQ) and operation (OQ)"
    yield ""
    yield "| | |"
    yield "|---|---|"
    tool = plain["tool"]
    yield _row("Tool", f"{tool['name']} {tool['version']}")
    yield _row("SHA-256 of the tool's source", machine.get("tool_source_sha256", "not known"))
    yield _row("Date (UTC)", qualification.started)
    yield _row("Operating system", machine.get("os", ""))
    yield _row("Processor", f"{machine.get('cpu', '')}, {machine.get('cores', '')} cores")
    yield _row("Python", machine.get("python", ""))
    yield _row("Packages", ", ".join(f"{name} {version}" for name, version in machine.get("packages", {}).items()))
    yield _row("Seed", str(qualification.seed))
    yield _row("Checks", f"{len(qualification.checks)}, of which {len(failed)} did not find what was expected")
    yield _row("Result", "**as expected**" if qualification.passed else "**NOT as expected**")
    yield ""
    yield (
        "Purpose: to show on this machine that the tool measures what it says, and that it does not pass a model that is bad. "
        "A check passes where what was found is what was expected."
    )
    if failed:
        yield ""
        yield f"Not as expected: {', '.join(check.id for check in failed)}."
    for part, checks in groupby(qualification.checks, key=lambda check: check.part):
        yield ""
        yield f"## {part}"
        yield ""
        yield from _table(list(checks))
    yield ""
    yield "## What this does not show"
    yield ""
    yield from (line if line.startswith(" ") else f"* {line}" for line in LIMITS.strip().splitlines())
    yield ""
    yield "## Judgement and signatures"
    yield ""
    yield "To be filled in by hand. This form was filled in by the tool and is not signed; the lines are no electronic signature."
    yield ""
    yield "Intended use of the tool: ______________________________________________"
    yield ""
    yield "Deviations and their disposition: ______________________________________"
    yield ""
    yield "| | name | role | signature | date |"
    yield "|---|---|---|---|---|"
    for who in ("Performed by", "Reviewed by", "Approved by"):
        yield f"| {who} | | | | |"


def _table(checks: Sequence[Check]) -> Iterator[str]:
    by = any(check.caught_by for check in checks)
    headings = ["id", "purpose", *(["judged by"] if by else []), "expected", "found", "result"]
    yield _row(*headings)
    yield "|" + "---|" * len(headings)
    for check in checks:
        caught = [check.caught_by] if by else []
        result = "pass" if check.passed else "**FAIL**"
        yield _row(check.id, check.purpose, *caught, check.expected, check.found, result)


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
