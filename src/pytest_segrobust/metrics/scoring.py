"""All metrics of one predicted structure against its reference, each thing computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import overlap
from .catalogue import score_key
from .distance import surface_distances
from .overlap import Confusion, check_mask
from .policy import POLICY, Scores, asked_metrics, diagonal, policy_values
from .surface import bounding_box, hd95, nsd, surface_of
from .volume import volume_bias, volume_error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from .overlap import Mask
    from .policy import Situation
    from .reference import Reference
    from .surface import Box, Surface

OVERLAPS: dict[str, Callable[[Confusion], float]] = {
    "dsc": overlap.dsc,
    "iou": overlap.iou,
    "over_segmentation": overlap.over_segmentation,
    "under_segmentation": overlap.under_segmentation,
}
UNLABELLED: dict[Situation, str] = {"missed": "lost", "false detection": "invented"}  # beside the clean prediction
VOLUMES: dict[str, Callable[[int, int], float]] = {"volume_bias": volume_bias, "volume_error": volume_error}


def score(
    prediction: Mask,
    reference: Reference | None,
    *,
    tolerances: Sequence[float] = (),
    clean_prediction: Mask | None = None,
    metrics: Collection[str] | None = None,
) -> Scores:
    """The scores of one structure of one case.

    `prediction` and `clean_prediction` are bool (*spatial); `reference` is None where the case has no label, and then
    only agreement is scored. `tolerances` are NSD's, in mm. `metrics` are keys of METRICS (default: all that the
    arguments allow); surfaces are left alone where neither HD95 nor NSD is among them. Agreement asked for by name
    without a clean prediction is 0: a clean prediction that failed agrees with nothing.

    Raises ValueError for masks that are not bool or differ in shape, and for unknown metrics.
    """
    asked = asked_metrics(metrics, tolerances)
    check_mask(prediction, "the prediction", reference.shape if reference else None)
    box = bounding_box(prediction)
    voxels = int(np.count_nonzero(prediction)) if box else 0
    values: dict[str, float] = {}
    failure: str | None = None
    if reference is not None:
        situation = _situation(voxels, reference.voxels)
        if situation is not None:
            values = policy_values(situation, reference, voxels, asked, tolerances)
            failure = None if situation == "both empty" else situation
        elif box is not None:
            counts = _counts(prediction, voxels, reference)
            values = _overlap_values(counts, asked)
            if "hd95" in asked or "nsd" in asked:
                same = counts.true_positive == counts.union  # then every distance is 0
                surface = (
                    reference.surface if same else surface_of(prediction[box], box, reference.shape, reference.spacing)
                )
                values |= _surface_values(surface, reference, asked, tolerances)
    if "agreement" in asked and (clean_prediction is not None or metrics is not None):
        values["agreement"], changed = _agreement(prediction, box, voxels, clean_prediction)
        if reference is None:
            failure = changed
    return Scores(values | diagonal(reference, asked), failure, reference.voxels if reference else None, voxels)


def _situation(predicted_voxels: int, reference_voxels: int) -> Situation | None:
    if predicted_voxels and reference_voxels:
        return None
    if reference_voxels:
        return "missed"
    return "false detection" if predicted_voxels else "both empty"


def _counts(prediction: Mask, voxels: int, reference: Reference) -> Confusion:
    """The confusion counts, looking only where the reference is."""
    shared = int(np.count_nonzero(prediction[reference.box] & reference.mask))
    return Confusion(shared, voxels - shared, reference.voxels - shared)


def _overlap_values(counts: Confusion, asked: Collection[str]) -> dict[str, float]:
    values = {key: metric(counts) for key, metric in OVERLAPS.items() if key in asked}
    sizes = counts.true_positive + counts.false_positive, counts.true_positive + counts.false_negative
    return values | {key: metric(*sizes) for key, metric in VOLUMES.items() if key in asked}


def _surface_values(
    prediction: Surface, reference: Reference, asked: Collection[str], tolerances: Sequence[float]
) -> dict[str, float]:
    here, there = surface_distances(prediction, reference.surface, reference.field)
    values = {"hd95": hd95(here, there)} if "hd95" in asked else {}
    if "nsd" in asked:
        values |= {score_key("nsd", tolerance): nsd(here, there, tolerance) for tolerance in tolerances}
    return values


def _agreement(prediction: Mask, box: Box | None, voxels: int, clean: Mask | None) -> tuple[float, str | None]:
    """DSC with the clean prediction, and "lost" or "invented" where only one of the two has the structure."""
    if clean is None:
        return float(POLICY["failed"]["agreement"]), None
    check_mask(clean, "the clean prediction", prediction.shape)
    clean_voxels = int(np.count_nonzero(clean))
    situation = _situation(voxels, clean_voxels)
    if situation is not None:
        return float(POLICY[situation]["agreement"]), UNLABELLED.get(situation)
    shared = int(np.count_nonzero(prediction[box] & clean[box])) if box else 0
    return overlap.dsc(Confusion(shared, voxels - shared, clean_voxels - shared)), None
