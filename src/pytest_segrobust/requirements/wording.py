"""A requirement written as the canonical sentence: equal claims have equal sentences."""

from __future__ import annotations

import re

from pytest_segrobust.errors import SpecError
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, StructureName
from pytest_segrobust.requirements import claim, phrases
from pytest_segrobust.requirements import measure as measures
from pytest_segrobust.requirements.quantity import percent, with_unit
from pytest_segrobust.requirements.requirement import Domain, Options, Requirement
from pytest_segrobust.requirements.vocabulary import Catalogue, catalogue_or

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Names that would be read as something else by a person, or twice: they are written in quotation marks.
_KEYWORDS = {
    "under",
    "is",
    "on",
    "of",
    "with",
    "and",
    "or",
    "for",
    "at",
    "in",
    "mean",
    "then",
    "drop",
    "increase",
    "from",
    "to",
    "by",
    "across",
    "within",
    "error",
    "errors",
    "uncertainty",
    "severity",
    "voxels",
    "failures",
    "cases",
    "patients",
}


def render(requirement: Requirement, catalogue: Catalogue | None = None) -> str:
    """The canonical sentence of a requirement; parsing it gives the same claim back."""
    named = "" if requirement.structure is None else structure(requirement.structure)
    under = "under " + " followed by ".join(domain(part, catalogue) for part in requirement.domains)
    phrase = phrases.write(requirement, named, limit(requirement))
    if phrase is not None:
        parts = [phrase, under if requirement.domains else ""]
    else:
        parts = ["mean" if requirement.average else "", measures.words(requirement.measure)]
        parts += [f"of {named}" if named else "", under if requirement.domains else ""]
        parts.append(f"is {requirement.comparison} {limit(requirement)}")
    if requirement.patients is not None:
        parts.append(f"for {percent(requirement.patients)} of patients")
    if requirement.for_each is not None:
        parts.append(f"for each {structure(requirement.for_each)}")
    if requirement.confidence_stated:
        parts.append(f"with {percent(requirement.confidence)} confidence")
    return " ".join(part for part in parts if part)


def structure(name: str) -> str:
    """A structure's name, in quotation marks where it is not a plain word."""
    if _PLAIN_NAME.fullmatch(name) and name.lower() not in _KEYWORDS:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def limit(requirement: Requirement) -> str:
    """The limit in the measure's unit: "5 %" for drops and rates, "0.85" for a DSC, "3 mm" for a distance."""
    unit = measures.unit(requirement.measure)
    return percent(requirement.limit) if unit in ("%", "points") else with_unit(requirement.limit, unit)


def domain(stated: Domain, catalogue: Catalogue | None = None) -> str:
    """A perturbation, its structures and its ranges as a sentence says them; a choice of all options is left out."""
    perturbation = catalogue_or(catalogue)[stated.perturbation]
    kept = [spread for spread in stated.ranges if not _says_nothing(spread, perturbation.parameters[spread.parameter])]
    names = [spread.parameter for spread in stated.ranges]
    try:
        left_out_is_clear = [p.name for p in claim.alternative(perturbation, [s.parameter for s in kept])] == names
    except SpecError:
        left_out_is_clear = False
    words, route = [], ""
    for spread in kept if left_out_is_clear else stated.ranges:
        parameter = perturbation.parameters[spread.parameter]
        if isinstance(spread, Options) and isinstance(parameter, StructureName):
            route += f" {'from' if not route else 'to'} {structure(spread.words[0])}"
        elif isinstance(spread, Options):
            words.append(f"{spread.parameter} = {' or '.join(spread.words)}")
        elif isinstance(parameter, Parameter):
            words.append(claim.bound_words(parameter, spread))
    on = f" on {structure(stated.on)}" if stated.on is not None else ""
    return perturbation.name + route + on + (f" with {' and '.join(words)}" if words else "")


def _says_nothing(spread: object, parameter: object) -> bool:
    return isinstance(spread, Options) and isinstance(parameter, Choice) and spread.words == parameter.options
