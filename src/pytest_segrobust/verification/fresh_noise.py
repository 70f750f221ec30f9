"""The worst point once more, under noise that the search has not seen: what was found there may be one draw's chance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .decision import SEVERITY, Cell, worst
from .words import verdict_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.records import RequirementResult, Verdict

    from .decision import Criterion, Unsaid

CAVEAT = " (under the noise that was searched)"


def with_fresh_noise(
    result: RequirementResult,
    cells: Sequence[Cell],
    criterion: Criterion,
    *,
    plausible: bool,
    blocked: Sequence[Unsaid] = (),
    failures: Sequence[str] = (),
) -> RequirementResult:
    """The result with what its worst point gives under fresh noise; `cells` are the structures' decisions there.

    A worst point is, of many, the one at which its own draw of noise happened to do most, so fresh noise usually does less:
    that takes back no failure. Where the claim is not shown with fresh noise, it is not met: a pass holds under both.
    `plausible` says that the point is in the plausible part of a stress test, which then gates. `failures` are patients with
    a gross failure under fresh noise alone, in words; `blocked` are structures of which nothing can be said any more.
    """
    named: dict[str, Any] = dict(result.worst or {})
    own = next((cell for cell in cells if cell.structure == named.get("structure")), None)
    if own is not None:
        shown = list(criterion.shown(own.interval))
        named |= {"fresh_estimate": own.estimate, "fresh_interval": shown, "fresh_verdict": own.verdict}
    warnings = [*result.warnings, *failures]
    search = {**result.search, "caveats": [*result.search.get("caveats", []), *failures]} if failures else result.search
    found = replace(result, worst=named, warnings=warnings, search=search)
    fresh: dict[str, Verdict] = {cell.structure: cell.verdict for cell in cells}
    fresh |= {silent.structure: "not_evaluable" for silent in blocked}
    verdict: Verdict = max(fresh.values(), key=SEVERITY.index, default="passed")
    if not _worse(verdict, result.verdict):
        return found
    if verdict == "not_evaluable":
        why = f"{blocked[0].structure} at {blocked[0].point} with fresh noise: {blocked[0].reason}"
    else:
        decisive = worst(cells)
        why = verdict_reason(criterion.requirement, criterion, decisive, f"at {decisive.point} with fresh noise")
    structures = [{k: v for k, v in entry.items() if k != "holm"} for entry in result.structures]
    part, breaking = result.plausible_part, result.breaking_point
    return replace(
        found,
        verdict=verdict,
        reason=f"{why}; under the noise that was searched: {result.reason}",
        structures=[
            {**entry, "verdict": fresh[entry["structure"]]}
            if entry["structure"] in fresh and _worse(fresh[entry["structure"]], entry["verdict"])
            else entry
            for entry in structures
        ],
        plausible_part={**part, "verdict": verdict} if plausible and part is not None else part,
        breaking_point=None if breaking is None else replace(breaking, words=breaking.words + CAVEAT),
        gates=result.gates or plausible,
    )


def _worse(fresh: str, searched: str) -> bool:
    """Whether one verdict is worse than another; what is invalid stays so."""
    order: tuple[str, ...] = SEVERITY
    return searched in order and order.index(fresh) > order.index(searched)
