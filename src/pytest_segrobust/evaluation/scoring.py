"""From a prediction to measurements: one row per structure, against references that are prepared once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..evidence.records import Measurement
from ..metrics.catalogue import METRICS
from ..metrics.policy import Scores, failed_scores
from ..metrics.reference import Reference, prepare_reference
from ..metrics.scoring import score
from .moved_case import MovedCase
from .uncertainty_scoring import KEY as UNCERTAINTY
from .uncertainty_scoring import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from ..datasets.dataset import Dataset
    from ..metrics.uncertainty.scoring import VoxelScores
    from ..models.prediction import Prediction
    from ..perturbations.point import Point
    from .preparation import Prepared
    from .uncertainty_scoring import UncertaintyScoring

KEPT_CASES = 256
"""References kept in memory; a reference is its mask's bounding box and boundary, far smaller than the image."""

ALWAYS = frozenset(key for key, metric in METRICS.items() if key not in {"hd95", "nsd", "agreement"})
"""Counted from one confusion table, so they cost nothing more once one of them is asked for."""


class Scoring:
    """Scores predictions of one data set by the metrics that somebody asks for; uncertainty where `uncertainty` is given."""

    def __init__(
        self,
        dataset: Dataset,
        score_keys: frozenset[str],
        structures: Sequence[str],
        uncertainty: UncertaintyScoring | None = None,
    ) -> None:
        self.dataset = dataset
        self.uncertainty = uncertainty
        self.structures = tuple(structures)
        known = {key for key in score_keys if key in METRICS and key != "nsd"}
        self.tolerances = tuple(sorted(float(key[4:]) for key in score_keys if key.startswith("nsd@")))
        self.metrics = ALWAYS | known | ({"nsd"} if self.tolerances else set())
        self._references: OrderedDict[str, dict[str, Reference]] = OrderedDict()

    @property
    def needs_clean(self) -> bool:
        """Whether the clean prediction is part of a score."""
        return "agreement" in self.metrics

    def covers(self, score_key: str) -> bool:
        """Whether rows hold this score."""
        if score_key.startswith("nsd@"):
            return float(score_key[4:]) in self.tolerances
        if score_key == UNCERTAINTY:
            return self.uncertainty is not None
        return score_key in self.metrics or score_key not in METRICS

    def rows(
        self, image: Prepared, prediction: Prediction, *, clean: np.ndarray | None, point: Point, realisation: int
    ) -> list[Measurement]:
        """One measurement per structure; `clean` is the clean prediction, bool (structures, *spatial), unmoved.

        Of an image that moved, only what comes from inside the clean image is scored, see `MovedCase`.
        """
        moved = None if image.movement is None else MovedCase(self.dataset, image, image.movement, clean)
        references = self._prepared(image) if moved is None else moved.references
        masks = None if prediction.masks is None else prediction.masks.cpu().numpy()
        if moved is not None:
            masks, clean = moved.in_view(masks), moved.clean
        uncertain = None
        if self.uncertainty is not None:
            uncertain = self.uncertainty.of_case(self._shown(image, masks, references, moved), prediction)
        rows = []
        for index, structure in enumerate(self.structures):
            reference = references.get(structure)
            if masks is None:
                scores = failed_scores(
                    prediction.failure or "no prediction", reference, tolerances=self.tolerances, metrics=self.metrics
                )
            else:
                scores = score(
                    masks[index],
                    reference,
                    tolerances=self.tolerances,
                    clean_prediction=None if clean is None else clean[index],
                    metrics=self.metrics,
                )
            if moved is not None:
                scores.values.update(moved.beside(index, structure, self.tolerances, self.metrics))
            rows.append(
                _row(image, scores, structure, point, realisation, uncertain=uncertain[index] if uncertain else None)
            )
        return rows

    def shown(self, image: Prepared, prediction: Prediction) -> Shown:
        """What is scored of the uncertainty of an image that did not move."""
        masks = None if prediction.masks is None else prediction.masks.cpu().numpy()
        return self._shown(image, masks, self._prepared(image), None)

    def _shown(
        self,
        image: Prepared,
        masks: np.ndarray | None,
        references: Mapping[str, Reference],
        moved: MovedCase | None,
    ) -> Shown:
        return Shown(
            image.sample.case.id,
            image.spacing,
            masks,
            references,
            view=None if moved is None else moved.view,
            moved=moved is not None,
        )

    def _prepared(self, image: Prepared) -> dict[str, Reference]:
        if image.label is None:
            return {}
        case = image.sample.case.id
        if case in self._references:
            self._references.move_to_end(case)
            return self._references[case]
        references = {s: prepare_reference(mask, image.spacing) for s, mask in self.dataset.masks(image.label).items()}
        self._references[case] = references
        if len(self._references) > KEPT_CASES:
            self._references.popitem(last=False)
        return references


def _row(
    image: Prepared,
    scores: Scores,
    structure: str,
    point: Point,
    realisation: int,
    *,
    uncertain: VoxelScores | None = None,
) -> Measurement:
    return Measurement(
        case=image.sample.case.id,
        patient=image.sample.case.patient,
        point=str(point),
        realisation=realisation,
        structure=structure,
        scores=scores.values if uncertain is None else {**scores.values, **uncertain.values},
        failure=scores.failure,
        reference_voxels=scores.reference_voxels,
        predicted_voxels=scores.predicted_voxels,
        strength=image.strength,
        undefined={} if uncertain is None else uncertain.undefined,
        reliability=[] if uncertain is None else uncertain.reliability,
    )
