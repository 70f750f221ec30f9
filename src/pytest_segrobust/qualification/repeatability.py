"""Whether what a model says of an image depends on that image alone: not on its neighbours, not on what came before.

A run shows each case in one fixed tile, which makes its numbers repeat; it cannot see a model that depends on who is in
the tile. Here a few cases are measured again, in another order, and alone, as images come in a clinic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..evaluation.evaluation import Evaluation
    from ..evidence.records import Measurement
    from ..perturbations.point import Point

CASES = 6
ROUNDING = 0.005  # of a DSC: float sums of another batch size may turn a voxel of the rim
Kind = Literal["measured again", "alone in its batch", "draws random numbers"]


@dataclass(frozen=True)
class Disturbance:
    """One way in which predictions depend on more than the image: in which cases, at which point ("" for all)."""

    kind: Kind
    cases: tuple[str, ...] = ()
    point: str = ""

    @property
    def words(self) -> str:
        """A sentence for reports."""
        if self.kind == "draws random numbers":
            return "the network draws random numbers as it predicts"
        return f"{len(self.cases)} cases, such as {self.cases[0]}, are predicted otherwise {self.kind} at {self.point}"


def disturbances(evaluation: Evaluation, points: Sequence[Point], *, cases: int = CASES) -> Iterator[Disturbance]:
    """All that was found on the first cases; nothing where each prediction is a function of its image.

    Draws that the tool itself has to give each image are said too: outside of it such a model is another at each start.
    """
    chosen = evaluation.dataset.cases[:cases]
    for point in points:
        first = {case.id: evaluation.measure_case(case, point) for case in chosen}
        again = {case.id: evaluation.measure_case(case, point) for case in reversed(chosen)}
        alone = {case.id: evaluation.measure_alone(case, point) for case in chosen}
        compared: tuple[tuple[Kind, dict[str, list[Measurement]], float], ...] = (
            ("measured again", again, 0.0),
            ("alone in its batch", alone, ROUNDING),
        )
        for kind, other, rounding in compared:
            changed = tuple(case.id for case in chosen if _differ(first[case.id], other[case.id], rounding))
            if changed:
                yield Disturbance(kind, changed, str(point))
    if any("draws random numbers" in warning for warning in evaluation.segmenter.warnings):
        yield Disturbance("draws random numbers")


def _differ(one: Sequence[Measurement], other: Sequence[Measurement], rounding: float) -> bool:
    return any(
        before.failure != after.failure or abs(before.scores["dsc"] - after.scores["dsc"]) > rounding
        for before, after in zip(one, other, strict=True)
    )
