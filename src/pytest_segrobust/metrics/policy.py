"""What a case scores where a mask is empty or the model failed. One table, so that n is the same clean and perturbed.

| situation | DSC, IoU | HD95 | NSD | Os | Us | volume bias | volume error | agreement | failure |
|---|---|---|---|---|---|---|---|---|---|
| both empty | 1 | 0 | 1 | 0 | 0 | 0 | 0 | 1 | |
| only the prediction empty | 0 | diagonal | 0 | 0 | 1 | -1 | 1 | 0 | missed |
| only the reference empty | 0 | diagonal | 0 | 1 | 0 | predicted voxels | predicted voxels | 0 | false detection |
| the model failed | 0 | diagonal | 0 | 1 | 1 | -1 | worst | 0 | its text |

* The diagonal is that of the whole image in mm: no distance in the image is longer, and no crop changes it.
* "Predicted voxels": an empty reference counts as one voxel, see `volume`.
* "Worst" is the largest volume error that any mask could have in this image: failing is never better than an answer.
* Agreement compares two predictions; its "reference" is the clean one, and a clean prediction that failed agrees with
  nothing (0). Where there is no label, a structure that only the clean prediction has is "lost", one that it lacks "invented".
* Both empty counts only where cases with an empty reference are scored at all ([decision] empty_reference = "score");
  `reference_voxels` of 0 is how verification finds the ones to leave out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .catalogue import DIAGONAL, METRICS, score_key
from .volume import volume_bias, volume_error, worst_volume_error

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .reference import Reference

Situation = Literal["both empty", "missed", "false detection", "failed"]
Entry = float | Literal["diagonal", "bias", "error", "worst error"]


@dataclass(frozen=True)
class Scores:
    """The scores of one structure of one case.

    Keys of `values` are those of METRICS, "nsd@2" for NSD at 2 mm, and beside HD95 DIAGONAL, the worst it could be.
    `failure` is None, "missed", "false detection", "lost", "invented", or what the model did wrong. `reference_voxels` is None
    where there is no label, `predicted_voxels` where there is no prediction.
    """

    values: dict[str, float]
    failure: str | None
    reference_voxels: int | None
    predicted_voxels: int | None


POLICY: dict[Situation, dict[str, Entry]] = {
    "both empty": {"dsc": 1, "iou": 1, "hd95": 0, "nsd": 1, "over_segmentation": 0, "under_segmentation": 0,
                   "volume_bias": "bias", "volume_error": "error", "agreement": 1},
    "missed": {"dsc": 0, "iou": 0, "hd95": "diagonal", "nsd": 0, "over_segmentation": 0, "under_segmentation": 1,
               "volume_bias": "bias", "volume_error": "error", "agreement": 0},
    "false detection": {"dsc": 0, "iou": 0, "hd95": "diagonal", "nsd": 0, "over_segmentation": 1, "under_segmentation": 0,
                        "volume_bias": "bias", "volume_error": "error", "agreement": 0},
    "failed": {"dsc": 0, "iou": 0, "hd95": "diagonal", "nsd": 0, "over_segmentation": 1, "under_segmentation": 1,
               "volume_bias": -1, "volume_error": "worst error", "agreement": 0},
}  # fmt: skip


def asked_metrics(metrics: Collection[str] | None, tolerances: Sequence[float]) -> frozenset[str]:
    """The keys of METRICS that are asked for: all, with NSD only where it has tolerances, unless they are named.

    Raises ValueError for an unknown key, for NSD without tolerance, and for a tolerance that is negative or no number.
    """
    if not all(0 <= tolerance < float("inf") for tolerance in tolerances):
        raise ValueError(f"tolerances {tuple(tolerances)} must be finite and not negative, in mm")
    if metrics is None:
        return frozenset(METRICS) if tolerances else frozenset(METRICS) - {"nsd"}
    if unknown := set(metrics) - set(METRICS):
        raise ValueError(f"unknown metrics {sorted(unknown)}; the catalogue has {sorted(METRICS)}")
    if "nsd" in metrics and not tolerances:
        raise ValueError("NSD is asked for without a tolerance")
    return frozenset(metrics)


def policy_values(
    situation: Situation,
    reference: Reference,
    predicted_voxels: int,
    metrics: Collection[str],
    tolerances: Sequence[float],
) -> dict[str, float]:
    """The table's line for a situation in numbers, for those `metrics` that need a reference."""
    words = {
        "diagonal": reference.diagonal_mm,
        "bias": volume_bias(predicted_voxels, reference.voxels),
        "error": volume_error(predicted_voxels, reference.voxels),
        "worst error": worst_volume_error(reference.voxels, reference.image_voxels),
    }
    values: dict[str, float] = {}
    for key, metric in METRICS.items():
        if key in metrics and metric.needs_reference:
            entry = POLICY[situation][key]
            value = words[entry] if isinstance(entry, str) else float(entry)
            values |= {score_key(key, at): value for at in (tolerances if metric.needs_tolerance else (None,))}
    return values


def diagonal(reference: Reference | None, metrics: Collection[str]) -> dict[str, float]:
    """What HD95 of a failed case would be, where HD95 is among `metrics`."""
    return {DIAGONAL: reference.diagonal_mm} if reference is not None and "hd95" in metrics else {}


def failed_scores(
    failure: str,
    reference: Reference | None,
    *,
    tolerances: Sequence[float] = (),
    metrics: Collection[str] | None = None,
) -> Scores:
    """What a case scores where the model crashed or returned NaN or a wrong shape: the worst of every metric.

    Without a reference that is agreement alone.
    """
    asked = asked_metrics(metrics, tolerances)
    values = policy_values("failed", reference, 0, asked, tolerances) if reference else {}
    if "agreement" in asked:
        values["agreement"] = float(METRICS["agreement"].worst)
    return Scores(values | diagonal(reference, asked), failure, reference.voxels if reference else None, None)
