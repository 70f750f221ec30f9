"""One case at one point: its score, set against its clean one, as a requirement's measure says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.metrics.catalogue import score_key
from pytest_segrobust.perturbations.point import CLEAN

from .metric import is_uncertainty, metric_of, without_information
from .moved import as_seen, explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.records import Measurement
    from pytest_segrobust.metrics.catalogue import Metric
    from pytest_segrobust.requirements.requirement import Comparison, Measure

# Which sign is bad: a drop that must stay below is bad upwards; within +-x, whichever way the other patients lean.
ADVERSE: dict[Comparison, int] = {"below": 1, "at most": 1, "above": -1, "at least": -1, "within": 0}

RIGHT = 1e-9  # a DSC this near to 1 has nothing wrong


@dataclass(frozen=True)
class CaseValue:
    """A case's value; `unsigned` is the part whose sign is whichever is worse: failed cases of a signed bias."""

    value: float
    unsigned: float = 0.0


@dataclass(frozen=True)
class Scoring:
    """How a requirement's measure makes a value of one case's clean and perturbed measurement."""

    measure: Measure
    comparison: Comparison

    @property
    def metric(self) -> Metric:
        """The metric that is measured."""
        return metric_of(self.measure.metric)

    def seen(self, clean: Measurement, perturbed: Measurement) -> Measurement:
        """The clean measurement that is compared: what the moved image still shows, but uncertainty is of the whole image."""
        return clean if is_uncertainty(self.measure.metric) else as_seen(clean, perturbed)

    def value(self, clean: Measurement, perturbed: Measurement) -> CaseValue | None:
        """The measure of one noise draw; None where it has none, see `lacks`."""
        if self.lacks(clean, perturbed):
            return None
        if self.fell_from_perfect(clean, perturbed):
            return self._worst_sign(abs(self.metric.best - self.score(perturbed)))
        metric, form = self.metric, self.measure.form
        seen = self.seen(clean, perturbed)
        before, after = 0.0 if form == "value" else self.score(seen), self.score(perturbed)
        if form == "value":
            if metric.key == "agreement" and self.useless(seen):
                return CaseValue(0.0)
            failed = perturbed.failure is not None and metric.better == "zero"
            return self._worst_sign(max(abs(after), 1.0)) if failed else CaseValue(after)
        if self.useless(seen):  # 0 - 0 = 0 must never look like robustness
            worst = before if metric.better == "lower" else 0.0 if metric.worst == "diagonal" else metric.worst
            return CaseValue(1.0) if form == "relative drop" else self._worst_sign(max(abs(worst - metric.best), 1.0))
        if metric.better == "zero" and perturbed.failure is not None:
            return self._worst_sign(max(abs(after - before), 1.0))
        change, moved = self.change(clean, perturbed)
        if form == "relative drop":  # a gain counts as much as the worst loss at most, or one case outweighs many
            return CaseValue(max((change - moved) / before, -1.0))
        return CaseValue(change - moved)

    def change(self, clean: Measurement, perturbed: Measurement) -> tuple[float, float]:
        """The drop or increase in the metric's unit, and how much of it moving alone explains."""
        if self.measure.form == "value" or self.lacks(clean, perturbed):
            return 0.0, 0.0
        if self.fell_from_perfect(clean, perturbed):
            return abs(self.metric.best - self.score(perturbed)), 0.0
        seen = self.seen(clean, perturbed)
        change = self.score(seen) - self.score(perturbed)
        if self.useless(seen):
            return change, 0.0
        change = -change if self.measure.form == "increase" else change
        return change, explained(change, self.measure, perturbed)

    def unit(self, clean: Measurement, perturbed: Measurement) -> float:
        """What a change in the metric's unit is multiplied by to be the measure: a relative drop is a share of the clean score."""
        if self.measure.form != "relative drop" or self.fell_from_perfect(clean, perturbed):
            return 1.0
        seen = self.seen(clean, perturbed)
        return 0.0 if self.useless(seen) else 1 / self.score(seen)

    def useless(self, clean: Measurement) -> bool:
        """Whether the clean prediction had failed, or scored so low that nothing was left to lose."""
        metric = self.metric
        if clean.failure is not None:
            return True
        if is_uncertainty(metric.key):
            reason = self.undefined(clean)
            return bool(self.assumed(clean)) if reason else self.score(clean) == metric.worst
        return metric.better == "higher" and metric.needs_reference and self.score(clean) <= 0

    def lacks(self, clean: Measurement, perturbed: Measurement) -> str:
        """Why a case has no value of an uncertainty measure, and leaves n at this point: nothing in it is wrong.

        "" where it has one. Changes need one on the clean image, too, unless the case fell from there, see `fell_from_perfect`.
        """
        if self.fell_from_perfect(clean, perturbed):
            return ""
        for m in (perturbed, *([clean] if self.measure.form != "value" else [])):
            if (reason := self.undefined(m)) and not self.assumed(m):
                return f"clean: {reason}" if m is not perturbed else reason
        return ""

    def fell_from_perfect(self, clean: Measurement, perturbed: Measurement) -> bool:
        """Whether nothing was wrong on the clean image, and the perturbed one failed or has errors without a value.

        Its change is the one from the best score: leaving out those that were perfect would hide their failures.
        """
        if self.measure.form == "value" or not self.undefined(clean) or self.assumed(clean):
            return False
        return perturbed.failure is not None or bool(self.assumed(perturbed))

    def undefined(self, m: Measurement) -> str:
        """Why an uncertainty measure was not defined; "" where it was, and of a prediction that failed, which scores worst."""
        key = self.measure.metric
        return "" if m.failure is not None or key in m.scores else m.undefined.get(key, "")

    def assumed(self, m: Measurement) -> str:
        """Why a score is assumed instead of measured: a map that says nothing, or a prediction that is wrong, is no excuse.

        Where nothing is wrong there is nothing to find, and such a case leaves n. Where there are errors and still no value
        (no right voxel, nothing left after removal), leaving it out would turn the worst predictions into better means.
        """
        return self.undefined(m) if m.scores.get("dsc", 0.0) < 1 - RIGHT else ""

    def is_constant(self, m: Measurement) -> bool:
        """Whether there are errors and the map is constant, so that it says nothing of them."""
        return "constant" in self.assumed(m)

    def score(self, measurement: Measurement) -> float:
        """The metric's score; of a failed case never better than the metric's worst."""
        metric = self.metric
        if self.assumed(measurement):
            worst_score = without_information(metric.key) if self.is_constant(measurement) else metric.worst
            assert isinstance(worst_score, int | float)
            return float(worst_score)
        key = score_key(metric.key, self.measure.tolerance)
        own = 1.0 if metric.key == "agreement" and measurement.point == str(CLEAN) else None  # agrees with itself
        score = measurement.scores.get(key, own)
        worst = None if metric.worst == "diagonal" else metric.worst
        if score is None or not math.isfinite(score):
            if worst is None or (score is None and measurement.failure is None):
                place = f"case {measurement.case}, {measurement.structure}, {measurement.point}"
                raise EvidenceError(f"{place}: {key} was not measured ({score}); nothing is decided without it")
            return worst
        if measurement.failure is None or worst is None or metric.better == "zero":
            return float(score)
        # An empty prediction over-segments nothing: without this, a structure that vanishes would look better.
        return float(min(score, worst) if metric.better == "higher" else max(score, worst))

    def _worst_sign(self, size: float) -> CaseValue:
        sign = ADVERSE[self.comparison]
        return CaseValue(sign * size) if sign else CaseValue(0.0, size)


def mean_value(values: Sequence[CaseValue]) -> CaseValue:
    """The mean of draws, structures or cases."""
    return CaseValue(
        math.fsum(v.value for v in values) / len(values), math.fsum(v.unsigned for v in values) / len(values)
    )


def signed(cases: Sequence[CaseValue], sign: int) -> float:
    """Their mean, with the part without a sign counted with this one."""
    mean = mean_value(cases)
    return mean.value + sign * mean.unsigned


def adverse_sign(patients: Sequence[Sequence[CaseValue]]) -> int:
    """For failed cases of a signed bias: the sign that takes the mean farther from zero, so that they never balance."""
    up, down = (abs(sum(signed(cases, sign) for cases in patients)) for sign in (1, -1))
    return 1 if up > down else -1
