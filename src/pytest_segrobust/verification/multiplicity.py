"""Which single cells may be named as passed or as failed: Holm's correction, for any interval.

"All cells pass" needs no correction (intersection-union: if one cell is bad, that one must pass by mistake). It is naming
one cell of many, "it fails in scanner B" or "it passes at these five of seven severities", that does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_segrobust.evidence.records import Verdict

Key = TypeVar("Key")


@dataclass(frozen=True)
class Adjusted:
    """What may be said of one cell beside all the others, and the confidence of the interval that shows it."""

    verdict: Verdict
    confidence: float


def holm(verdict_at: Mapping[Key, Callable[[float], Verdict]], confidence: float = 0.95) -> dict[Key, Adjusted]:
    """The verdict of each cell, such that the chance of naming any one wrongly as passed is at most 1 - confidence.

    So is the chance of naming any one wrongly as failed: the two are separate families, as they are for a single verdict.
    `verdict_at(c)` is the cell's verdict from its interval at confidence c, whose intervals must be nested.
    Holm 1979: with k cells of whom r are shown, the next must be shown at 1 - alpha / (k - r). What was not shown is
    "inconclusive"; "not_evaluable" stays, and counts among the k.
    """
    shown: dict[Verdict, dict[Key, float]] = {
        verdict: _step_down(verdict_at, verdict, confidence) for verdict in ("passed", "failed")
    }
    if both := shown["passed"].keys() & shown["failed"].keys():
        raise ValueError(
            f"intervals of {sorted(map(str, both))} are not nested: passed at one confidence, failed at another"
        )
    # The wider interval of the two families' last steps: it holds the limit of whatever was not shown.
    last = max(_level(len(verdict_at) - len(cells), confidence) for cells in shown.values())
    return {key: _adjusted(key, at, shown, confidence, last) for key, at in verdict_at.items()}


def _adjusted(
    key: Key,
    at: Callable[[float], Verdict],
    shown: Mapping[Verdict, Mapping[Key, float]],
    confidence: float,
    last: float,
) -> Adjusted:
    for verdict, cells in shown.items():
        if key in cells:
            return Adjusted(verdict, cells[key])
    alone = at(confidence)
    return Adjusted("inconclusive" if alone in shown else alone, last)


def _step_down(
    verdict_at: Mapping[Key, Callable[[float], Verdict]], verdict: Verdict, confidence: float
) -> dict[Key, float]:
    """The cells shown to be so, each with the confidence of its step; all that a step shows are taken at once."""
    shown: dict[Key, float] = {}
    while left := [key for key in verdict_at if key not in shown]:
        level = _level(len(left), confidence)
        more = {key: level for key in left if verdict_at[key](level) == verdict}
        if not more:
            break
        shown |= more
    return shown


def _level(left: int, confidence: float) -> float:
    return 1 - (1 - confidence) / max(left, 1)
