"""The smallest radius at which an attack breaks each case: bisection case by case, patients by their first broken case."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..errors import PerturbationError
from ..perturbations.attacks.minimal_norm import minimal_radius
from ..perturbations.catalogue import catalogue
from ..perturbations.point import CLEAN, Point, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..datasets.case import Case
    from .evaluation import Evaluation

RADII = ("epsilon", "l2")


@dataclass(frozen=True)
class CaseRadius:
    """One case: the smallest radius seen to break it (infinite where none did), and the largest below it that did not."""

    case: str
    patient: str
    breaks: float
    holds: float


@dataclass(frozen=True)
class MinimalRadii:
    """Of every case the smallest radius, in the unit of the attack's own parameter, at which it lost `drop` of DSC.

    An attack that fails at a radius proves nothing about it: these are upper bounds of the true minima.
    """

    attack: Point
    drop: float
    cases: tuple[CaseRadius, ...]

    @property
    def patients(self) -> dict[str, float]:
        """Of each patient the smallest radius of any case."""
        found: dict[str, float] = {}
        for each in self.cases:
            found[each.patient] = min(found.get(each.patient, math.inf), each.breaks)
        return found

    @property
    def median(self) -> float:
        """The radius at which half of the patients are broken; infinite where fewer ever were."""
        return statistics.median_high(self.patients.values())

    def share_broken(self, radius: float) -> float:
        """The share of patients that a radius breaks."""
        radii = self.patients.values()
        return sum(each <= radius for each in radii) / len(radii)


def minimal_radii(
    evaluation: Evaluation, attack: Point, *, drop: float, structures: Sequence[str], iterations: int
) -> MinimalRadii:
    """Search between 0 and the radius of `attack` for every case, to that radius / 2^iterations.

    A case is broken where the DSC of one of the structures is at least `drop` below that of the clean image; structures
    that its reference lacks do not count.

    Raises:
        PerturbationError: the point is no single attack with a radius.
    """
    step = _step(attack)
    cases = [
        _of_case(evaluation, case, step, drop=drop, structures=structures, iterations=iterations)
        for case in evaluation.dataset.cases
    ]
    return MinimalRadii(attack, drop, tuple(cases))


def _step(attack: Point) -> Step:
    if len(attack.steps) == 1 and catalogue()[attack.steps[0].name].attack:
        step = attack.steps[0]
        if any(name in RADII for name, _ in step.parameters):
            return step
    raise PerturbationError(
        f"{attack} has no radius to make smaller: name one attack at its largest radius, such as pgd(epsilon=8/255)"
    )


def _of_case(
    evaluation: Evaluation, case: Case, step: Step, *, drop: float, structures: Sequence[str], iterations: int
) -> CaseRadius:
    def scores(point: Point) -> dict[str, float]:
        return {row.structure: row.scores["dsc"] for row in evaluation.measure_alone(case, point)}

    clean = {name: value for name, value in scores(CLEAN).items() if name in structures and not math.isnan(value)}
    highest = next(float(value) for name, value in step.parameters if name in RADII and not isinstance(value, str))

    def broken(radius: torch.Tensor) -> torch.Tensor:
        """Whether the attack of that radius, (1, 1), breaks the case; the image itself never does."""
        if float(radius) == 0:
            return torch.tensor([False])
        found = scores(_at(step, float(radius)))
        return torch.tensor([any(before - found[name] >= drop for name, before in clean.items())])

    # The "image" of the bisection is the radius itself: attacks start anew at each, and leave no image to start from.
    result = minimal_radius(
        torch.zeros(1, 1), lambda radii, _: radii.reshape(1, 1), broken, high=highest, iterations=iterations
    )
    return CaseRadius(case.id, case.patient, float(result.breaks), float(result.holds))


def _at(step: Step, radius: float) -> Point:
    values = {name: radius if name in RADII else value for name, value in step.parameters}
    return Point.of(step.name, on=step.on, **values)
