"""What a clinic meets and what goes beyond it: plausible requirements gate a run, stress tests only when asked to."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_segrobust.perturbations.catalogue import Parameter
from pytest_segrobust.requirements.quantity import plain, with_unit
from pytest_segrobust.requirements.requirement import Domain, Range, Requirement, Tier
from pytest_segrobust.requirements.vocabulary import Catalogue, catalogue_or

if TYPE_CHECKING:
    from pytest_segrobust.perturbations.catalogue import Perturbation


def tier(requirement: Requirement, catalogue: Catalogue | None = None) -> Tier:
    """Stress where a range goes beyond the plausible one of its parameter; without a plausible one, nothing does."""
    return "stress" if beyond(requirement, catalogue) else "plausible"


def beyond(requirement: Requirement, catalogue: Catalogue | None = None) -> list[str]:
    """For each range that goes beyond what a clinic meets, what is unusual about it."""
    known = catalogue_or(catalogue)
    found = (
        implausible(known[domain.perturbation], spread)
        for domain in requirement.domains
        for spread in domain.ranges
        if isinstance(spread, Range)
    )
    return [words for words in found if words]


def plausible_part(requirement: Requirement, catalogue: Catalogue | None = None) -> Requirement | None:
    """The requirement on the plausible part of its ranges; None where they lie beyond it altogether."""
    known = catalogue_or(catalogue)
    domains = [_within(domain, known[domain.perturbation]) for domain in requirement.domains]
    kept = tuple(domain for domain in domains if domain is not None)
    return replace(requirement, domains=kept) if len(kept) == len(domains) else None


def implausible(perturbation: Perturbation, spread: Range) -> str | None:
    """What is unusual about a range that goes beyond what a clinic meets, None where it does not."""
    parameter = perturbation.parameters[spread.parameter]
    if not isinstance(parameter, Parameter) or parameter.plausible is None:
        return None
    mildest, strongest = _usual(parameter)
    ends = [end for end in (spread.low, spread.high) if not mildest <= end <= strongest]
    if not ends:
        return None
    low, high = parameter.plausible
    usual = f"{plain(low)} to {with_unit(high, parameter.unit)}"
    if math.isinf(high):
        usual = f"{with_unit(low, parameter.unit)} and more"
    source = f" ({parameter.source})" if parameter.source else ""
    return (
        f"{spread.parameter} of {perturbation.name} goes to {with_unit(ends[-1], parameter.unit)}, beyond the "
        f"plausible range {usual}{source}: a stress test"
    )


def _usual(parameter: Parameter) -> tuple[float, float]:
    """The plausible range and what is milder: what lies between it and the value that changes nothing."""
    low, high = parameter.plausible or (-math.inf, math.inf)
    return min(low, parameter.identity), max(high, parameter.identity)


def _within(domain: Domain, perturbation: Perturbation) -> Domain | None:
    ranges = []
    for spread in domain.ranges:
        parameter = perturbation.parameters[spread.parameter]
        if isinstance(spread, Range) and isinstance(parameter, Parameter):
            low, high = _usual(parameter)
            spread = replace(spread, low=max(spread.low, low), high=min(spread.high, high))  # noqa: PLW2901
            if spread.low > spread.high:
                return None
        ranges.append(spread)
    return replace(domain, ranges=tuple(ranges))
