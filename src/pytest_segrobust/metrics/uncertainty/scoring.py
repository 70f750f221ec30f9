"""All measures of one case's voxels for one structure, each region and each order computed once.

What a case gets that cannot be measured:

| situation | measures of voxels |
|---|---|
| the model failed | the worst of each (`MEASURES[key].worst`): failing is never better than an answer |
| no label | none, "no label" |
| uncertainty is the same in the whole band | no separation and no removal, "constant uncertainty"; calibration as ever |
| nothing wrong, nothing right, nothing of the structure | none of those that compare them, with the measure's own reason |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from . import calibration, chance, patches, region, removal, separation
from .catalogue import MEASURES
from .chance import CHANCE
from .measured import Measured, is_level, undefined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .calibration import ReliabilityTable
    from .measured import Mask, Values

VOXEL_KEYS: tuple[str, ...] = tuple(key for key, measure in MEASURES.items() if measure.level == "voxels")
CALIBRATION = ("ece", "ace", "brier", "nll")
PATCH_EDGE = 4
"""Voxels per axis of PAvPU's patches: no standard says how many."""
MOST_RANKED = 2_000_000
"""Voxels of a band that are ranked; of a larger band so many are drawn (`region.thinned`)."""

WRONG, RIGHT = "uncertainty_wrong", "uncertainty_right"
REMOVED_RIGHT, REMOVED_WRONG = "removed_right", "removed_wrong"


@dataclass(frozen=True)
class Limits:
    """Voxels above the `threshold` are uncertain; where there is none, `no_threshold` says why.

    `highest` is the largest value that the map can have, which counts as 100 in the QU-BraTS score.
    """

    threshold: float | None
    highest: float
    no_threshold: str = ""


@dataclass(frozen=True)
class VoxelScores:
    """Values by key, why the others have none, and the reliability table: per bin [voxels, sum of confidence, right].

    "chance:<key>" is what a map that knows nothing scores in this case, of measures for which that depends on the case.
    """

    values: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    reliability: list[list[float]] = field(default_factory=list)


def score_voxels(
    uncertainty: Values,
    probability: Values,
    prediction: Mask,
    reference: Mask,
    *,
    band: Mask,
    near: Mask,
    limits: Limits,
    key: Sequence[int] = (0,),
) -> VoxelScores:
    """Of one structure, all (*spatial): a crop of the image that holds both masks, the `band` and `near`.

    `probability` is the structure's own. `band` is the error band, `near` both masks and all voxels within reach of them.
    The crop starts at a multiple of PATCH_EDGE voxels, so that patches lie as they do in the image. `key` is what the voxels
    of a band with more than MOST_RANKED are drawn by.
    """
    if not near.any():
        return no_voxels("prediction and reference are empty")
    wrong = prediction ^ reference
    u, errors = uncertainty[band], wrong[band]
    if u.size and is_level(u):
        found = dict.fromkeys(
            (k for k in VOXEL_KEYS if k not in CALIBRATION),
            undefined(f"constant uncertainty: {u[0]:.4g} in all {u.size} voxels of the band, which tells none apart"),
        )
        gap = separation.uncertainty_gap(u, errors)
        found |= {WRONG: gap.wrong, RIGHT: gap.right}
    else:
        found = _separation(u, errors, key)
        found |= _removal(uncertainty, prediction, reference, near, limits=limits, key=key)
        found |= _at_threshold(uncertainty, wrong, band, limits, key)
    table, calibrated = _calibration(probability, prediction, reference, near)
    found |= calibrated
    beside = (WRONG, RIGHT, REMOVED_RIGHT, REMOVED_WRONG)
    return VoxelScores(
        {name: measured.value for name, measured in found.items() if measured.value is not None},
        {
            name: measured.reason
            for name, measured in found.items()
            if measured.value is None and name not in beside and not name.startswith(CHANCE)
        },
        [
            list(row)
            for row in zip(table.count.tolist(), table.confidence_sum.tolist(), table.right.tolist(), strict=True)
        ],
    )


def failed_voxels() -> VoxelScores:
    """Of a labelled case whose prediction failed."""
    return VoxelScores({key: float(MEASURES[key].worst or 0) for key in VOXEL_KEYS})


def no_voxels(reason: str) -> VoxelScores:
    """Of a case of which nothing can be said."""
    return VoxelScores({}, dict.fromkeys(VOXEL_KEYS, reason))


def right_voxels(uncertainty: Values, prediction: Mask, reference: Mask, band: Mask) -> Values:
    """The uncertainty of the band's right voxels, flat: what a removal threshold is frozen by."""
    chosen: Values = uncertainty[band & (prediction == reference)]
    return chosen


def _separation(u: Values, errors: Mask, key: Sequence[int]) -> dict[str, Measured]:
    gap = separation.uncertainty_gap(u, errors)
    if u.size > MOST_RANKED:
        kept = region.thinned(np.ones(u.shape, bool), MOST_RANKED, key)
        u, errors = u[kept], errors[kept]
    detection = separation.error_detection(u, errors)
    sparse = separation.sparsification(u, errors)
    return {
        **_by_chance(chance.of_ranking(detection, sparse)),
        "error_auroc": detection.auroc,
        "error_aupr": detection.aupr,
        "gap": gap.difference,
        WRONG: gap.wrong,
        RIGHT: gap.right,
        "ause": sparse.ause,
    }


def _by_chance(values: Mapping[str, float | None]) -> dict[str, Measured]:
    """What a map that knows nothing scores, beside the map's own scores."""
    return {f"{CHANCE}{key}": Measured(value) for key, value in values.items() if value is not None}


def _at_threshold(
    uncertainty: Values, wrong: Mask, band: Mask, limits: Limits, key: Sequence[int]
) -> dict[str, Measured]:
    threshold = limits.threshold
    if threshold is None:
        return dict.fromkeys(("ue_dice", "pavpu"), undefined(limits.no_threshold))
    size = (PATCH_EDGE,) * wrong.ndim
    overlap = separation.error_overlap(uncertainty, wrong, threshold, band).ue_dice
    agreement = patches.pavpu(uncertainty, wrong, size, threshold=threshold, region=band).pavpu
    by_chance = {
        "ue_dice": None if overlap.value is None else chance.of_overlap(uncertainty, wrong, threshold, band),
        "pavpu": None
        if agreement.value is None
        else chance.of_patches(uncertainty, wrong, size, threshold=threshold, band=band, key=key),
    }
    return {"ue_dice": overlap, "pavpu": agreement, **_by_chance(by_chance)}


def _removal(
    uncertainty: Values, prediction: Mask, reference: Mask, near: Mask, *, limits: Limits, key: Sequence[int]
) -> dict[str, Measured]:
    score = removal.qu_brats(uncertainty, prediction, reference, highest=limits.highest, region=near).score
    scores = {"qu_brats": score}
    if score.value is not None:
        by_chance = chance.of_removal(uncertainty, prediction, reference, highest=limits.highest, near=near, key=key)
        scores |= _by_chance({"qu_brats": by_chance})
    if limits.threshold is None:
        return {**scores, "delta_dsc": undefined(limits.no_threshold)}
    done = removal.removal(uncertainty, prediction, reference, limits.threshold)
    return {**scores, "delta_dsc": done.delta_dsc, REMOVED_RIGHT: done.price, REMOVED_WRONG: done.found}


def _calibration(
    probability: Values, prediction: Mask, reference: Mask, near: Mask
) -> tuple[ReliabilityTable, Mapping[str, Measured]]:
    p, chosen, true = np.clip(probability[near], 0, 1), prediction[near], reference[near]
    table = calibration.reliability(np.where(chosen, p, 1 - p), chosen == true)
    both, labels = np.stack([1 - p, p]), true.astype(np.intp)
    return table, {
        "ece": table.ece,
        "ace": table.ace,
        "brier": calibration.brier(both, labels),
        "nll": calibration.negative_log_likelihood(both, labels),
    }
