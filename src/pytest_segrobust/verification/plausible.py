"""The part of a stress test's ranges that a clinic meets: what fails there is no matter of stress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_segrobust.requirements.tiers import plausible_part

from .decision import Cell, worst
from .space import Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_segrobust.perturbations.point import Point
    from pytest_segrobust.requirements.requirement import Requirement


@dataclass(frozen=True)
class PlausiblePart:
    """The plausible part of a stress test; `space` is None of any other requirement, and of one that has no such part."""

    space: Space | None

    @classmethod
    def of(cls, requirement: Requirement) -> PlausiblePart:
        """The part of a requirement."""
        part = plausible_part(requirement) if requirement.tier == "stress" else None
        return cls(None if part is None else Space.of(part))

    def corners(self, most: int) -> list[Point]:
        """Its corners, at most as many as of the whole domain."""
        return [] if self.space is None else [self.space.point(position) for position in self.space.corners(most)]

    def worst(self, cells: Iterable[Cell], points: Mapping[str, Point]) -> Cell | None:
        """The decision in this part: the worst of the cells whose points lie in it; None where there is none."""
        inside = [cell for cell in cells if self.holds(points[cell.point])]
        return worst(inside) if inside else None

    def holds(self, point: Point) -> bool:
        """Whether a point lies in this part."""
        return self.space is not None and self.space.position(point) is not None
