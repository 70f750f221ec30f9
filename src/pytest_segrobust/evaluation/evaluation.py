"""The loop that costs: perturb each case, predict, score; every result goes to the store before it is used."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from ..datasets.leakage import leak
from ..errors import DataError
from ..perturbations.catalogue import catalogue
from ..perturbations.point import CLEAN, Point
from ..requirements.settings import AttackSettings
from .adversary import Adversary, what_decides
from .clean_predictions import CleanPredictions
from .context import context_hash, package_versions, tool_source_hash
from .preparation import Prepared, prepare
from .scoring import Scoring
from .shown_predictions import ShownPredictions
from .steadiness import repeated, unsteady
from .tiles import Tile, cases_in_a_batch, tiling
from .uncertainty_scoring import KEY as UNCERTAINTY
from .uncertainty_scoring import UncertaintyScoring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from ..datasets.case import Case
    from ..datasets.dataset import Dataset
    from ..evidence.records import Measurement
    from ..evidence.store import Store
    from ..models.prediction import Prediction
    from ..models.segmenter import Segmenter
    from .uncertainty_scoring import Shown

FRESH = 1000  # the first noise draw that no search and no decision uses


class Evaluation:
    """Measures every case of a data set with one model at exact points.

    `score_keys` names the metrics that somebody will ask for ("dsc", "hd95", "nsd@2", "agreement"); overlap and volume
    metrics are always there, and "uncertainty" means all measures of voxels of it. `measure` gives the same numbers
    whatever was measured before, by whom, in which order.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        dataset: Dataset,
        *,
        store: Store | None = None,
        score_keys: frozenset[str] = frozenset(),
        screening_patients: int = 6,
        seed: int = 0,
        attack: AttackSettings | None = None,
        surrogate: Segmenter | None = None,
        uncertainty_scoring: UncertaintyScoring | None = None,
    ) -> None:
        if not dataset.cases:
            raise DataError("no cases are left to evaluate: look at [data] images and exclude")
        self.segmenter = segmenter
        self.dataset = dataset
        self.store = store
        self.seed = seed
        self.score_keys = score_keys
        self.adversary = Adversary(segmenter, attack or AttackSettings(), surrogate=surrogate, seed=seed)
        self.structures: tuple[str, ...] = tuple(segmenter.structures)
        self.data_files = dataset.hashes()
        self.data_sha256 = context_hash(self.data_files)
        self._screening = screening_patients
        size = cases_in_a_batch(segmenter.batch_size, network=segmenter.settings.dimensions, images=dataset.dimensions)
        self._tiling = tiling(dataset.cases, size=size, screening_patients=screening_patients, seed=seed)
        self.patients = self._tiling.patients
        self.screening_patients = self._tiling.screening_patients
        self.context = context_hash(self._identity())
        self._uncertainty_scoring = uncertainty_scoring or (
            UncertaintyScoring(segmenter, self._screened) if UNCERTAINTY in score_keys else None
        )
        self._scoring = Scoring(dataset, score_keys, self.structures, self._uncertainty_scoring)
        self._clean = CleanPredictions()
        self._shown = ShownPredictions()
        self._wider: dict[str, Evaluation] = {}
        self._unsteady: str | None = None
        self._kept: dict[tuple[str, int], dict[str, list[Measurement]]] = {}

    def including(self, score_key: str) -> Evaluation:
        """This evaluation, or one that also scores another metric."""
        if self._scoring.covers(score_key):
            return self
        if score_key not in self._wider:
            self._wider[score_key] = self._with(self.score_keys | {score_key})
        return self._wider[score_key]

    def _with(self, score_keys: frozenset[str]) -> Evaluation:
        return Evaluation(
            self.segmenter,
            self.dataset,
            store=self.store,
            score_keys=score_keys,
            screening_patients=self._screening,
            seed=self.seed,
            attack=self.adversary.settings,
            surrogate=self.adversary.surrogate,
            uncertainty_scoring=self._uncertainty_scoring,
        )

    @property
    def uncertainty(self) -> dict[str, Any]:
        """Where uncertainty comes from, how it becomes one number per case, and from where on a voxel is uncertain.

        Empty where "uncertainty" is not scored. `reason` says why there is none, "" where there is.
        """
        return {} if self._uncertainty_scoring is None else self._uncertainty_scoring.described()

    @property
    def unsteady(self) -> str:
        """Why predictions depend on more than their images; "" where they do not. Tried once, see `steadiness`."""
        if self._unsteady is None:
            found = repeated(self)
            self._unsteady = unsteady(found)
            if self.store is not None:
                self.store.set_run(repeatability=[{**asdict(each), "held": each.held} for each in found])
        return self._unsteady

    @property
    def no_pass(self) -> str:
        """Why nothing may pass, whatever the numbers; "" where nothing forbids it. Looks at the cases of the first batch."""
        looked_at = [case for tile in self.first_tiles(self.segmenter.batch_size) for case in tile]
        return leak(self.dataset, looked_at) or self.unsteady

    @property
    def has_surrogate(self) -> bool:
        """Whether there is another model to make attacks on."""
        return self.adversary.surrogate is not None

    @property
    def attack_notes(self) -> list[str]:
        """What a reader must know of the attacks that were made, in this process or in another."""
        sample = self.dataset.read(self._tiling.tiles[0][0])
        return self.adversary.notes(torch.from_numpy(sample.image), sample.spacing)

    @property
    def complete_after(self) -> tuple[int, ...]:
        """After how many of `patients`, in their fixed random order, it costs nothing more to stop: whole batches."""
        return self._tiling.complete_after

    def measure(
        self,
        points: Sequence[Point],
        *,
        screening: bool = False,
        realisations: int = 1,
        first: int | None = None,
    ) -> list[Measurement]:
        """All structures of all cases (or of the screening patients alone, or of the `first` patients) at every point.

        Points without randomness have one realisation, whatever is asked for.

        Raises:
            DataError: a case cannot be read.
            PerturbationError: a perturbation cannot be done to a case, or did nothing.
        """
        tiles = self._tiling.screening_tiles if screening else self._tiling.tiles
        wanted = set(self.screening_patients) if screening else None
        if first is not None:
            tiles, wanted = self._tiling.first(first), set(self.patients[:first])
        rows: list[Measurement] = []
        for point in points:
            for realisation in range(realisations if _is_random(point) else 1):
                found = self._rows(point, realisation, tiles)
                rows += found if wanted is None else [row for row in found if row.patient in wanted]
        return rows

    def measure_with_fresh_noise(self, point: Point, *, realisations: int) -> list[Measurement]:
        """All cases at one point under noise draws that nothing else has seen; none where the point has no randomness."""
        draws = range(FRESH, FRESH + realisations) if _is_random(point) else ()
        return [row for draw in draws for row in self._rows(point, draw, self._tiling.tiles)]

    def predict(
        self, case: Case, point: Point, *, realisation: int = 0, keep_uncertainty: bool = False
    ) -> tuple[Prepared, Prediction]:
        """One case for pictures and replay: what the model saw, and what it said, with its map where that is asked for.

        The case meets the model in the same tile as in `measure`, so the prediction is the one that was scored.
        """
        keep = keep_uncertainty and not self.segmenter.uncertainty.reason

        def made() -> tuple[Prepared, Prediction]:
            tile = self._tile_of(case)
            prepared, predictions = self._predicted(tile, point, realisation, keep_uncertainty=keep)
            return prepared[tile.index(case)], predictions[tile.index(case)]

        return self._shown.get((case.id, str(point), realisation, keep), made)

    def measure_case(self, case: Case, point: Point, *, realisation: int = 0) -> list[Measurement]:
        """One case measured anew, whatever the store holds: for replay."""
        return [row for row in self._compute(self._tile_of(case), point, realisation) if row.case == case.id]

    def first_tiles(self, cases: int) -> tuple[Tile, ...]:
        """The first batches of cases, with so many cases together or more."""
        return self._tiling.beginning(cases)

    def measure_tile(self, tile: Tile, point: Point) -> list[Measurement]:
        """One batch measured anew, whatever the store holds."""
        return self._compute(tile, point, 0)

    def measure_alone(self, case: Case, point: Point) -> list[Measurement]:
        """One case in a batch of its own, kept nowhere: for searches in which every case has its own point."""
        return self._compute((case,), point, 0)

    def _identity(self) -> dict[str, Any]:
        frozen_on = {"frozen_on": self.screening_patients} if UNCERTAINTY in self.score_keys else {}
        return {
            **frozen_on,
            "tool": tool_source_hash(),
            "packages": package_versions(),
            "model": what_decides(self.segmenter),
            "device": torch.device(self.segmenter.device).type,
            "batch_size": self.segmenter.batch_size,
            "data": self.data_sha256,
            "dataset": self.dataset.description(),
            "scores": sorted(self.score_keys),
            "seed": self.seed,
            "attack": self.adversary.identity(),
        }

    def _tile_of(self, case: Case) -> Tile:
        return next(tile for tile in self._tiling.tiles if case in tile)

    def _rows(self, point: Point, realisation: int, tiles: Sequence[Tile]) -> list[Measurement]:
        by_case = self._known(point, realisation)
        for tile in tiles:
            if all(case.id in by_case for case in tile):
                continue
            computed = self._compute(tile, point, realisation)
            if self.store is not None:
                self.store.add(self.context, computed)
            for case in tile:
                by_case[case.id] = [row for row in computed if row.case == case.id]
        return [row for tile in tiles for case in tile for row in by_case[case.id]]

    def _known(self, point: Point, realisation: int) -> dict[str, list[Measurement]]:
        key = (str(point), realisation)
        if key not in self._kept:
            known: dict[str, list[Measurement]] = {}
            if self.store is not None:
                for row in self.store.find(self.context, str(point), realisation):
                    known.setdefault(row.case, []).append(row)
            if len(self._kept) >= 64:  # the store holds everything; this only spares repeated reads
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = known
        return self._kept[key]

    def _compute(self, tile: Tile, point: Point, realisation: int) -> list[Measurement]:
        clean = self._clean_masks(tile) if self._scoring.needs_clean and point != CLEAN else None
        scoring = self._uncertainty_scoring
        keep = scoring is not None and scoring.available
        prepared, predictions = self._predicted(tile, point, realisation, keep_uncertainty=keep)
        if clean is None and self._scoring.needs_clean:
            self._clean.keep(tile, predictions)
            clean = self._clean.get(tile)
        if clean is None and any(image.movement is not None and image.movement.seen is not None for image in prepared):
            clean = self._clean_masks(tile)  # to be scored again on what is still seen
        rows = []
        for position, (image, prediction) in enumerate(zip(prepared, predictions, strict=True)):
            before = clean[position] if clean is not None else None
            rows += self._scoring.rows(image, prediction, clean=before, point=point, realisation=realisation)
        return rows

    def _predicted(
        self, tile: Tile, point: Point, realisation: int, *, keep_uncertainty: bool = False
    ) -> tuple[list[Prepared], list[Prediction]]:
        prepared = [
            prepare(
                self.dataset,
                case,
                point,
                device=self.segmenter.device,
                realisation=realisation,
                seed=self.seed,
                adversary=self.adversary,
                clean=lambda position=position: self._clean_masks(tile)[position],  # type: ignore[misc]
            )
            for position, case in enumerate(tile)
        ]
        return prepared, self.segmenter.predict(
            [image.image for image in prepared],
            [image.spacing for image in prepared],
            keep_probabilities=keep_uncertainty,
            keep_uncertainty=keep_uncertainty,
            keys=[case.id for case in tile],
        )

    def _screened(self) -> Iterator[tuple[Shown, Prediction]]:
        """The screening patients' clean images, on which is frozen what must be fixed before a perturbed one is seen."""
        for tile in self._tiling.screening_tiles:
            for image, prediction in zip(*self._predicted(tile, CLEAN, 0, keep_uncertainty=True), strict=True):
                if image.sample.case.patient in self.screening_patients:
                    yield self._scoring.shown(image, prediction), prediction

    def _clean_masks(self, tile: Tile) -> list[np.ndarray | None]:
        if not self._clean.has(tile):
            self._clean.keep(tile, self._predicted(tile, CLEAN, 0)[1])
        return self._clean.get(tile)


def _is_random(point: Point) -> bool:
    return any(catalogue()[step.name].draws(name for name, _ in step.parameters) for step in point.steps)
