"""The fixed order in which cases are evaluated, cut into tiles: the batches a model sees.

A network's output for one image can depend, in its last bits, on what else is in the batch. Tiles are fixed by the
data set and the seed alone, so a case meets the same neighbours in screening and in the full evaluation, with one
worker or eight, and when a run is resumed: the same inputs give the same numbers.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..datasets.case import Case

if TYPE_CHECKING:
    from collections.abc import Sequence

Tile = tuple[Case, ...]


@dataclass(frozen=True)
class Tiling:
    """All cases in tiles, and how many of the first tiles are enough for screening."""

    tiles: tuple[Tile, ...]
    screening_tiles: tuple[Tile, ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """All patients, in the order of evaluation."""
        return _patients(self.tiles)

    @property
    def screening_patients(self) -> tuple[str, ...]:
        """The patients whose cases all lie in the screening tiles."""
        later = set(_patients(self.tiles[len(self.screening_tiles) :]))
        return tuple(patient for patient in _patients(self.screening_tiles) if patient not in later)

    @property
    def complete_after(self) -> tuple[int, ...]:
        """After each tile, how many patients' cases have all been in one: where a look at the results may be taken."""
        last = {case.patient: number for number, tile in enumerate(self.tiles) for case in tile}
        ends = list(last.values())  # patients come one after the other, so their last tiles never fall
        return tuple(sum(end <= number for end in ends) for number in range(len(self.tiles)))

    def beginning(self, cases: int) -> tuple[Tile, ...]:
        """The first tiles, with so many cases together or more, or all there are."""
        together = list(itertools.accumulate(map(len, self.tiles)))
        return self.tiles[: sum(count < cases for count in together) + 1]

    def first(self, patients: int) -> tuple[Tile, ...]:
        """The tiles that hold all cases of the first so many patients, and no more."""
        wanted = set(self.patients[:patients])
        count = max(
            (n for n, tile in enumerate(self.tiles, 1) if any(case.patient in wanted for case in tile)), default=0
        )
        return self.tiles[:count]


def cases_in_a_batch(batch_size: int, *, network: int | None, images: int) -> int:
    """How many cases may share a batch: of volumes that a 2-D `network` is fed slice by slice, none do.

    A picture of one case, or a few patients more, then cost the passes of that case alone.
    """
    return 1 if network == 2 and images == 3 else batch_size


def tiling(cases: Sequence[Case], *, size: int, screening_patients: int, seed: int) -> Tiling:
    """Cut the cases into tiles of `size`, patients in an order drawn from the seed.

    The order is drawn, not alphabetic, because names often follow site or date, and screening takes the first ones.
    Screening gets whole tiles, with at least `screening_patients` complete patients, or all there are.
    """
    ordered = sorted(cases, key=lambda case: (_rank(case.patient, seed), case.patient, case.id))
    tiles = tuple(tuple(ordered[start : start + size]) for start in range(0, len(ordered), size))
    for count in range(1, len(tiles) + 1):
        screened = Tiling(tiles, tiles[:count])
        if len(screened.screening_patients) >= screening_patients:
            return screened
    return Tiling(tiles, tiles)


def _rank(patient: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\0{patient}".encode()).hexdigest()


def _patients(tiles: Sequence[Tile]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case.patient for tile in tiles for case in tile))
