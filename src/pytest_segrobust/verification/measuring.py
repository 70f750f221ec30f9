"""What a verification asks of whoever measures the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import Measurement
    from pytest_segrobust.perturbations.point import Point


class Evaluation(Protocol):
    """What measures a model: all cases at exact points; cached, so that asking twice costs nothing."""

    @property
    def structures(self) -> tuple[str, ...]:
        """The model's structures."""

    @property
    def patients(self) -> tuple[str, ...]:
        """All patients, in a fixed order."""

    @property
    def screening_patients(self) -> tuple[str, ...]:
        """Those that a search is made on."""

    @property
    def uncertainty(self) -> Mapping[str, Any]:
        """Where uncertainty comes from, as plain data: method, passes, map, aggregation, threshold; {} where it is not asked for."""

    @property
    def attack_notes(self) -> Sequence[str]:
        """What a reader must know of the attacks that were made: of a model without gradients, of a stochastic one."""

    @property
    def no_pass(self) -> str:
        """Why nothing may pass, whatever the numbers: images that are their label, predictions that depend on more than their image."""

    @property
    def has_surrogate(self) -> bool:
        """Whether there is another model to make attacks on."""

    def measure(self, points: Sequence[Point], *, screening: bool = False, realisations: int = 1) -> list[Measurement]:
        """All (or the screening) patients' cases at all points, each structure and noise draw once; clean once."""

    def measure_with_fresh_noise(self, point: Point, *, realisations: int) -> list[Measurement]:
        """All patients' cases at a point under noise draws that nothing else has seen; none where there is no randomness."""
