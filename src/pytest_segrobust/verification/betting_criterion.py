"""The mean of a claim bounded by betting, where [decision] asks for it and values have a known end on both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.metrics.catalogue import DIAGONAL

from .betting import betting_interval, patients_needed
from .decision import Criterion
from .metric import bounds_of, metric_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from pytest_segrobust.evidence.records import Measurement
    from pytest_segrobust.requirements.requirement import Measure

    from .statistics import Interval

STATED = '[decision] method = "betting"'


def value_range(measure: Measure, clean: Iterable[Measurement] = ()) -> tuple[float, float]:
    """The least and the largest value that a patient can have; infinite where there is no end.

    Distances end at the longest diagonal of the images measured in `clean`, which is an end for other patients too where
    their images are no larger. A change lies within the width of its metric's range, a relative drop in [-1, 1].
    """
    if measure.form == "relative drop":
        return -1.0, 1.0
    least, most = bounds_of(measure)
    if metric_of(measure.metric).worst == "diagonal":
        diagonals = [m.scores.get(DIAGONAL, math.inf) for m in clean if m.reference_voxels is not None]
        most = max([1.0, *diagonals]) if diagonals else math.inf
    return (least, most) if measure.form == "value" else (-max(most - least, 1.0), max(most - least, 1.0))


@dataclass(frozen=True)
class BettingCriterion(Criterion):
    """A mean, with no assumption on how patients' values are distributed between `least` and `most`."""

    least: float = -math.inf
    most: float = math.inf

    @classmethod
    def instead(cls, criterion: Criterion, clean: Sequence[Measurement]) -> Self | str:
        """The same claim decided by betting; or why it cannot be."""
        measure = criterion.requirement.measure
        least, most = value_range(measure, clean)
        if not (math.isfinite(least) and math.isfinite(most)):
            return (
                f"{STATED} needs values with a known end, and {metric_of(measure.metric).name} has none "
                f"{'below' if not math.isfinite(least) else 'above'}; state the share of patients for whom it must hold, which "
                "has exact bounds, or leave method out"
            )
        return cls(
            criterion.requirement,
            criterion.comparison,
            criterion.limit,
            criterion.seed,
            criterion.resamples,
            least,
            most,
        )

    def interval(self, values: np.ndarray, confidence: float | None = None) -> Interval:
        """Both bounds, each one-sided; EvidenceError where a value lies beyond what it can be."""
        level = self.requirement.confidence if confidence is None else confidence
        try:
            found = betting_interval(self.reduced(values), self.least, self.most, level)
        except ValueError as error:
            raise EvidenceError(f"nothing can be bet on these values: {error}") from None
        return replace(found, method=f"{found.method}, values from {self.least:.4g} to {self.most:.4g}; {STATED}")

    def patients_needed(self, values: np.ndarray) -> int | None:
        """About how many patients in all would decide, if these were typical."""
        met, confidence = self.reduced(values), self.requirement.confidence
        limits = (self.limit, -self.limit) if self.comparison == "within" else (self.limit,)
        needed = [
            patients_needed(met, at, self.most, confidence)
            if met.mean() < at
            else patients_needed(-met, -at, -self.least, confidence)
            for at in limits
        ]
        return None if None in needed else max(count for count in needed if count is not None)
