"""The line of growing severity: from the identity through a point of the space to the end of the stated domain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .space import Continuous, Position, Space, coordinate

if TYPE_CHECKING:
    from pytest_segrobust.perturbations.point import Point

SLACK = 1e-9  # of a range: stored values have nine digits


@dataclass(frozen=True)
class SeverityLine:
    """Severity 0 is the identity, 1 the last point of the line inside the domain; straight in severity coordinates.

    Fixed parameters and words stay as they are; where everything is fixed (`sigma = 0.1`), the fixed values are what
    the line runs up to. A line may begin outside the domain (0.05 <= sigma <= 0.1): see `decides`.
    """

    space: Space
    through: Position
    moving: tuple[int, ...]
    starts: tuple[float, ...]  # per moving axis, in severity coordinates
    ends: tuple[float, ...]
    severity: float  # of `through`

    @classmethod
    def of(cls, space: Space, through: Position) -> SeverityLine | None:
        """The line through a position; None where no parameter can grow: only words, or the identity itself."""
        moving = space.continuous or tuple(
            i
            for i, axis in enumerate(space.axes)
            if isinstance(axis, Continuous) and math.isfinite(coordinate(axis.parameter, axis.parameter.identity))
        )
        starts, ways, reach = [], [], math.inf
        for i in moving:
            axis = space.axes[i]
            assert isinstance(axis, Continuous)
            low, high = sorted((coordinate(axis.parameter, axis.low), coordinate(axis.parameter, axis.high)))
            here = coordinate(axis.parameter, axis.value(through[i]))
            start = coordinate(axis.parameter, axis.parameter.identity)
            start = start if math.isfinite(start) else coordinate(axis.parameter, axis.value(axis.mild))
            way = here - start
            if way:
                reach = min(reach, max(1.0, ((high if way > 0 else low) - start) / way))
            starts.append(start)
            ways.append(way)
        if not math.isfinite(reach):
            return None
        ends = tuple(start + way * reach for start, way in zip(starts, ways, strict=True))
        return cls(space, through, moving, tuple(starts), ends, 1 / reach)

    def point(self, severity: float) -> Point:
        """The point at a severity of 0..1."""
        if severity == self.severity:
            return self.space.point(self.through)
        return self.space.at(self._values(severity), self.through)

    def decides(self, severity: float) -> bool:
        """Whether the point there is inside the stated domain, so that the requirement speaks of it."""
        if severity == self.severity:
            return True
        for i, value in self._values(severity).items():
            axis = self.space.axes[i]
            assert isinstance(axis, Continuous)
            ends = sorted((coordinate(axis.parameter, axis.low), coordinate(axis.parameter, axis.high)))
            slack = SLACK * max(abs(ends[0]), abs(ends[1]))
            if not ends[0] - slack <= coordinate(axis.parameter, value) <= ends[1] + slack:
                return False
        return True

    def _values(self, severity: float) -> dict[int, float]:
        values = {}
        for i, start, end in zip(self.moving, self.starts, self.ends, strict=True):
            axis = self.space.axes[i]
            assert isinstance(axis, Continuous)
            values[i] = axis.parameter.from_coordinate(start + (end - start) * severity)
        return values
