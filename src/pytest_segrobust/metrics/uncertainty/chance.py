"""What a map that knows nothing scores on the same case: of measures whose level without information depends on the data.

Such a map has the same values in other voxels. AUPR, AUSE and UE-Dice of it are known in closed form, the others are those of
shuffled maps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import patches, removal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .measured import Mask, Values
    from .separation import ErrorDetection, Sparsification

CHANCE = "chance:"
"""What precedes a measure's key in a case's scores."""
SHUFFLES, SHUFFLED_VOXELS = 4, 10_000
"""A region is shuffled so often, or as often as so many voxels allow, once at least: shuffles of large ones hardly differ."""


def of_ranking(detection: ErrorDetection, sparse: Sparsification) -> dict[str, float]:
    """AUPR has the share of wrong voxels, AUSE the area between no order and the best."""
    found = {}
    if detection.aupr.value is not None:
        found["error_aupr"] = detection.prevalence
    if sparse.ause.value is not None and sparse.random.value is not None:
        found["ause"] = sparse.random.value
    return found


def of_overlap(uncertainty: Values, wrong: Mask, threshold: float, band: Mask) -> float:
    """UE-Dice: of `flagged` voxels the share that is wrong anyway are hits. 1 where nothing is flagged or wrong."""
    n = int(np.count_nonzero(band))
    flagged = int(np.count_nonzero(uncertainty[band] > threshold))
    count = int(np.count_nonzero(wrong[band]))
    return 2 * flagged * count / n / (flagged + count) if flagged + count else 1.0


def of_patches(
    uncertainty: Values, wrong: Mask, size: Sequence[int], *, threshold: float, band: Mask, key: Sequence[int]
) -> float | None:
    """PAvPU of the band's values in other voxels of the band."""
    return _mean(
        [
            patches.pavpu(mixed, wrong, size, threshold=threshold, region=band).pavpu.value
            for mixed in _shuffled(uncertainty, band, key)
        ]
    )


def of_removal(
    uncertainty: Values, prediction: Mask, reference: Mask, *, highest: float, near: Mask, key: Sequence[int]
) -> float | None:
    """The QU-BraTS score of the values near both masks in other voxels there."""
    return _mean(
        [
            removal.qu_brats(mixed, prediction, reference, highest=highest, region=near).score.value
            for mixed in _shuffled(uncertainty, near, key)
        ]
    )


def _shuffled(uncertainty: Values, region: Mask, key: Sequence[int]) -> list[Values]:
    """Maps whose values in the region are exchanged; the same for the same key."""
    values = uncertainty[region]
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(list(key))))
    found = []
    for _ in range(max(1, min(SHUFFLES, SHUFFLED_VOXELS // max(values.size, 1)))):
        mixed = uncertainty.copy()
        mixed[region] = rng.permutation(values)
        found.append(mixed)
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
