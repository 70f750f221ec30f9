"""The ranges that a requirement claims, as plain data for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import strict_json
from pytest_segrobust.perturbations.catalogue import Parameter, catalogue
from pytest_segrobust.requirements.requirement import Range

if TYPE_CHECKING:
    from pytest_segrobust.requirements.requirement import Options, Requirement


def stated_domains(requirement: Requirement) -> list[dict[str, Any]]:
    """Each perturbation with the range of every parameter in its unit, both ends included, or the words of a choice."""
    return [
        {
            "perturbation": domain.perturbation,
            "on": domain.on,
            "source": domain.source,
            "parameters": [_parameter(domain.perturbation, each) for each in domain.ranges],
        }
        for domain in requirement.domains
    ]


def _parameter(perturbation: str, stated: Range | Options) -> dict[str, Any]:
    if not isinstance(stated, Range):
        return {"name": stated.parameter, "words": list(stated.words)}
    declared = catalogue()[perturbation].parameters[stated.parameter]
    unit = declared.unit if isinstance(declared, Parameter) else ""
    low, high = (strict_json.plain(end) for end in (stated.low, stated.high))  # the SNR of no noise is "inf"
    return {"name": stated.parameter, "low": low, "high": high, "unit": unit}
