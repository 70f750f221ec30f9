"""Hypothesis strategies for points, one function per perturbation: `strategies.gaussian_noise(sigma=(0, 0.1))`.

Numbers come from a grid of a thousand steps, even in the parameter's severity: on narrow floats hypothesis spends a
fifth of its draws on 0 and its search does next to nothing. Simpler examples are milder ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from .errors import PerturbationError
from .perturbations.catalogue import Choice, Parameter, Perturbation, StructureName, catalogue
from .perturbations.constructors import constructor
from .perturbations.point import CLEAN, Point

if TYPE_CHECKING:
    from .perturbations.point import Value

STEPS = 1000

Stated = float | str | tuple[float, float] | Sequence[str]


def points(perturbation: str, *, on: str | None = None, **stated: Stated) -> st.SearchStrategy[Point]:
    """Points of one perturbation: a (low, high) pair is a range, a number or word is fixed, a list of words a choice.

    Choices left out are drawn from all their words.

    Raises:
        PerturbationError: an unknown perturbation or parameter, or a range outside what is possible.
    """
    if perturbation not in catalogue():
        raise PerturbationError(f"no perturbation is called '{perturbation}'; there are {', '.join(catalogue())}")
    known = catalogue()[perturbation]
    values = {name: _values(known, name, value) for name, value in stated.items()}
    ways = [[p for p in group if p.name not in stated] for group in known.alternatives if _holds(group, stated)]
    for choice in min(ways, key=len, default=[]):  # of ways that differ in words alone, the one that was written
        if isinstance(choice, Choice):
            values[choice.name] = st.sampled_from(choice.options)
    return st.fixed_dictionaries(values).map(lambda drawn: constructor(known.identifier)(on=on, **drawn))


def _holds(group: Iterable[Parameter | Choice | StructureName], stated: Mapping[str, Stated]) -> bool:
    """Whether a way to state a perturbation has all that is stated, and lacks words alone."""
    names = {parameter.name for parameter in group}
    return set(stated) <= names and all(isinstance(p, Choice) for p in group if p.name not in stated)


def compositions(*strategies: st.SearchStrategy[Point]) -> st.SearchStrategy[Point]:
    """Any subset of perturbations, one after the other in the order given; none at all is the clean image."""
    chosen = st.tuples(*(st.one_of(st.just(CLEAN), strategy) for strategy in strategies))
    return chosen.map(lambda steps: Point(tuple(step for point in steps for step in point.steps)))


def __getattr__(name: str) -> Callable[..., st.SearchStrategy[Point]]:
    """`gaussian_noise(...)` is `points("gaussian noise", ...)`: the catalogue decides which there are."""
    for perturbation in catalogue().values():
        if name == perturbation.identifier:
            return lambda *, on=None, **stated: points(perturbation.name, on=on, **stated)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *(perturbation.identifier for perturbation in catalogue().values())])


def _values(perturbation: Perturbation, name: str, stated: Stated) -> st.SearchStrategy[Value]:
    parameter = perturbation.parameters.get(name)
    if parameter is None:
        raise PerturbationError(
            f"{perturbation.name} has no parameter '{name}'; it has {', '.join(perturbation.parameters)}"
        )
    if isinstance(parameter, Choice):
        words = [stated] if isinstance(stated, str) else list(stated)  # type: ignore[arg-type]  # checked just below
        if not words or not set(words) <= set(parameter.options):
            raise PerturbationError(f"{perturbation.name}: {name} is one of {', '.join(parameter.options)}")
        return st.sampled_from(words)
    if isinstance(parameter, StructureName):
        names = [stated] if isinstance(stated, str) else list(stated) if isinstance(stated, Sequence) else []
        if not names or not all(isinstance(each, str) and each.strip() for each in names):
            raise PerturbationError(f"{perturbation.name}: {name} is the name of a structure, or several")
        return st.sampled_from([str(each) for each in names])
    if isinstance(stated, int | float):
        return st.just(float(stated))
    return _grid(perturbation, parameter, stated)


def _grid(
    perturbation: Perturbation, parameter: Parameter, stated: Sequence[float] | Sequence[str] | str
) -> st.SearchStrategy[float]:
    if not isinstance(stated, Sequence) or isinstance(stated, str) or len(stated) != 2:
        raise PerturbationError(f"{perturbation.name}: {parameter.name} is a number or a pair (low, high)")
    low, high = (float(end) for end in stated)
    if not parameter.lowest <= low <= high <= parameter.highest:
        raise PerturbationError(
            f"{perturbation.name}: {parameter.name} from {low:g} to {high:g} is impossible; "
            f"it lies within {parameter.lowest:g} and {parameter.highest:g}"
        )
    mild, severe = sorted(
        (low, high), key=lambda end: abs(parameter.to_coordinate(end) - parameter.to_coordinate(parameter.identity))
    )
    start, end = parameter.to_coordinate(mild), parameter.to_coordinate(severe)

    def value(step: int) -> float:
        if step in (0, STEPS):
            return mild if step == 0 else severe
        return parameter.from_coordinate(start + (end - start) * step / STEPS)

    return st.integers(0, STEPS).map(value)
