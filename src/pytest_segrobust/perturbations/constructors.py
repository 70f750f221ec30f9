"""Python's way to write a point: one function per perturbation, made from the catalogue."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .catalogue import Parameter, Perturbation, catalogue
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
        word.replace(" ", "_").replace("-", "_"): _make(perturbation)
        for perturbation in catalogue().values()
        for word in (perturbation.name, *perturbation.synonyms)
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
    groups = [
        " and ".join(
            f"{p.name}{f' in {p.unit}' if p.unit else ''}"
            if isinstance(p, Parameter)
            else f"{p.name} ({', '.join(p.options)})"
            for p in group
        )
        for group in perturbation.alternatives
    ]
    return ", or ".join(groups)
