"""The box of points for which a requirement must hold: its grid, its corners, its even spread, its way back to identity."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pytest_segrobust.errors import SpecError
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, StructureName, catalogue
from pytest_segrobust.perturbations.point import Point, Value, rounded
from pytest_segrobust.requirements.requirement import Options, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STEPS = 1000  # of the grid on each axis: points repeat, so they are cached, and their texts stay short

MOST_WORDS = 64  # combinations of words that are measured on all patients; with more, nothing passes

Position = tuple[float, ...]  # one number per axis: 0..STEPS on a continuous axis, an index on an axis of words


@dataclass(frozen=True)
class Continuous:
    """A parameter's range; position 0 is `low`, position STEPS is `high`, even in the parameter's severity coordinate."""

    step: int
    parameter: Parameter
    low: float
    high: float

    @property
    def fixed(self) -> bool:
        """Whether one value alone is stated."""
        return self.low == self.high

    def value(self, position: float) -> float:
        """The parameter's value; both ends and the identity are exact."""
        if self.fixed or position == 0:
            return self.low
        if position == STEPS:
            return self.high
        if position == self.origin:
            return self.parameter.identity
        start, end = coordinate(self.parameter, self.low), coordinate(self.parameter, self.high)
        return self.parameter.from_coordinate(start + (end - start) * position / STEPS)

    def position(self, value: float) -> float:
        """Where a value lies; outside 0..STEPS where it is outside the range."""
        if self.fixed:
            return 0.0 if math.isclose(value, self.low, rel_tol=1e-8) else math.inf
        start, end = coordinate(self.parameter, self.low), coordinate(self.parameter, self.high)
        position = (coordinate(self.parameter, value) - start) / (end - start) * STEPS
        nearest = round(position) if math.isfinite(position) else position
        return float(nearest) if abs(position - nearest) < 1e-3 else position  # values are stored at nine digits

    @cached_property
    def origin(self) -> float | None:
        """The position of the identity, outside 0..STEPS where the range leaves it out; None where there is none."""
        if self.fixed or not math.isfinite(coordinate(self.parameter, self.parameter.identity)):
            return None
        return self.position(self.parameter.identity)

    @property
    def mild(self) -> float:
        """The position in the range that is nearest to the identity."""
        return 0.0 if self.origin is None else min(max(self.origin, 0.0), float(STEPS))

    @property
    def extremes(self) -> tuple[float, ...]:
        """Both ends, the one farther from the identity first."""
        if self.fixed:
            return (0.0,)
        return (0.0, float(STEPS)) if self.origin is not None and self.origin > STEPS / 2 else (float(STEPS), 0.0)


@dataclass(frozen=True)
class Discrete:
    """A choice's words, or the one structure that was named; a position is the index of one."""

    step: int
    choice: Choice | StructureName
    words: tuple[str, ...]


Axis = Continuous | Discrete


@dataclass(frozen=True)
class Space:
    """All points of a requirement: the domains' perturbations in their order, each at any values of its ranges.

    Positions are what a search works on, points are what a model is tried on; `point` and `position` lead to and fro.
    """

    names: tuple[tuple[str, str | None], ...]  # of the steps: perturbation and the structure it is confined to
    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, requirement: Requirement) -> Space:
        """The space of a requirement's domains.

        Raises SpecError for an unknown perturbation or parameter, and for a range that no severity coordinate can span.
        """
        axes: list[Axis] = []
        for step, domain in enumerate(requirement.domains):
            if domain.perturbation not in catalogue():
                raise SpecError(f"{requirement.id}: no perturbation is called {domain.perturbation!r}")
            known = catalogue()[domain.perturbation].parameters
            for stated in domain.ranges:
                declared = known.get(stated.parameter)
                place = f"{requirement.id}: {domain.perturbation}: {stated.parameter}"
                if isinstance(stated, Options) and isinstance(declared, Choice | StructureName):
                    axes.append(Discrete(step, declared, stated.words))
                elif not isinstance(stated, Options) and isinstance(declared, Parameter):
                    ends = (stated.low, stated.high)
                    if stated.low != stated.high and not all(math.isfinite(coordinate(declared, end)) for end in ends):
                        raise SpecError(
                            f"{place}: a range from {stated.low:g} to {stated.high:g} has no end to search to"
                        )
                    axes.append(Continuous(step, declared, *ends))
                else:
                    raise SpecError(f"{place}: no such parameter, or words where a number belongs")
        return cls(tuple((domain.perturbation, domain.on) for domain in requirement.domains), tuple(axes))

    @property
    def continuous(self) -> tuple[int, ...]:
        """Indices of the axes along which severity can be varied inside the domain."""
        return tuple(i for i, axis in enumerate(self.axes) if isinstance(axis, Continuous) and not axis.fixed)

    @property
    def free(self) -> tuple[int, ...]:
        """Indices of the axes on which there is anything to search."""
        words = (i for i, axis in enumerate(self.axes) if isinstance(axis, Discrete) and len(axis.words) > 1)
        return tuple(sorted((*self.continuous, *words)))

    def point(self, position: Position) -> Point:
        """The point at a position; steps whose parameters are all at their identity are left out (none left: CLEAN)."""
        return self.at({}, position)

    def at(self, instead: Mapping[int, float], position: Position) -> Point:
        """The point at a position, with other values for some axes; these may lie outside the ranges."""
        values: list[dict[str, Value]] = [{} for _ in self.names]
        acts = [
            not any(isinstance(axis, Continuous) and axis.step == step for axis in self.axes)
            for step in range(len(self.names))
        ]
        for i, (axis, place) in enumerate(zip(self.axes, position, strict=True)):
            if isinstance(axis, Discrete):
                values[axis.step][axis.choice.name] = axis.words[int(place)]
            else:
                value = rounded(instead[i] if i in instead else axis.value(place))
                values[axis.step][axis.parameter.name] = value
                acts[axis.step] |= value != rounded(axis.parameter.identity)
        kept = [Point.of(name, on=on, **v) for (name, on), v, act in zip(self.names, values, acts, strict=True) if act]
        return Point(tuple(step for point in kept for step in point.steps))

    def position(self, point: Point) -> Position | None:
        """Where a point lies in this space; None where it has other steps or lies outside the ranges."""
        steps = list(point.steps)
        found: list[dict[str, Value] | None] = []
        for name, on in self.names:  # a step left out is one at its identity
            here = steps and (steps[0].name, steps[0].on) == (name, on)
            found.append(dict(steps.pop(0).parameters) if here else None)
        position: list[float] = []
        for axis in self.axes:
            values = found[axis.step]
            name = axis.choice.name if isinstance(axis, Discrete) else axis.parameter.name
            value = axis_identity(axis) if values is None else values.get(name)
            if isinstance(axis, Discrete):
                if value not in axis.words:
                    return None
                position.append(float(axis.words.index(str(value))))
            else:
                if not isinstance(value, int | float):
                    return None
                position.append(axis.position(value))
        return None if steps or not self.contains(tuple(position)) else tuple(position)

    def contains(self, position: Position) -> bool:
        """Whether a position is inside the stated ranges."""
        limits = (len(axis.words) - 1 if isinstance(axis, Discrete) else STEPS for axis in self.axes)
        return all(0 <= place <= limit for place, limit in zip(position, limits, strict=True))

    @property
    def mildest(self) -> Position:
        """The position in the ranges that is nearest to the identity, with the first word of every choice."""
        return tuple(axis.mild if isinstance(axis, Continuous) else 0.0 for axis in self.axes)

    def identity(self) -> Point:
        """The mildest point of the space: CLEAN where the ranges reach down to the identity."""
        return self.point(self.mildest)

    @property
    def corner_count(self) -> int:
        """How many corners there are, whatever their cap."""
        return math.prod(len(axis.extremes if isinstance(axis, Continuous) else axis.words) for axis in self.axes)

    @property
    def word_count(self) -> int:
        """How many combinations of words there are; 1 where there is no choice."""
        return math.prod(len(axis.words) for axis in self.axes if isinstance(axis, Discrete))

    def corners(self, most: int) -> list[Position]:
        """The ends of all ranges in all combinations, the most severe first.

        Every combination of words (the first MOST_WORDS of them) is there with the most severe values, whatever `most`
        is: between words nothing can be interpolated. The rest, at most `most` with the first of them: each range's
        ends alone with the others at their mildest, then corners in order of severity.
        """
        ends = [axis.extremes if isinstance(axis, Continuous) else _indices(axis) for axis in self.axes]
        worst = [axis.extremes[:1] if isinstance(axis, Continuous) else _indices(axis) for axis in self.axes]
        words = list(itertools.islice(itertools.product(*worst), MOST_WORDS))
        most = max(most, 1) + len(words) - 1
        if math.prod(map(len, ends)) <= most:
            return sorted(itertools.product(*ends), key=self._mildness)
        alone = [
            tuple(end if i == j else place for j, place in enumerate(self.mildest))
            for i in self.free
            for end in ends[i]
        ]
        more = itertools.islice(itertools.product(*ends), 4 * most)
        return list(dict.fromkeys([*words, *alone, *more]))[:most]

    def spread(self, seed: int) -> Iterator[Position]:
        """Positions that fill the space evenly, without end: Roberts' additive recurrence, shifted by the seed."""
        dimensions = max(len(self.free), 1)
        root = 2.0
        for _ in range(64):
            root = float((1 + root) ** (1 / (dimensions + 1)))
        stride = 1 / root ** np.arange(1, dimensions + 1)
        cube = np.random.default_rng(seed).random(dimensions)
        while True:
            cube = (cube + stride) % 1
            yield tuple(self.snapped(cube[None])[0].tolist())

    def snapped(self, cube: np.ndarray) -> np.ndarray:
        """The grid positions nearest to rows of the unit cube with one column for each free axis."""
        positions = np.zeros((len(cube), len(self.axes)))
        for column, i in enumerate(self.free):
            axis = self.axes[i]
            if isinstance(axis, Discrete):
                positions[:, i] = np.minimum(np.floor(cube[:, column] * len(axis.words)), len(axis.words) - 1)
            else:
                positions[:, i] = np.rint(cube[:, column] * STEPS)
        return positions

    def embedded(self, positions: Sequence[Position] | np.ndarray) -> np.ndarray:
        """Positions as rows of the unit cube; a choice takes one column per word, so that words are equally far apart."""
        columns = []
        table = np.array(positions, float).reshape(len(positions), len(self.axes))
        for i in self.free:
            axis = self.axes[i]
            if isinstance(axis, Discrete):
                columns.append(0.5 * (table[:, i, None] == np.arange(len(axis.words))))
            else:
                columns.append(table[:, i, None] / STEPS)
        return np.hstack(columns) if columns else np.zeros((len(positions), 1))

    def _mildness(self, position: Position) -> float:
        return sum(
            -abs(place - axis.mild)
            for axis, place in zip(self.axes, position, strict=True)
            if isinstance(axis, Continuous)
        )


def coordinate(parameter: Parameter, value: float) -> float:
    """A value on its severity coordinate; minus infinity for a value that has no logarithm."""
    return -math.inf if parameter.scale == "log" and value <= 0 else parameter.to_coordinate(value)


def axis_identity(axis: Axis) -> Value | None:
    """The value that changes nothing; None for words."""
    return None if isinstance(axis, Discrete) else axis.parameter.identity


def _indices(axis: Discrete) -> tuple[float, ...]:
    return tuple(map(float, range(len(axis.words))))
