"""What is fixed on clean images before any perturbed one is looked at: from where on a voxel counts as uncertain.

A threshold chosen on the cases that it is judged by always raises their DSC. It is fixed on the screening patients, which
are the same in every process, so that all processes have the same threshold without a word between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.uncertainty.removal import RIGHT_VOXELS_KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class CleanCase:
    """One clean case: its uncertainty at `right` voxels of the error bands (None without label), a voxel once for every
    structure in whose band it is; at all voxels of the predictions' bands; and the share of the image that each structure's
    prediction takes.
    """  # noqa: D205 - one thought

    right: np.ndarray | None
    banded: np.ndarray
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Frozen:
    """Voxels with u > `threshold` are uncertain, and the `rule` says why; None where there is none, and the rule why not.

    `shares` are the mean shares of the image that structures take, None where no image shows one.
    """

    threshold: float | None
    rule: str
    shares: tuple[float | None, ...]


def freeze(cases: Iterable[CleanCase | None], *, stated: float | None, shares: int) -> Frozen:
    """From clean cases, None for those whose prediction failed; they are not asked for where all that is wanted is `stated`.

    The threshold keeps 95 % of a case's right voxels, the mean over cases: a large image is no more than a small one. Where
    no case has a label, right voxels are not known, and it keeps 95 % of all voxels in the predictions' bands.
    `shares` is of how many structures the share of the image is wanted, 0 for none.
    """
    if stated is not None and not shares:
        return Frozen(stated, STATED, ())
    found = [case for case in cases if case is not None]
    means = tuple(_share([case.shares[index] for case in found]) for index in range(shares))
    if stated is not None:
        return Frozen(stated, STATED, means)
    right = [case.right for case in found if case.right is not None and case.right.size]
    if right:
        rule = f"mean over {len(right)} clean screening images of what {RIGHT_VOXELS_KEPT:.0%} of the right voxels round the structures stay below"
        return Frozen(_mean_quantile(right), rule, means)
    banded = [case.banded for case in found if case.banded.size]
    if banded:
        rule = (
            f"no screening image has a label: mean over {len(banded)} of them, clean, of what {RIGHT_VOXELS_KEPT:.0%} of the "
            "voxels round the predicted structures stay below"
        )
        return Frozen(_mean_quantile(banded), rule, means)
    return Frozen(None, "no threshold: no clean screening image has a prediction to fix it by", means)


STATED = "stated in [model] uncertainty"


def _mean_quantile(cases: list[np.ndarray]) -> float:
    """As `metrics.uncertainty.removal.frozen_threshold`, of voxels that are chosen already."""
    return math.fsum(float(np.quantile(u.astype(np.float64), RIGHT_VOXELS_KEPT)) for u in cases) / len(cases)


def _share(shares: list[float]) -> float | None:
    mean = math.fsum(shares) / len(shares) if shares else 0.0
    return mean if 0 < mean < 1 else None
