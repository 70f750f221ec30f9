"""The plan: cost, patients and what they can rule out, from a spec, its data's headers and perhaps a pilot run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.dataset import open_dataset
from ..datasets.reading import read_case_header
from ..errors import EvidenceError
from ..evaluation.tiles import cases_in_a_batch, tiling
from ..evidence.store import Store
from ..perturbations.catalogue import catalogue
from ..requirements.sentence import render
from ..requirements.spec import load
from ..verification.decision import SHARES, Criterion
from ..verification.planned_bets import need_by_betting
from ..verification.planning import Need, Spending, least_patients, need, spending, windows
from ..verification.profiles import profile as budget_of
from ..verification.statistic_criterion import criterion_of
from ..verification.statistics import zero_failure_bound
from ..verification.stopping_early import range_of
from .memory import memory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..datasets.dataset import Dataset
    from ..evidence.records import RequirementResult
    from ..requirements.requirement import Requirement
    from ..requirements.spec import Spec
    from ..verification.profiles import Budget
    from .memory import Memory

PICTURES = 4  # cases of each requirement, clean and perturbed: predicted anew, with their whole batches
_BATCH = 4  # where [model] batch_size is not stated, and no device is known
_DRAWS = 8  # of an attack on a stochastic network


@dataclass(frozen=True)
class PlannedRequirement:
    """One requirement: what it measures at the most, and the patients that it needs."""

    requirement: Requirement
    spending: Spending
    images: int  # predictions of one case
    passes: int  # of the network, one image or window each; those of attacks among them
    attack_passes: int
    least: Need
    need: Need | None  # None without a pilot of this requirement
    minimum: int  # [decision] minimum_patients


@dataclass(frozen=True)
class Plan:
    """The whole of it, for one profile."""

    profile: str
    patients: int
    cases: int
    screening_patients: int
    requirements: tuple[PlannedRequirement, ...]
    clean_passes: int
    seconds_per_pass: float | None
    wall_share: float | None  # wall time over the time of forward passes, in the pilot
    power: float
    memory: Memory
    notes: tuple[str, ...]

    @property
    def passes(self) -> int:
        """All forward passes, at the most."""
        return self.clean_passes + sum(each.passes for each in self.requirements)

    def rules_out(self, confidence: float) -> float:
        """The failure rate above which so many patients without a failure rule out anything."""
        return zero_failure_bound(self.patients, confidence)


def plan(
    spec: Path,
    *,
    data: Path | None = None,
    pilot: Path | None = None,
    power: float = 0.9,
    profile: str = "ci",
    seed: int = 0,
) -> Plan:
    """The plan of a requirement file; opens no model and measures nothing.

    Raises SegrobustError for what is wrong with spec, data or pilot.
    """
    loaded = load(spec)
    budget = budget_of(profile)
    dataset = open_dataset(
        loaded.data,
        root=(data or spec.parent).resolve(),
        classes=loaded.model.classes,
        channels=loaded.model.channels,
    )
    dataset.check()
    counts, axes, shapes = _windows(loaded, dataset)
    size = loaded.model.batch_size or _BATCH
    tile = cases_in_a_batch(size, network=loaded.model.dimensions, images=dataset.dimensions)
    tiles = tiling(dataset.cases, size=tile, screening_patients=budget.screening_patients, seed=seed)
    screening = [case.id for tile in tiles.screening_tiles for case in tile]
    cost = _Cost(
        cases=len(dataset.cases),
        screening=len(screening),
        windows=sum(counts.values()) / max(len(counts), 1),
        screened_windows=sum(counts[case] for case in screening) / max(len(screening), 1),
        repeats=_repeats(loaded, axes),
        tile=tile,
    )
    found = _Pilot.open(pilot) if pilot is not None else None
    n = len(dataset.patients)
    planned = tuple(
        _planned(requirement, loaded, budget, cost, found, power=power, patients=n)
        for requirement in loaded.requirements
    )
    moved = any(catalogue()[d.perturbation].moves_labels for r in loaded.requirements for d in r.domains)
    return Plan(
        profile=profile,
        patients=n,
        cases=len(dataset.cases),
        screening_patients=len(tiles.screening_patients),
        requirements=planned,
        clean_passes=sum(counts.values())
        * cost.repeats
        * (2 if moved else 1),  # those that are compared are made again
        seconds_per_pass=found.seconds_per_pass if found else None,
        wall_share=found.wall_share if found else None,
        power=power,
        memory=memory(loaded.model, shapes, batch=size, pilot=found.run if found else None),
        notes=tuple(_notes(planned, found, power)),
    )


@dataclass(frozen=True)
class _Cost:
    """What one prediction costs: the mean number of windows, of all cases and of those screened, each passed `repeats` times."""

    cases: int
    screening: int
    windows: float
    screened_windows: float
    repeats: int
    tile: int  # cases

    def predictions(self, spent: Spending) -> float:
        """Forward passes of all predictions of a requirement, with those for its pictures."""
        decided = self.windows * (replace(spent, screened=0).images(self.cases, 0) + 2 * PICTURES * self.tile)
        return self.repeats * (decided + self.screened_windows * replace(spent, decided=0).images(0, self.screening))

    def attacks(self, spent: Spending) -> float:
        """Forward passes of its attacks, whose steps are not repeated for uncertainty."""
        looked_at = spent.attack_images(self.cases, self.screening) + spent.attack * PICTURES * self.tile
        return max(self.windows, self.screened_windows) * looked_at


@dataclass(frozen=True)
class _Pilot:
    """What a plan takes from an earlier run."""

    results: dict[str, RequirementResult]
    seconds_per_pass: float | None
    wall_share: float | None
    n_patients: int
    run: Mapping[str, Any]

    @classmethod
    def open(cls, directory: Path) -> _Pilot:
        """The run of a report folder."""
        with Store.open(directory / "run.sqlite") as store:
            cost, run = store.cost(), store.run()
            passes, seconds = cost["forward_passes"], cost["forward_seconds"]
            results = store.results()
        if not results:
            raise EvidenceError(f"{directory}: the pilot run has no requirement")
        return cls(
            results,
            seconds / passes if passes else None,
            cost["wall_seconds"] / seconds if seconds else None,
            int((run.get("data") or {}).get("n_patients", 0)),
            run,
        )

    def values(self, requirement: Requirement) -> np.ndarray | None:
        """The measure per patient where the pilot was worst; None where it did not measure the same claim."""
        from ..comparison.measured import claim_of

        result = self.results.get(requirement.id)
        claim = None if result is None else claim_of(result)
        if result is None or claim is None or not result.cases or render(claim) != render(requirement):
            return None
        by_patient: dict[str, list[float]] = {}
        for case in result.cases:
            if case.value is not None:
                by_patient.setdefault(case.patient, []).append(case.value)
        values = np.array([float(np.mean(found)) for found in by_patient.values()])
        finite: np.ndarray = values[np.isfinite(values)]
        return finite


def _planned(
    requirement: Requirement,
    spec: Spec,
    budget: Budget,
    cost: _Cost,
    pilot: _Pilot | None,
    *,
    power: float,
    patients: int,
) -> PlannedRequirement:
    stochastic = spec.model.uncertainty is not None and spec.model.uncertainty.method == "sampling"
    structures = 1 if requirement.structure or requirement.average else len(spec.model.classes)
    spent = spending(
        requirement, budget, spec.decision, structures=structures, attack=spec.attack,
        draws=(spec.attack.draws or _DRAWS) if stochastic else 1,
    )  # fmt: skip
    values = pilot.values(requirement) if pilot else None
    return PlannedRequirement(
        requirement=requirement,
        spending=spent,
        images=spent.images(cost.cases, cost.screening),
        passes=math.ceil(cost.predictions(spent) + cost.attacks(spent)),
        attack_passes=math.ceil(cost.attacks(spent)),
        least=least_patients(requirement),
        need=None if values is None else _need(requirement, spec, budget, values, power=power, patients=patients),
        minimum=spec.decision.minimum_patients,
    )


def _need(
    requirement: Requirement, spec: Spec, budget: Budget, values: np.ndarray, *, power: float, patients: int
) -> Need:
    """By the rule that will decide: betting where [decision] asks for it, on means alone."""
    decision, mean = spec.decision, type(criterion_of(requirement, seed=0)) is Criterion
    share = requirement.patients is not None or requirement.measure.metric in SHARES
    early = decision.stop_early and budget.may_stop and range_of(requirement.measure) is not None
    early = early and bool(requirement.domains) and requirement.for_each is None
    if not mean or share or not (early or decision.method == "betting"):
        return need(requirement, values, power=power, patients=patients)
    return need_by_betting(requirement, values, power=power, patients=patients, early=early)


def _windows(spec: Spec, dataset: Dataset) -> tuple[dict[str, int], int, list[tuple[int, ...]]]:
    """How often the network is called for each case, by one pass of it, how many axes it sees, and the images' shapes."""
    settings = spec.model
    counts, axes, shapes = {}, 3, []
    for case in dataset.cases:
        shape = read_case_header(case, channels=settings.channels, channel_axis=spec.data.channel_axis).shape
        shapes.append(tuple(shape))
        slices = 1
        if settings.dimensions == 2 and len(shape) == 3:
            slices, shape = shape[-1], shape[:2]
        axes = len(shape)
        fitting = settings.window if settings.window and len(settings.window) == axes else None
        counts[case.id] = slices * windows(shape, fitting, settings.overlap)
    return counts, axes, shapes


def _repeats(spec: Spec, axes: int) -> int:
    """Passes of one prediction through one network, for its uncertainty."""
    used = spec.model.uncertainty
    if used is None:
        return 1
    if used.method in ("mc_dropout", "sampling"):
        return used.passes
    if used.method != "tta":
        return 1
    from ..models.augmentation import augmentations

    return len(augmentations(spec.model, used, axes))


def _notes(planned: tuple[PlannedRequirement, ...], pilot: _Pilot | None, power: float) -> list[str]:
    notes = ["passes are those of one checkpoint: of an ensemble, times as many as it has"]
    gating = [each for each in planned if each.requirement.gates]
    if len(gating) > 1:
        together = power ** len(gating)
        each = power ** (1 / len(gating))
        notes.append(
            f"{len(gating)} gating requirements of {100 * power:.4g} % power each pass together with {100 * together:.2g} % "
            f"if they were independent; for {100 * power:.4g} % together each would need {100 * each:.4g} %"
        )
    if any(each.spending.attack for each in planned):
        notes.append(
            "attacks: a step is counted as one pass and costs about three, for its gradient; of a model without gradients "
            "each attack takes [attack] queries instead of its steps"
        )
    if pilot is not None:
        missing = [each.requirement.id for each in planned if each.need is None]
        if missing:
            notes.append(f"the pilot did not measure the same claim of {', '.join(missing)}")
        notes.append(
            f"the pilot has {pilot.n_patients} patients: a spread seen in few patients is itself uncertain. Patients added "
            "after looking need an amended requirement; a pilot of other patients does not"
        )
    return notes
