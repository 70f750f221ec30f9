"""An evaluation in memory: a function of the point and the patient stands for the model, so that defects can be planted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from pytest_segrobust.evidence.records import Measurement
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement

DIAGONAL = 80.0  # mm, of every fake image

Scores = dict[str, float]
Model = Callable[[dict[str, Any], int, str], "Scores | str"]


def parameters(point: Point) -> dict[str, Any]:
    """All parameters of all steps by name; those of a clean image are missing."""
    return {key: value for step in point.steps for key, value in step.parameters}


def measurement(
    case: str, patient: str, point: Point, structure: str, found: Scores | str, **others: Any
) -> Measurement:
    """Scores as they are, or the worst scores where the model's answer is the name of a failure."""
    failure = found if isinstance(found, str) else None
    if isinstance(found, str):
        found = {"dsc": 0.0, "hd95": DIAGONAL, "volume_bias": -1.0, "agreement": 0.0,
                 "over_segmentation": 0.0 if failure == "missed" else 1.0}  # fmt: skip
    values = {"reference_voxels": 100, "realisation": 0, "failure": failure, **others}
    return Measurement(case=case, patient=patient, point=str(point), structure=structure, scores=found, **values)


@dataclass
class FakeEvaluation:
    """Patients p00, p01 ... with one case each; `model(parameters, patient, structure)` gives scores or a failure."""

    model: Model
    n: int = 20
    structures: tuple[str, ...] = ("organ",)
    screening: int = 6
    cases_per_patient: int = 1
    asked: list[tuple[str, bool]] = field(default_factory=list)
    calls: int = 0
    change: Callable[[Measurement], Measurement | None] | None = None  # what becomes of each measurement; None: lost
    attack_notes: tuple[str, ...] = ()
    has_surrogate: bool = False
    fresh: Model | None = None
    no_pass: str = ""

    @property
    def uncertainty(self) -> dict[str, Any]:
        return {"method": "mc_dropout", "passes": 20, "map": "variance", "aggregation": "boundary"}

    @property
    def patients(self) -> tuple[str, ...]:
        return tuple(f"p{i:02d}" for i in range(self.n))

    @property
    def screening_patients(self) -> tuple[str, ...]:
        return self.patients[: self.screening]

    def measure(self, points: Sequence[Point], *, screening: bool = False, realisations: int = 1) -> list[Measurement]:
        self.calls += 1
        self.asked += [(str(point), screening) for point in points]
        found = []
        for point in points:
            for i in range(self.screening if screening else self.n):
                for structure in self.structures:
                    for case in range(self.cases_per_patient):
                        for draw in range(1 if point == CLEAN else realisations):
                            scores = self.model(parameters(point), i, structure)
                            m = measurement(f"p{i:02d}-{case}", f"p{i:02d}", point, structure, scores)
                            m = replace(m, realisation=draw, strength={"changed": 1.0})
                            changed = self.change(m) if self.change else m
                            found += [changed] if changed else []
        return found

    def measure_with_fresh_noise(self, point: Point, *, realisations: int) -> list[Measurement]:
        """None: the models of the tests have no noise, unless a test gives them `fresh`, as they are under other noise."""
        if self.fresh is None or point == CLEAN:
            return []
        model, self.model = self.model, self.fresh
        try:
            return self.measure([point], realisations=realisations)
        finally:
            self.model = model


def dsc_after(drop: Callable[[dict[str, Any], int], float], clean: float = 0.9) -> Model:
    """A model whose DSC is `clean` less a drop, varied a little by patient so that intervals have a width."""

    def model(values: dict[str, Any], patient: int, _: str) -> Scores:
        wobble = 0.002 * np.sin(7.0 * patient + 1)
        lost = drop(values, patient) if values else 0.0
        return {"dsc": float(np.clip(clean + wobble - lost * (1 + 20 * wobble), 0, 1)), "hd95": 1 + 10 * lost}

    return model


def noise_requirement(limit: float = 0.05, sigma: tuple[float, float] = (0.0, 0.1), **others: Any) -> Requirement:
    """DSC drop under gaussian noise is below a limit."""
    domains = (Domain("gaussian noise", (Range("sigma", *sigma),)),)
    values = {"id": "R", "measure": Measure("dsc", "drop"), "comparison": "below", "domains": domains, **others}
    return Requirement(limit=limit, **values)


@pytest.fixture
def fake() -> type[FakeEvaluation]:
    return FakeEvaluation


@pytest.fixture
def dropping() -> Callable[..., Model]:
    return dsc_after


@pytest.fixture
def noise() -> Callable[..., Requirement]:
    return noise_requirement


@pytest.fixture
def measured() -> Callable[..., Measurement]:
    return measurement
