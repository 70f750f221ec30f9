"""Scores of an image that moved: in view alone, beside what the clean prediction scores there and what moving itself costs.

A voxel that comes from outside the clean image says nothing of the model: it leaves both masks. Where part of the image
is no longer seen, the clean prediction is scored again on the part that is, so that a drop compares like with like.
Interpolated labels are not what they were; how much of a score that is, the reference moved there and back shows.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

from ..metrics.catalogue import CEILING, DIAGONAL, IN_VIEW, IN_VIEW_FAILURE, OUT_OF_VIEW
from ..metrics.reference import prepare_reference
from ..metrics.scoring import score

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np

    from ..datasets.dataset import Dataset
    from ..metrics.policy import Scores
    from ..perturbations.application import Movement
    from .preparation import Prepared


class MovedCase:
    """One case after a movement; `clean` is the clean prediction, bool (structures, *spatial), where it was.

    Afterwards `clean` is moved along, and like `references` in view alone; `view` is bool (*spatial) on the moved grid, None
    where all of it comes from inside the clean image.
    """

    def __init__(self, dataset: Dataset, image: Prepared, movement: Movement, clean: np.ndarray | None) -> None:
        self.movement = movement
        self.spacing = image.sample.spacing
        self._given_clean = clean
        self.view = None if movement.view is None else movement.view.cpu().numpy()
        self._seen = None if movement.seen is None else movement.seen.cpu().numpy()
        self.clean = None if clean is None else self.in_view(_array(movement.move(_tensor(clean, movement))))
        self._given, self._back = _nothing(), _nothing()
        moved = _nothing()
        if image.label is not None and image.sample.label is not None:
            self._given, moved = dataset.masks(image.sample.label), dataset.masks(image.label)
            if not movement.lossless:
                self._back = dataset.masks(_array(movement.restore(_tensor(image.label[None], movement)))[0])
        self.references = {
            structure: prepare_reference(mask if self.view is None else mask & self.view, image.spacing, reused=False)
            for structure, mask in moved.items()
        }

    def in_view(self, masks: np.ndarray | None) -> np.ndarray | None:
        """Masks (structures, *spatial) of the moved image without what comes from outside the clean one."""
        return masks if masks is None or self.view is None else masks & self.view

    def beside(
        self, index: int, structure: str, tolerances: Sequence[float], metrics: Collection[str]
    ) -> dict[str, float]:
        """What stands beside the scores of a structure, under the keys IN_VIEW, CEILING and OUT_OF_VIEW."""
        clean = None if self._given_clean is None else self._given_clean[index]
        compared = frozenset(metrics) - {"agreement"}
        values: dict[str, float] = {}
        if structure in self._given:
            given = self._given[structure]
            here = self._where_seen(given)
            reference = prepare_reference(here, self.spacing, reused=False)
            if given.any() and not (self.references[structure].voxels and reference.voxels):
                return {OUT_OF_VIEW: 1.0}
            if self._seen is not None and clean is not None:
                found = score(self._where_seen(clean), reference, tolerances=tolerances, metrics=compared)
                values |= _under(IN_VIEW, found) | ({IN_VIEW_FAILURE: 1.0} if found.failure else {})
            if structure in self._back:
                back = self._where_seen(self._back[structure])
                values |= _ceiling(score(back, reference, tolerances=tolerances, metrics=compared))
        if clean is None or self.clean is None or "agreement" not in metrics:
            return values
        if structure not in self._given and clean.any() and not self.clean[index].any():
            return {OUT_OF_VIEW: 1.0}
        if not self.movement.lossless:
            found = score(
                self._where_seen(self._clean_back[index]),
                None,
                clean_prediction=self._where_seen(clean),
                metrics=["agreement"],
            )
            values |= _ceiling(found)
        return values

    @cached_property
    def _clean_back(self) -> np.ndarray:
        assert self.clean is not None
        return _array(self.movement.restore(_tensor(self.clean, self.movement)))

    def _where_seen(self, mask: np.ndarray) -> np.ndarray:
        return mask if self._seen is None else mask & self._seen


def _nothing() -> dict[str, np.ndarray]:
    return {}


def _ceiling(found: Scores) -> dict[str, float]:
    """What moving there and back costs; nothing where a structure is lost on the way, which would excuse any model."""
    return {} if found.failure else _under(CEILING, found)


def _under(prefix: str, scores: Scores) -> dict[str, float]:
    return {prefix + key: value for key, value in scores.values.items() if key != DIAGONAL}


def _tensor(masks: np.ndarray, movement: Movement) -> torch.Tensor:
    return torch.from_numpy(masks).to(movement.device)


def _array(masks: torch.Tensor) -> np.ndarray:
    array: np.ndarray = masks.cpu().numpy()
    return array
