"""A run: what it was asked for, and the spec, model, data and store that it opens."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .datasets.dataset import Dataset
    from .evaluation.evaluation import Evaluation
    from .evidence.store import Store
    from .models.segmenter import Segmenter
    from .perturbations.point import Point
    from .requirements.spec import Spec
    from .verification.profiles import Budget


PEAK_MEMORY = "peak_memory "
"""What the store calls the most memory that a process took; the name of the process follows."""


@dataclass(frozen=True)
class RunSettings:
    """What the command line asked for; absolute paths, so that a replay can start from any folder."""

    spec: Path
    models: tuple[str, ...]
    report: Path
    data_root: Path | None = None
    profile: str = "ci"
    device: str | None = None
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data for the store."""
        plain = asdict(self)
        return {key: str(value) if isinstance(value, Path) else value for key, value in plain.items()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> RunSettings:
        """The inverse of `to_json`."""
        values = dict(plain)
        for key in ("spec", "report", "data_root"):
            values[key] = Path(values[key]) if values[key] is not None else None
        return cls(**{**values, "models": tuple(values["models"])})

    def replay_command(self, requirement: str) -> str:
        """The command that measures a requirement's worst point again."""
        return f"segrobust replay {_shortest(self.report)} {requirement}"


class Run:
    """Opens what a run needs, once, and says what it has opened to the store (None: nothing is kept)."""

    def __init__(self, settings: RunSettings, spec: Spec, store: Store | None = None) -> None:
        self.settings = settings
        self.spec = spec
        self.store = store
        self.started = time.perf_counter()

    @cached_property
    def budget(self) -> Budget:
        """How much is evaluated: the profile, with what [decision] fixes."""
        from .verification.profiles import profile

        budget = profile(self.settings.profile)
        realisations = self.spec.decision.realisations
        return budget if realisations is None else replace(budget, realisations=realisations)

    def failing_points(self, requirement: str) -> list[Point]:
        """Where this requirement failed in the last run of this report folder: tried first."""
        if self.store is None:
            return []
        from .perturbations.point import Point

        return [Point.from_json(plain) for plain in self.store.run().get("first_points", {}).get(requirement, [])]

    def open_segmenter(self) -> Segmenter:
        """The model named by --segrobust-model, on the device asked for."""
        from .models.segmenter import open_segmenter

        if not self.settings.models:
            raise ModelError("no model: give --segrobust-model=CHECKPOINT, or override the fixture `segmenter`")
        return open_segmenter(
            self.settings.models,
            self.spec.model,
            root=self.settings.spec.parent,
            device=self.settings.device,
            seed=self.settings.seed,
        )

    def open_surrogate(self) -> Segmenter | None:
        """The model of [attack] surrogate, opened as [model] says."""
        from .models.segmenter import open_segmenter

        attack, folder = self.spec.attack, self.settings.spec.parent
        if attack.surrogate is None:
            return None
        is_file = (folder / attack.surrogate).exists()
        return open_segmenter(
            [str(folder / attack.surrogate) if is_file else attack.surrogate],
            self.spec.model.model_copy(
                # its own inference: one checkpoint is no ensemble, and another network may have no dropout
                update={
                    "network": attack.surrogate_network or self.spec.model.network,
                    "outputs": attack.surrogate_outputs or self.spec.model.outputs,
                    "uncertainty": None,
                }
            ),
            root=folder,
            device=self.settings.device,
            seed=self.settings.seed,
        )

    def open_dataset(self) -> Dataset:
        """The cases of [data], their headers checked."""
        from .datasets.dataset import open_dataset

        dataset = open_dataset(
            self.spec.data,
            root=self.settings.data_root or self.settings.spec.parent,
            classes=self.spec.model.classes,
            channels=self.spec.model.channels,
        )
        dataset.check()
        return dataset

    def evaluation(
        self, segmenter: Segmenter, dataset: Dataset, *, score_keys: frozenset[str] | None = None
    ) -> Evaluation:
        """The loop over this model and these cases, with every metric that the spec's requirements need, or these."""
        from .evaluation.evaluation import Evaluation
        from .requirements.measure import score_key

        needed = frozenset(score_key(requirement.measure) for requirement in self.spec.requirements)
        evaluation = Evaluation(
            segmenter,
            dataset,
            store=self.store,
            score_keys=needed if score_keys is None else score_keys,
            screening_patients=self.budget.screening_patients,
            seed=self.settings.seed,
            attack=self.spec.attack,
            surrogate=self.open_surrogate(),
        )
        self._describe(segmenter, dataset, evaluation)
        return evaluation

    def write_cost(self, segmenter: Segmenter) -> None:
        """Keep what this process has spent so far, and what looked wrong in the model's outputs."""
        from .models.devices import peak_memory
        from .origin import keep_loaded_code

        if self.store is not None:
            known = {event["text"] for event in self.store.events()}
            for warning in segmenter.warnings:
                if warning not in known:
                    self.store.event("model", warning)
            process = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')} {os.getpid()} {self.started:.3f}"
            self.store.add_cost(
                process=process,
                forward_passes=segmenter.forward_passes,
                forward_seconds=segmenter.forward_seconds,
                wall_seconds=time.perf_counter() - self.started,
            )
            self.store.set_run(**{PEAK_MEMORY + process: peak_memory(segmenter.device)})
            keep_loaded_code(self.store, segmenter, self.settings.spec.parent)

    def _describe(self, segmenter: Segmenter, dataset: Dataset, evaluation: Evaluation) -> None:
        if self.store is None:
            return
        from .evaluation.context import tool_source_hash
        from .evidence.provenance import environment
        from .evidence.qualified import recorded_qualification
        from .origin import keep_origin

        self.store.set_run(
            tool_sha256=tool_source_hash(),
            settings=self.settings.to_json(),
            model={
                "sha256": list(segmenter.sha256),
                **segmenter.description(),
                "uncertainty": _source(segmenter),
            },
            data={
                "n_cases": len(dataset.cases),
                "n_patients": len(dataset.patients),
                "excluded": [{"case": case, "reason": reason} for case, reason in dataset.excluded],
                "sha256": evaluation.data_sha256,
                "intensity": self.spec.data.intensity.model_dump(),
                "patient": self.spec.data.patient,
                "dimensions": dataset.dimensions,
                "voxel_size": dataset.voxel_size,
            },
            device=str(segmenter.device),
            environment=environment(self.settings.spec.parent, ignoring=self.settings.report),
            qualification=recorded_qualification(self.settings.spec.parent, tool_sha256=tool_source_hash()),
            context=evaluation.context,
        )
        from .dossier import keep_independence, keep_use

        project, files = self.settings.spec.parent, evaluation.data_files
        keep_origin(self.store, segmenter, dataset, files, project=project, seed=self.settings.seed)
        keep_use(self.store, dataset, files)
        keep_independence(self.store, dataset)


def _source(segmenter: Segmenter) -> dict[str, Any]:
    """Where the model's uncertainty comes from, whether or not a requirement asks for it."""
    source, settings = segmenter.uncertainty, segmenter.uncertainty_settings
    return {**asdict(source), "aggregation": settings.aggregation, "settings": settings.model_dump()}


def _shortest(path: Path) -> str:
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
