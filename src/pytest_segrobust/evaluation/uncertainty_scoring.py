"""From a prediction to what its uncertainty is worth: one set of scores per structure.

A prediction that failed warned of nothing: its uncertainty is 0, and all measures of voxels are at their worst. So is one
whose map has numbers that are negative or not finite. An image that moved is scored in view alone: what comes from outside
the clean image is as if it were beyond the border.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..metrics.uncertainty import aggregation
from ..metrics.uncertainty.region import Surroundings, surroundings
from ..metrics.uncertainty.scoring import (
    PATCH_EDGE,
    Limits,
    VoxelScores,
    failed_voxels,
    no_voxels,
    right_voxels,
    score_voxels,
)
from ..models.outputs import channels_of
from .frozen_on_clean import CleanCase, Frozen, freeze

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..metrics.overlap import Mask
    from ..metrics.reference import Reference
    from ..metrics.surface import Box
    from ..metrics.uncertainty.measured import Measured
    from ..models.prediction import Prediction
    from ..models.segmenter import Segmenter
    from ..models.uncertainty_source import UncertaintySource

KEY = "uncertainty"
"""The score key that asks for all of this, and the key of a case's own number."""
UNUSABLE = "the map has numbers that are negative or not finite: it counts as that of a failed prediction"
KEPT_BYTES = 128 * 2**20
"""Surroundings of references that are kept in memory."""


@dataclass(frozen=True)
class Shown:
    """What is scored of one case: `masks` bool (structures, *spatial), None where the prediction failed; its references,
    by structure, with both in view alone where the image moved; `view` is None where it shows nothing else.
    """  # noqa: D205 - one thought

    case: str
    spacing: tuple[float, ...]
    masks: np.ndarray | None
    references: Mapping[str, Reference]
    view: Mask | None = None
    moved: bool = False


class UncertaintyScoring:
    """Scores the uncertainty of one model; what must be fixed beforehand is frozen on `clean` cases, once."""

    def __init__(self, segmenter: Segmenter, clean: Callable[[], Iterable[tuple[Shown, Prediction]]]) -> None:
        self.structures = tuple(segmenter.structures)
        self.settings = segmenter.uncertainty_settings
        self._segmenter = segmenter
        self._channels = channels_of(segmenter.settings)
        model = segmenter.settings
        self._sigmoid = model.activation == "sigmoid" and model.outputs != "labels"
        self._clean = clean
        self._kept: OrderedDict[tuple[str, str], Surroundings] = OrderedDict()
        self._kept_bytes = 0

    @property
    def source(self) -> UncertaintySource:
        """Where uncertainty comes from; the number of passes may be known after the first image only."""
        return self._segmenter.uncertainty

    @property
    def available(self) -> bool:
        """Whether the model has uncertainty at all; if not, `source.reason` says why."""
        return not self.source.reason

    @cached_property
    def frozen(self) -> Frozen:
        """Removal threshold and shares of foreground, the same in every process."""
        if not self.available:
            return Frozen(None, f"none: {self.source.reason}", (None,) * len(self.structures))
        return freeze(
            (self._clean_case(shown, prediction) for shown, prediction in self._clean()),
            stated=self.settings.threshold,
            shares=len(self.structures) if self.settings.aggregation == "threshold" else 0,
        )

    def described(self) -> dict[str, Any]:
        """Where uncertainty comes from and how it is used, as plain data for reports."""
        source, words = self.source, [self.source.words.rstrip(".")]
        if source.method == "mean_variance" and source.map in ("variance", "summed_variance"):
            words.append("Variances above the largest that a probability can have count as that in the QU-BraTS score")
        if self.settings.aggregation == "threshold" and None in self.frozen.shares:
            words.append("Structures that no clean screening image shows have the mean over the image")
        return {
            "method": source.method,
            "passes": source.passes,
            "map": source.map,
            "aggregation": self.settings.aggregation,
            "words": ". ".join(words),
            "threshold": self.frozen.threshold,
            "threshold_rule": self.frozen.rule,
            "reason": source.reason,
        }

    def of_case(self, shown: Shown, prediction: Prediction) -> list[VoxelScores]:
        """For each structure the scores, why others are missing, and the reliability table."""
        labelled = [structure in shown.references for structure in self.structures]
        if not self.available:
            return [_with(0.0, no_voxels(self.source.reason)) for _ in labelled]
        if shown.masks is None:
            return [_with(0.0, failed_voxels() if known else no_voxels("no label")) for known in labelled]
        if shown.view is not None and not shown.view.any():
            return [_with(0.0, no_voxels("nothing of the image is in view")) for _ in labelled]
        assert prediction.uncertainty is not None  # what has masks has a map, where it was asked for
        maps = prediction.uncertainty.cpu().numpy()
        return [self._of_structure(index, shown, prediction, maps) for index in range(len(self.structures))]

    def _of_structure(self, index: int, shown: Shown, prediction: Prediction, maps: np.ndarray) -> VoxelScores:
        structure, uncertainty = self.structures[index], maps[index if len(maps) > 1 else 0]
        reference = shown.references.get(structure)
        if not _usable(uncertainty, shown.view):
            found = no_voxels("no label") if reference is None else failed_voxels()
            return _with(0.0, replace(found, undefined={**found.undefined, KEY: UNUSABLE}))
        assert shown.masks is not None
        mask = shown.masks[index]
        around = surroundings(mask, shown.spacing, self.settings.band, shown.view)
        one = self._aggregated(index, uncertainty, mask, around, shown)
        if reference is None:
            return _with(one, no_voxels("no label"))
        there = self._around_reference(structure, reference, shown)
        box = _box(around, there)
        predicted, true = around.part(around.mask, box), there.part(there.mask, box)
        frozen = self.frozen
        return _with(
            one,
            score_voxels(
                uncertainty[box].astype(np.float64),
                self._probability(index, prediction, box),
                predicted,
                true,
                band=around.part(around.band, box) | there.part(there.band, box) | (predicted ^ true),
                near=around.part(around.near, box) | there.part(there.near, box),
                limits=Limits(frozen.threshold, self._highest(prediction), frozen.rule),
                key=_key(shown.case, structure),
            ),
        )

    def _probability(self, index: int, prediction: Prediction, box: Box) -> np.ndarray:
        """The structure's own, in the box: the sum over its channels where they exclude each other, else their largest."""
        assert prediction.probabilities is not None
        channels = [prediction.probabilities[channel][box].cpu().numpy() for channel in self._channels[index]]
        parts = np.stack(channels).astype(np.float64)
        chosen: np.ndarray = parts.max(axis=0) if self._sigmoid else parts.sum(axis=0)
        return chosen

    def _highest(self, prediction: Prediction) -> float:
        """The largest value that the map can have: 1/4 of a variance, 1 - 1/C of a sum or of 1 - max p, ln C of entropies."""
        assert prediction.probabilities is not None
        classes = 2 if self._sigmoid else max(len(prediction.probabilities), 2)
        if self.source.map == "variance":
            return 0.25
        if self.source.map in ("summed_variance", "least_confidence"):
            return 1 - 1 / classes
        return math.log(classes)

    def _aggregated(self, index: int, uncertainty: np.ndarray, mask: Mask, around: Surroundings, shown: Shown) -> float:
        settings, how = self.settings, self.settings.aggregation
        if how == "boundary":
            if not around.band.any() and around.mask.any() and not _fills(around, shown.view):
                how = "image"  # a band narrower than a voxel
            else:
                return _value(aggregation.mean_in_band(uncertainty, around, shown.view))
        share = self.frozen.shares[index] if how == "threshold" else None
        return _value(
            aggregation.aggregate(
                uncertainty,
                mask,
                shown.spacing,
                "image" if how == "threshold" and share is None else how,
                patch_mm=settings.patch,
                foreground_share=share,
                view=shown.view,
            )
        )

    def _around_reference(self, structure: str, reference: Reference, shown: Shown) -> Surroundings:
        key = (shown.case, structure)
        if not shown.moved and key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        mask = np.zeros(reference.shape, bool)
        mask[reference.box] = reference.mask
        around = surroundings(mask, shown.spacing, self.settings.band, shown.view)
        if not shown.moved:
            self._kept[key] = around
            self._kept_bytes += 3 * around.mask.size
            while self._kept_bytes > KEPT_BYTES and self._kept:
                self._kept_bytes -= 3 * self._kept.popitem(last=False)[1].mask.size
        return around

    def _clean_case(self, shown: Shown, prediction: Prediction) -> CleanCase | None:
        """What a threshold is frozen by, of one clean case; None where its prediction failed."""
        if shown.masks is None or prediction.uncertainty is None:
            return None
        maps = prediction.uncertainty.cpu().numpy()
        right, banded = [], []
        for index, structure in enumerate(self.structures):
            uncertainty = maps[index if len(maps) > 1 else 0]
            if not _usable(uncertainty, None):
                return None
            around = surroundings(shown.masks[index], shown.spacing, self.settings.band)
            banded.append(uncertainty[around.box][around.band])
            if structure in shown.references:
                there = self._around_reference(structure, shown.references[structure], shown)
                box = _box(around, there)
                predicted, true = around.part(around.mask, box), there.part(there.mask, box)
                band = around.part(around.band, box) | there.part(there.band, box) | (predicted ^ true)
                right.append(right_voxels(uncertainty[box], predicted, true, band))
        return CleanCase(
            right=np.concatenate(right) if right else None,
            banded=np.concatenate(banded),
            shares=tuple(float(np.count_nonzero(mask)) / mask.size for mask in shown.masks),
        )


def _with(uncertainty: float, found: VoxelScores) -> VoxelScores:
    return VoxelScores({KEY: uncertainty, **found.values}, found.undefined, found.reliability)


def _usable(uncertainty: np.ndarray, view: Mask | None) -> bool:
    seen = uncertainty if view is None else uncertainty[view]
    low, high = float(seen.min()), float(seen.max())  # NaN goes through
    return low >= 0 and math.isfinite(high)


def _fills(around: Surroundings, view: Mask | None) -> bool:
    return int(np.count_nonzero(around.mask)) == (around.mask.size if view is None else int(np.count_nonzero(view)))


def _value(measured: Measured) -> float:
    assert measured.value is not None  # an aggregation always has one
    return measured.value


def _box(first: Surroundings, second: Surroundings) -> Box:
    """The box of both, from a multiple of a patch's edge on: an empty one adds nothing."""
    boxes = [around.box for around in (first, second) if around.mask.size] or [first.box]
    return tuple(
        slice(min(p.start for p in parts) // PATCH_EDGE * PATCH_EDGE, max(p.stop for p in parts))
        for parts in zip(*boxes, strict=True)
    )


def _key(case: str, structure: str) -> tuple[int, ...]:
    """What voxels of a large band are drawn by: the same for a case, whatever is done to it."""
    digest = hashlib.sha256(f"{case}\0{structure}".encode()).digest()
    return tuple(int.from_bytes(digest[start : start + 4], "little") for start in (0, 4, 8, 12))
