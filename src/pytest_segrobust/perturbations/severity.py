"""Milder versions of a point: the straight line from the identity, even in each parameter's severity coordinate."""

from __future__ import annotations

from .catalogue import Parameter
from .checks import checked
from .point import Point, Step, Value


def is_identity(point: Point) -> bool:
    """Whether every step stands at its identity, so that the image comes back bit for bit."""
    return all(stands_still(step) for step in point.steps)


def stands_still(step: Step) -> bool:
    """Whether a step changes nothing: all its numbers at their identity. A step of words alone always acts."""
    declared = checked(step).parameters
    numbers = [(declared[name], value) for name, value in step.parameters if not isinstance(value, str)]
    return bool(numbers) and all(isinstance(p, Parameter) and value == p.identity for p, value in numbers)


def identity_point(point: Point) -> Point:
    """The same steps with every number at its identity; a step of words alone, such as a flip, has none and is left out."""
    return towards_identity(point, 0.0)


def towards_identity(point: Point, t: float) -> Point:
    """The point at the share `t` of the way from the identity (0) to `point` (1).

    Numbers move evenly in their severity coordinate (see `Parameter.to_coordinate`). Words cannot be halved: they stay
    for every t > 0, and a step of words alone is left out at t = 0.

    Raises:
        ValueError: t is not within 0 and 1.
    """
    if not 0 <= t <= 1:
        raise ValueError(f"a share of the way to a point lies within 0 and 1, not at {t}")
    if t == 1:
        return point
    result = Point()
    for step in point.steps:
        has_numbers = any(not isinstance(value, str) for _, value in step.parameters)
        if t > 0 or has_numbers:
            result |= Point.of(step.name, on=step.on, **_milder(step, t))
    return result


def _milder(step: Step, t: float) -> dict[str, Value]:
    declared = checked(step).parameters
    values: dict[str, Value] = {}
    for name, value in step.parameters:
        parameter = declared[name]
        if not isinstance(parameter, Parameter) or isinstance(value, str):
            values[name] = value
        elif t == 0:
            values[name] = parameter.identity
        else:
            start, end = parameter.to_coordinate(parameter.identity), parameter.to_coordinate(value)
            values[name] = parameter.from_coordinate(start + t * (end - start))
    return values
