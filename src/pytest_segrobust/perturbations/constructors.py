"""Python's way to write a point: one function per perturbation, made from the catalogue."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .catalogue import Choice, Parameter, Perturbation, StructureName, catalogue
from .checks import checked, nearest
from .point import Point, Value

if TYPE_CHECKING:
    from collections.abc import Callable


def constructor(identifier: str) -> Callable[..., Point]:
    """The function that gives points of one perturbation; AttributeError with the nearest name where there is none."""
    known = constructors()
    if identifier not in known:
        raise AttributeError(f"there is no perturbation {identifier!r}{nearest(identifier, known)}")
    return known[identifier]


@cache
def constructors() -> dict[str, Callable[..., Point]]:
    """A function per name and synonym, spelled as Python spells names: `gaussian_noise`, `blur`."""
    return {
        name: _make(perturbation)
        for perturbation in catalogue().values()
        for word in (perturbation.name, *perturbation.synonyms)
        if (name := word.replace(" ", "_").replace("-", "_")).isidentifier()
    }


def _make(perturbation: Perturbation) -> Callable[..., Point]:
    def construct(*, on: str | None = None, **parameters: Value) -> Point:
        point = Point.of(perturbation.name, on=on, **parameters)
        checked(point.steps[0])
        return point

    construct.__name__ = construct.__qualname__ = perturbation.identifier
    construct.__doc__ = f"{perturbation.summary}\n\nState {_choices(perturbation)}."
    return construct


def _choices(perturbation: Perturbation) -> str:
    return ", or ".join(" and ".join(map(_said, group)) for group in perturbation.alternatives)


def _said(parameter: Parameter | Choice | StructureName) -> str:
    if isinstance(parameter, Parameter):
        return f"{parameter.name} in {parameter.unit}" if parameter.unit else parameter.name
    return f"{parameter.name} ({', '.join(parameter.options) if isinstance(parameter, Choice) else 'a structure'})"
