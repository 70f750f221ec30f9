"""The metrics of the catalogue: their names, units, which way is better, and their worst value.

Free of numpy and torch: the sentence grammar reads it while pytest collects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "zero"]


@dataclass(frozen=True)
class Metric:
    """One number per case and structure.

    `worst` is what a failed case scores: a number, or "diagonal" for the image's diagonal in mm. `percent` is true
    where a limit may be written in percent (5 % is 0.05).
    """

    key: str
    name: str
    better: Better
    best: float
    worst: float | Literal["diagonal"]
    unit: str = ""
    percent: bool = True
    needs_reference: bool = True
    needs_tolerance: bool = False
    synonyms: tuple[str, ...] = ()
    source: str = ""


METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("dsc", "DSC", "higher", 1, 0, synonyms=("Dice", "Dice similarity coefficient", "Dice score", "F1"),
               source="Dice 1945; DSC = 2|X∩Y| / (|X|+|Y|)"),
        Metric("iou", "IoU", "higher", 1, 0, synonyms=("Jaccard", "Jaccard index", "intersection over union"),
               source="Jaccard 1912; IoU = |X∩Y| / |X∪Y|"),
        Metric("hd95", "HD95", "lower", 0, "diagonal", unit="mm", percent=False,
               synonyms=("95 % Hausdorff distance", "Hausdorff distance 95"),
               source="Huttenlocher 1993; the larger of the two directed 95th percentiles"),
        Metric("nsd", "NSD", "higher", 1, 0, needs_tolerance=True,
               synonyms=("surface DSC", "surface Dice", "normalised surface distance", "normalized surface distance"),
               source="Nikolov et al. 2018, arXiv:1809.04430"),
        Metric("over_segmentation", "over-segmentation", "lower", 0, 1, synonyms=("over segmentation", "oversegmentation", "Os"),
               source="Mou et al. 2021 (CS2-Net); Os = |X\\Y| / |X∪Y|"),
        Metric("under_segmentation", "under-segmentation", "lower", 0, 1, synonyms=("under segmentation", "undersegmentation", "Us"),
               source="Mou et al. 2021 (CS2-Net); Us = |Y\\X| / |X∪Y|"),
        Metric("volume_bias", "volume bias", "zero", 0, -1, synonyms=("relative volume difference", "RVD"),
               source="RVD = (|X|-|Y|) / |Y|, signed"),
        Metric("volume_error", "volume error", "lower", 0, 1, synonyms=("absolute volume bias", "absolute relative volume difference"),
               source="| |X|-|Y| | / |Y|; a failed case scores 1 or worse"),
        Metric("agreement", "prediction agreement", "higher", 1, 0, needs_reference=False,
               synonyms=("agreement", "self-consistency"),
               source="DSC between the clean and the perturbed prediction"),
    )
}  # fmt: skip


DIAGONAL = "diagonal_mm"
"""The key beside HD95 of the image's diagonal in mm, what a failed case scores: it tells which limits mean anything."""

IN_VIEW = "clean_in_view:"
"""Before a metric's key: what the clean prediction scores on the part of the image that a moved image still shows."""

IN_VIEW_FAILURE = "clean_in_view:failure"
"""1 where the clean prediction has nothing of the structure there, or has it where there is none."""

CEILING = "ceiling:"
"""Before a metric's key: what the reference scores against itself after it was moved and moved back."""

OUT_OF_VIEW = "out_of_view"
"""1 where nothing of the structure is left in a moved image, so that nothing is known of it."""


def score_key(metric: str, tolerance: float | None = None) -> str:
    """The key under which a measurement holds this metric: "dsc", or "nsd@2" for NSD at 2 mm.

    >>> score_key("nsd", 2.0)
    'nsd@2'
    """
    return metric if tolerance is None else f"{metric}@{tolerance:g}"
