"""A level of a published table of severities as ranges: "at level 3" is exactly that, "up to level 3" from the identity on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_segrobust.errors import SpecError
from pytest_segrobust.perturbations.catalogue import Parameter
from pytest_segrobust.perturbations.severity_levels import MOST, Levels, Side, Table
from pytest_segrobust.requirements import claim
from pytest_segrobust.requirements.quantity import with_unit
from pytest_segrobust.requirements.vocabulary import Catalogue, Vocabulary, fold, pattern, suggestion

if TYPE_CHECKING:
    from pytest_segrobust.perturbations.catalogue import Perturbation
    from pytest_segrobust.requirements.requirement import Range

_EACH = re.compile(
    r"\b(each|every)\s+perturbation(?P<how>\s+(at|up\s+to))\s+(severity\s+)?level\s+(?P<number>\S+)\s+of\s+",
    re.IGNORECASE,
)


def number(text: str) -> int:
    """The level that a text means."""
    if text not in map(str, range(1, MOST + 1)):
        raise SpecError(f"there is no level {text}; levels run from 1 to {MOST}")
    return int(text)


def ranges(
    perturbation: Perturbation, table: Table, level: int, *, side: Side = "", up_to: bool = False
) -> dict[str, Range]:
    """The range of each parameter that the table states for the perturbation.

    A table may have two sides, a brighter and a darker one: "up to" is then from the one to the other, and "at" needs to
    be told which, since the two are points far apart and no range.
    """
    listed = table.of(perturbation.name)
    if not listed:
        raise SpecError(f"{table.name} has no levels of {perturbation.name}; {suggestion('', table.perturbations)}")
    if side:
        listed = tuple(levels for levels in listed if levels.side == side)
        if not listed:
            raise SpecError(f"{table.name} has no {side} of {perturbation.name}; leave out '{side}'")
    values = [_values(table, levels, level) for levels in listed]
    if len(values) == 2 and not up_to:
        name = perturbation.name
        raise SpecError(
            f"level {level} of {table.name} is two strengths of {name}, {_shown(perturbation, values[0])} and "
            f"{_shown(perturbation, values[1])}; write '{name} increase at level {level}', '{name} decrease at level "
            f"{level}', or 'up to level {level}' for all between them"
        )
    return {
        parameter: _range(perturbation, parameter, sorted(known[parameter] for known in values), up_to=up_to)
        for parameter in values[0]
    }


def each(statement: str, catalogue: Catalogue) -> dict[str, str] | None:
    """A statement on "each perturbation at level n of a table" as one statement per perturbation; None for any other.

    The keys tell the statements apart: "gaussian-noise", "gamma-increase".
    """
    start = _EACH.search(statement)
    if start is None:
        return None
    words = Vocabulary.of(catalogue.values())
    named = re.compile(pattern(words.spellings["TABLE"]), re.IGNORECASE).match(statement, start.end())
    if named is None:
        unknown = statement[start.end() :].strip()
        raise SpecError(f"'{unknown[:40]}': no such table; {suggestion('', words.spellings['TABLE'])}")
    table, level = words.tables[fold(named[0])], number(start["number"])
    found = {}
    for name in table.perturbations:
        if name not in catalogue:
            raise SpecError(f"{table.name} has levels of {name}, which is not in the catalogue")
        for levels in table.of(name):
            _values(table, levels, level)
        exactly = "up" not in start["how"].casefold()
        for side in [levels.side for levels in table.of(name)] if exactly else [""]:
            named_side = f"{name} {side}".strip()
            replaced = f"{named_side}{start['how']} level {level} of {table.name}"
            found[named_side.replace(" ", "-")] = statement[: start.start()] + replaced + statement[named.end() :]
    return found


def _values(table: Table, levels: Levels, level: int) -> dict[str, float]:
    values = levels.at(level)
    if values is None:
        known = " and ".join(map(str, levels.known))
        words = f"{levels.perturbation} {levels.side}".strip()
        raise SpecError(f"level {level} of {words} in {table.name} is not on record here; levels {known} are")
    return values


def _range(perturbation: Perturbation, name: str, ends: list[float], *, up_to: bool) -> Range:
    parameter = claim.parameter_of(perturbation, name)
    low, high = ends[0], ends[-1]
    if not up_to or len(ends) == 2 or not isinstance(parameter, Parameter):
        return claim.bound(perturbation, name, low, high)
    return claim.bound(perturbation, name, *((None, high) if high > parameter.identity else (low, None)))


def _shown(perturbation: Perturbation, values: dict[str, float]) -> str:
    return " and ".join(f"{name} = {with_unit(value, _unit(perturbation, name))}" for name, value in values.items())


def _unit(perturbation: Perturbation, name: str) -> str:
    return getattr(claim.parameter_of(perturbation, name), "unit", "")
