"""What a result says in words: numbers that are never rounded across a limit."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from pytest_segrobust.evidence.rounding import rounded
from pytest_segrobust.evidence.words import unfavourable_side
from pytest_segrobust.requirements import measure as measures

from .metric import metric_of
from .patients import GROSS_FAILURE_RATE

if TYPE_CHECKING:
    from pytest_segrobust.requirements.requirement import Requirement

    from .decision import Cell, Criterion


def measured(requirement: Requirement) -> str:
    """The name of what is judged: "DSC drop", "NSD at 2 mm", "share of patients with HD95 increase below 3 mm"."""
    name = measures.words(requirement.measure)
    if requirement.average:
        name = f"mean {name}"
    if requirement.patients is not None:
        name = (
            f"share of patients with {name} {requirement.comparison} {_with_unit(requirement.limit, unit(requirement))}"
        )
    return name


def unit(requirement: Requirement) -> str:
    """The unit of the plain numbers of a result, "mm" or "": shares are written 0.05, whatever the sentence says."""
    return "" if requirement.measure.metric == GROSS_FAILURE_RATE else metric_of(requirement.measure.metric).unit


def outward(value: float, limit: float, *, up: bool) -> str:
    """A bound at three significant digits, rounded away from the interval, with more where it would read as the limit."""
    if not math.isfinite(value) or value in (0, limit):
        return f"{value:g}" if not value else repr(value)
    exact = Decimal(value)
    for digits in range(3, 16):
        place = Decimal(1).scaleb(exact.adjusted() - digits + 1)
        text = exact.quantize(place, rounding=ROUND_CEILING if up else ROUND_FLOOR)
        if (text > Decimal(limit)) == (exact > Decimal(limit)) and text != Decimal(repr(limit)):
            return f"{float(text):.{digits}g}"
    return repr(value)


def estimated(value: float, limit: float, comparison: str) -> str:
    """An estimate as every table prints it: rounded toward the unfavourable side, and never onto its limit."""
    beside = math.copysign(limit, value) if comparison == "within" else limit
    return rounded(value, unfavourable_side(comparison, value), beside=beside)


def verdict_reason(requirement: Requirement, criterion: Criterion, cell: Cell, where: str) -> str:
    """Why the verdict is what it is: estimate, interval, number of patients, limit and place ("at gamma(gamma=2)")."""
    suffix = f" {unit(requirement)}" if unit(requirement) and requirement.patients is None else ""
    low, high = (
        outward(
            bound, math.copysign(criterion.limit, bound) if criterion.comparison == "within" else criterion.limit, up=up
        )
        for bound, up in zip(criterion.shown(cell.interval), (False, True), strict=True)
    )
    n = len(cell.values.patients)
    estimate = estimated(cell.estimate, criterion.limit, criterion.comparison)
    numbers = (
        f"{measured(requirement)} of {cell.structure} = {estimate} [{low}, {high}]{suffix} "
        f"({n} patients, one-sided {100 * requirement.confidence:.6g} %)"
    )
    limit = f"{criterion.comparison} {criterion.limit:g}{suffix}"
    if criterion.comparison == "within":
        limit = f"within ±{criterion.limit:g}{suffix}"
    if cell.verdict == "passed":
        place = (
            f"{where}, the worst of all that was measured on all patients" if requirement.domains else "on clean images"
        )
        return f"{numbers} is {limit} {place}"
    if cell.verdict == "failed":
        return f"{numbers} is not {limit} {where}"
    if not criterion.foresees:
        return f"{numbers} includes the limit ({limit}) {where}: neither shown nor refuted"
    needed = criterion.patients_needed(cell.values.values)
    if needed is None or needed > 1_000_000:
        more = "the estimate is so near the limit that no number of patients would settle it"
    elif needed <= n:
        more = "a few more patients would settle it if these are typical"
    else:
        more = f"about {needed} patients would settle it if these are typical"
    return (
        f"{numbers} includes the limit ({limit}) {where}: neither shown nor refuted; {more} "
        "(adding patients after looking needs an amended requirement)"
    )


def too_few(patients: int, needed: int) -> str:
    """Why nothing is said of a stratum."""
    return f"too few to say: {patients} patient{'' if patients == 1 else 's'}, {needed} are needed"


def _with_unit(value: float, of: str) -> str:
    return f"{value:g} {of}" if of else f"{value:g}"
