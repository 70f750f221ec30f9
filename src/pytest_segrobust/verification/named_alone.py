"""What may be said of one structure or one stratum by itself, beside all the others: Holm's correction."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from .decision import SEVERITY, Cell, decide
from .multiplicity import holm
from .statistic_criterion import StatisticCriterion

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from pytest_segrobust.evidence.records import Verdict

    from .decision import Criterion

Key = TypeVar("Key", bound="Hashable")


def named_alone(
    criterion: Criterion, cells: Mapping[Key, Sequence[Cell]], confidence: float
) -> dict[Key, dict[str, Any]]:
    """For each structure or stratum the verdict by which it may be named, and the confidence of the interval that shows it.

    `cells` holds all points that decide each; none where nothing can be decided of it ("not_evaluable", which counts among
    them). One passes where all of its points do, and fails where any does; that point is its worst one, and the number of
    points is not corrected for: a failure named here is a finding to look into. Empty where there is one alone, and of
    statistics of all patients, whose intervals at other levels would cost as much as the verification itself.
    """
    if len(cells) < 2 or isinstance(criterion, StatisticCriterion):
        return {}

    def verdict_of(own: Sequence[Cell]) -> Verdict:
        return max((cell.verdict for cell in own), key=SEVERITY.index, default="not_evaluable")

    @cache
    def verdict_at(key: Key, level: float) -> Verdict:
        own = cells[key]
        alone = verdict_of(own)
        if alone not in ("passed", "failed"):  # wider intervals show no more
            return alone
        shown = (_at(criterion, cell, level) for cell in own if cell.verdict == alone)
        held = all(verdict == "passed" for verdict in shown) if alone == "passed" else any(v == "failed" for v in shown)
        return alone if held else "inconclusive"

    found = holm({key: partial(verdict_at, key) for key in cells}, confidence)
    return {key: {"verdict": each.verdict, "confidence": each.confidence} for key, each in found.items()}


def _at(criterion: Criterion, cell: Cell, confidence: float) -> Verdict:
    if confidence <= criterion.requirement.confidence:
        return cell.verdict
    interval = criterion.interval(cell.values.values, confidence)
    return decide(criterion.comparison, criterion.limit, interval.low, interval.high)
