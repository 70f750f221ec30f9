"""Whether a prediction is a function of its image alone: not of its neighbours in a batch, nor of what came before.

A run shows each case in one fixed tile, so its numbers repeat even where a model depends on who else is in the tile. In a
clinic images come one by one. The first tiles are measured once more, and some of their cases alone, on clean images. Masks
are compared, and where uncertainty is asked for, each case's number: a map may depend on more than its masks do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..perturbations.point import CLEAN
from .uncertainty_scoring import KEY as UNCERTAINTY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..evidence.records import Measurement
    from .evaluation import Evaluation

ALONE = 3
"""Cases of the first tile that are shown alone; so many or more are shown a second time."""

ROUNDING = 0.01
"""Mean change of the DSC (of the volume, without labels) that other float sums of another batch size may make: a few voxels
of small structures. The network of examples/hippocampus changes none, in full or in mixed precision.

Of uncertainty it is the change as a share of the largest among the compared cases.
"""

REPEATED = 0.001
"""The same of the same batch, where only a device's own rounding may differ."""


@dataclass(frozen=True)
class Repeated:
    """Clean cases measured a second time: how much that changed what was measured, from 0 to 1, and what may."""

    how: str
    cases: int
    mean_change: float
    largest_change: float
    largest_in: str
    allowed: float

    @property
    def held(self) -> bool:
        """Whether nothing but rounding changed."""
        return self.mean_change <= self.allowed


def repeated(evaluation: Evaluation) -> list[Repeated]:
    """The first tiles once more, and where that gives the same, some of their cases alone, if they had neighbours."""
    tiles = evaluation.first_tiles(ALONE)
    known = {case.id for tile in tiles for case in tile}
    first = [row for row in evaluation.measure([CLEAN]) if row.case in known]
    again = [row for tile in tiles for row in evaluation.measure_tile(tile, CLEAN)]
    found = [_repeated("measured a second time", first, again, REPEATED)]
    if len(tiles[0]) > 1 and found[0].held:
        alone = [row for case in tiles[0][:ALONE] for row in evaluation.measure_alone(case, CLEAN)]
        together = [row for row in first if row.case in {other.case for other in alone}]
        found.append(_repeated("alone in its batch", together, alone, ROUNDING))
    return found


def unsteady(found: Sequence[Repeated]) -> str:
    """Why nothing that was measured can be passed on to single images; "" where predictions are of their images alone."""
    return next((_words(each) for each in found if not each.held), "")


def _repeated(how: str, rows: Sequence[Measurement], others: Sequence[Measurement], allowed: float) -> Repeated:
    found = _differences(rows, others)
    worst = max(range(len(found)), key=found.__getitem__, default=None)
    return Repeated(
        how,
        len({row.case for row in rows}),
        change(rows, others),
        0.0 if worst is None else found[worst],
        "" if worst is None else rows[worst].case,
        allowed,
    )


def change(rows: Sequence[Measurement], others: Sequence[Measurement]) -> float:
    """The mean change of predictions of the same cases, 0 to 1; 0 where there are none."""
    found = _differences(rows, others)
    return sum(found) / len(found) if found else 0.0


def _differences(rows: Sequence[Measurement], others: Sequence[Measurement]) -> list[float]:
    by_key = {(row.case, row.structure): row for row in others}
    largest = max((row.scores.get(UNCERTAINTY, 0.0) for row in (*rows, *others)), default=0.0)
    return [_difference(row, by_key[row.case, row.structure], largest) for row in rows]


def _difference(one: Measurement, other: Measurement, largest: float) -> float:
    """From 0 to 1: of the masks or of the uncertainty, whichever differs more."""
    if one.failure != other.failure:
        return 1.0
    unsure = [row.scores[UNCERTAINTY] for row in (one, other) if UNCERTAINTY in row.scores]
    doubt = abs(unsure[0] - unsure[1]) / largest if len(unsure) == 2 and largest > 0 else 0.0
    return max(doubt, _difference_of_masks(one, other))


def _difference_of_masks(one: Measurement, other: Measurement) -> float:
    if "dsc" in one.scores and "dsc" in other.scores:
        return abs(one.scores["dsc"] - other.scores["dsc"])
    sizes = one.predicted_voxels or 0, other.predicted_voxels or 0
    return abs(sizes[0] - sizes[1]) / max(*sizes, 1)


def _words(found: Repeated) -> str:
    return (
        f"what the model says of an image depends on more than the image: {found.how}, {found.largest_in} is predicted "
        f"otherwise (mean change {found.mean_change:.2g}), so that nothing can be said of single images; "
        "look for normalisation over the batch, state that is kept between calls, and draws that torch does not seed"
    )
