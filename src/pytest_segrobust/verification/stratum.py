"""One stratum of the patients, such as those of one scanner: an evaluation of them alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import Measurement
    from pytest_segrobust.perturbations.point import Point

    from .measuring import Evaluation


@dataclass(frozen=True)
class Stratum:
    """An evaluation (see `measuring`) that knows the patients of one stratum only; what was measured is shared with all."""

    evaluation: Evaluation
    patients: tuple[str, ...]

    @property
    def structures(self) -> tuple[str, ...]:
        """The model's structures."""
        return self.evaluation.structures

    @property
    def screening_patients(self) -> tuple[str, ...]:
        """Those of the screening patients who are in this stratum; where none is, all of it."""
        few = tuple(patient for patient in self.evaluation.screening_patients if patient in self.patients)
        return few or self.patients

    @property
    def uncertainty(self) -> Mapping[str, Any]:
        """Where uncertainty comes from: one source, and one threshold, for all strata."""
        return self.evaluation.uncertainty

    @property
    def attack_notes(self) -> Sequence[str]:
        """What a reader must know of the attacks that were made."""
        return self.evaluation.attack_notes

    @property
    def no_pass(self) -> str:
        """Why nothing may pass: model and data are the same in all strata."""
        return self.evaluation.no_pass

    @property
    def has_surrogate(self) -> bool:
        """Whether there is another model to make attacks on."""
        return self.evaluation.has_surrogate

    def measure(self, points: Sequence[Point], *, screening: bool = False, realisations: int = 1) -> list[Measurement]:
        """The measurements of this stratum's cases."""
        screening = screening and self.screening_patients != self.patients
        wanted = set(self.screening_patients if screening else self.patients)
        found = self.evaluation.measure(points, screening=screening, realisations=realisations)
        return [m for m in found if m.patient in wanted]

    def measure_with_fresh_noise(self, point: Point, *, realisations: int) -> list[Measurement]:
        """The same of this stratum's cases, under noise draws that nothing else has seen."""
        found = self.evaluation.measure_with_fresh_noise(point, realisations=realisations)
        return [m for m in found if m.patient in self.patients]
