"""Which perturbations a requirement is about, and the ranges that it claims for them, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import exact
from pytest_segrobust.evidence.strict_json import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult


def perturbations_of(result: RequirementResult) -> list[str]:
    """The names in the order of the sentence; of a report without ranges, those of the worst point or of the curve."""
    stated = [str(domain.get("perturbation")) for domain in result.domains]
    if stated:
        return list(dict.fromkeys(stated))
    points: list[Sequence[Mapping[str, Any]]] = [(result.worst or {}).get("parameters") or []]
    points += [point.parameters for point in result.curve]
    return list(dict.fromkeys(str(step.get("perturbation")) for steps in points for step in steps))


def range_text(domain: Mapping[str, Any]) -> str:
    """`sigma 0 to 0.1`, `snr no less than 10 dB`, `axis rows or columns`, on which structure, by which table."""
    parts = [_parameter(each) for each in domain.get("parameters") or []]
    on = f"on {domain['on']} alone" if domain.get("on") else ""
    source = f"({domain['source']})" if domain.get("source") else ""
    return " ".join(filter(None, (", ".join(parts) or "no parameters", on, source)))


def _parameter(each: Mapping[str, Any]) -> str:
    name = str(each.get("name"))
    if "words" in each:
        return f"{name} {' or '.join(map(str, each['words']))}"
    low, high, unit = number(each.get("low")), number(each.get("high")), str(each.get("unit") or "")
    after = f" {unit}" if unit else ""
    if high is not None and math.isinf(high):
        return f"{name} {exact(low)}{after} and more"
    if low == high:
        return f"{name} {exact(low)}{after}"
    return f"{name} {exact(low)} to {exact(high)}{after}"
