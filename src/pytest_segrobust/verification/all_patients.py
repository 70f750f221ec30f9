"""Statistics of all patients at one point: does uncertainty follow the error, does it find the failures.

From measurements to one pair (uncertainty, error) per patient, and from these to an estimate with both one-sided bounds,
or to the reason why there is none. The error of a case is 1 - DSC; a prediction that failed has the error 1, and one that
crashed has the uncertainty 0, since it warned of nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.records import CaseResult, Measurement
from pytest_segrobust.metrics.uncertainty.correlation import KINDS, PERFECT
from pytest_segrobust.metrics.uncertainty.measured import is_level

from .moved import refuse_out_of_view
from .patients import PatientValues
from .statistics import ENOUGH, RESAMPLES, Interval, share_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.metrics.uncertainty.correlation import Kind
    from pytest_segrobust.metrics.uncertainty.intervals import CorrelationInterval
    from pytest_segrobust.requirements.requirement import Comparison, Measure

    from .patients import Cohort

UNCERTAINTY = "uncertainty"
SILENT = "silent_failure_rate"
PEARSON = (
    "the bounds of a Pearson correlation hold for normal values; where uncertainty is skewed, false passes of 16 to 66 % were "
    "simulated, whatever the method: a requirement should name Spearman or Kendall"
)
AREAS = ("aurc", "e_aurc")
SKEWED_AREAS = (
    "{} patients: the bounds of AURC and E-AURC are approximate where errors are skewed; false passes of up to 12 % instead of "
    "5 % were simulated"
)


@dataclass(frozen=True)
class Pair:
    """One case at one point: uncertainty and DSC, the structures' mean for `MEAN`, the noise draws' mean; and each draw's."""

    case: str
    patient: str
    uncertainty: float
    dsc: float
    failure: str | None
    draws: tuple[tuple[float, float], ...]  # (uncertainty, DSC)

    @property
    def error(self) -> float:
        """1 - DSC."""
        return 1 - self.dsc


@dataclass(frozen=True)
class Statistic:
    """A statistic of all patients with its interval, or, where there is no estimate, the reason.

    `says_nothing` is true where nobody is to blame for that: a point at which nothing is wrong, or nobody failed, has
    nothing that uncertainty could follow or find. Any other reason is the model's, and nothing can be evaluated.
    """

    estimate: float | None
    interval: Interval | None = None
    reason: str = ""
    says_nothing: bool = False
    fisher: tuple[float, float] | None = None  # of a correlation: bounds by Fisher's z, a cross-check


def pairs_at(cohort: Cohort, measurements: Sequence[Measurement], structure: str) -> list[Pair]:
    """Uncertainty and DSC of each counted case at the one point of these measurements.

    Raises EvidenceError where a case, structure or noise draw is missing, or where uncertainty was not measured.
    """
    rows = cohort.rows(measurements)
    present = cohort.present(structure)
    refuse_out_of_view(m for case, here in present.items() for s in here for m in rows[case, s])
    pairs = []
    for case, here in present.items():
        found = [sorted(rows[case, s], key=lambda m: m.realisation) for s in here]
        draws = tuple(
            (_mean([_uncertainty(m) for m in draw]), _mean([dsc_of(m) for m in draw]))
            for draw in zip(*found, strict=True)
        )
        failures = [m.failure for of_structure in found for m in of_structure if m.failure]
        uncertainty, dsc = (_mean([draw[side] for draw in draws]) for side in (0, 1))
        pairs.append(Pair(case, cohort.patient_of[case], uncertainty, dsc, failures[0] if failures else None, draws))
    return pairs


def by_patient(pairs: Sequence[Pair]) -> tuple[tuple[str, ...], np.ndarray]:
    """The patients, and (patients, 2) of uncertainty and error: the mean over each one's cases."""
    cases: dict[str, list[Pair]] = {}
    for pair in pairs:
        cases.setdefault(pair.patient, []).append(pair)
    values = [[_mean([p.uncertainty for p in own]), _mean([p.error for p in own])] for own in cases.values()]
    return tuple(cases), np.array(values, float).reshape(-1, 2)


def alarm_of(cohort: Cohort, structure: str) -> tuple[float | None, str]:
    """The alarm of single cases, frozen on the clean images, and its rule; None where nobody counts.

    A patient fails where any of its cases does, so that its alarm must spare all of its clean cases: the quantile is over
    patients of each one's largest uncertainty. That of their means would be too low for single cases, and call many failures
    warned of by chance.
    """
    found = pairs_at(cohort, list(cohort.clean.values()), structure)
    largest: dict[str, float] = {}
    for pair in found:
        largest[pair.patient] = max(pair.uncertainty, largest.get(pair.patient, -math.inf))
    return _frozen(list(largest.values()), "largest uncertainty among its clean cases", len(found))


def alarm_of_means(cohort: Cohort, structure: str) -> tuple[float | None, str]:
    """The alarm of patients' means over cases, likewise: what such means are compared with."""
    found = pairs_at(cohort, list(cohort.clean.values()), structure)
    _, values = by_patient(found)
    return _frozen(values[:, 0].tolist(), "mean uncertainty over its clean cases", len(found))


def _frozen(numbers: Sequence[float], what: str, cases: int) -> tuple[float | None, str]:
    from pytest_segrobust.metrics.uncertainty.warning import ALARM_QUANTILE, alarm_threshold

    if not numbers:
        return None, "no patient has a label"
    counted = f"{len(numbers)} patients, {cases} cases"
    return alarm_threshold(
        np.array(numbers)
    ).value, f"{ALARM_QUANTILE:g} quantile over patients of each one's {what} ({counted})"


def values_at(cohort: Cohort, measurements: Sequence[Measurement], structure: str) -> PatientValues:
    """What the cohort's measure is a statistic of: (patients, 2) of uncertainty and error, or for silent failures 0 or 1.

    A patient is a silent failure where the DSC of any of its cases, in any noise draw, is below the measure's `dsc_below`
    while that case's uncertainty does not exceed the alarm.
    `cases` hold the clean uncertainty and that at this point. Single cases have no correlation: their value is how far they
    lie among the sure ones while among the wrong ones, the difference of both ranks as a share of all cases, with the
    sign that is bad for the claim (for silent failures 0 or 1).
    """
    pairs = pairs_at(cohort, measurements, structure)
    clean = {pair.case: pair.uncertainty for pair in pairs_at(cohort, list(cohort.clean.values()), structure)}
    patients, values = by_patient(pairs)
    numbers = _surer_than_right(pairs, cohort.comparison)
    if cohort.measure.metric == SILENT:
        alarm, _ = alarm_of(cohort, structure)
        numbers = {pair.case: float(_silent(pair, cohort.measure, alarm)) for pair in pairs}
        hit = {pair.patient for pair in pairs if numbers[pair.case]}
        values = np.array([float(patient in hit) for patient in patients])
    cases = (
        CaseResult(p.case, p.patient, structure, clean[p.case], p.uncertainty, numbers[p.case], p.failure)
        for p in pairs
    )
    return PatientValues(patients, values, tuple(cases), of=len(patients))


def statistic(
    measure: Measure, values: np.ndarray, confidence: float = 0.95, *, seed: int = 0, resamples: int = RESAMPLES
) -> Statistic:
    """A measure of level "patients" with its interval, of what `values_at` gives; the same for the same seed.

    Bounds are the bootstrap's over patients, those of a silent failure rate exact (Clopper and Pearson 1934).
    """
    from pytest_segrobust.metrics.uncertainty.intervals import correlation_interval

    if measure.metric == SILENT:
        return (
            Statistic(float(values.mean()), share_interval(values, confidence)) if len(values) else _none("no patients")
        )
    u, error = values[:, 0], values[:, 1]
    n = len(u)
    if not n:
        return _none("no patients")
    if (error <= PERFECT).all():
        return Statistic(
            None, None, f"nothing is wrong in any of {n} patients: there is no error to follow", says_nothing=True
        )
    if n > 1 and is_level(u):
        return _none(f"uncertainty is the same for all {n} patients: a constant says nothing of their errors")
    if measure.metric in KINDS:
        found = correlation_interval(u, error, measure.metric, confidence=confidence, seed=seed, resamples=resamples)
        return stated(found, measure.metric)
    return _of_patients(measure, u, error, confidence=confidence, seed=seed, resamples=resamples)


def stated(found: CorrelationInterval, kind: Kind) -> Statistic:
    """A correlation with the bounds of its bootstrap, Fisher's beside them, and what a reader must be warned of."""
    if found.estimate.value is None or found.low is None or found.high is None:
        return _none(found.reason or found.estimate.reason)
    beside = "" if found.fisher is None else "; by Fisher's z as a cross-check [{:.3g}, {:.3g}]".format(*found.fisher)
    warning = PEARSON if kind == "pearson" else ""
    interval = Interval(found.low, found.high, f"{found.method}{beside}", warning)
    return Statistic(found.estimate.value, interval, fisher=found.fisher)


def _of_patients(
    measure: Measure, u: np.ndarray, error: np.ndarray, *, confidence: float, seed: int, resamples: int
) -> Statistic:
    """AURC and its kin, and failure detection."""
    from pytest_segrobust.metrics.uncertainty.patient_intervals import patient_interval, patient_statistic

    of_failures = measure.dsc_below is not None
    if measure.dsc_below is not None and not (1 - error < measure.dsc_below).any():
        nobody = f"none of {len(u)} patients has a DSC below {measure.dsc_below:g}: there is no failure to find"
        return Statistic(None, None, nobody, says_nothing=True)
    found = patient_interval(
        patient_statistic(measure.metric, failed_below=measure.dsc_below, referral_rate=measure.referral),
        (u, 1 - error if of_failures else error),
        confidence=confidence,
        seed=seed,
        resamples=resamples,
    )
    if found.estimate.value is None or found.low is None or found.high is None:
        return _none(found.reason or found.estimate.reason)
    few = measure.metric in AREAS and len(u) < ENOUGH
    warning = SKEWED_AREAS.format(len(u)) if few else ""
    return Statistic(found.estimate.value, Interval(found.low, found.high, found.method, warning, small_sample=few))


def dsc_of(m: Measurement) -> float:
    """The DSC; 0 of a prediction that failed, NaN of a case without a label, of which uncertainty alone is known."""
    if m.reference_voxels is None:
        return math.nan
    dsc = m.scores.get("dsc")
    if m.failure is not None:
        return 0.0
    if dsc is None or not math.isfinite(dsc):
        raise EvidenceError(f"{_place(m)}: DSC was not measured ({dsc}); nothing is decided without it")
    return float(dsc)


def _uncertainty(m: Measurement) -> float:
    value = m.scores.get(UNCERTAINTY)
    if value is None or not math.isfinite(value):
        raise EvidenceError(f"{_place(m)}: uncertainty was not measured ({value}); nothing is decided without it")
    return float(value)


def _place(m: Measurement) -> str:
    return f"case {m.case}, {m.structure}, {m.point}"


def _silent(pair: Pair, measure: Measure, alarm: float | None) -> bool:
    if measure.dsc_below is None or alarm is None:
        raise EvidenceError(
            "a silent failure needs the DSC below which a case is a failure, and clean cases with a label"
        )
    return any(dsc < measure.dsc_below and uncertainty <= alarm for uncertainty, dsc in pair.draws)


def _surer_than_right(pairs: Sequence[Pair], comparison: Comparison) -> dict[str, float]:
    from pytest_segrobust.metrics.uncertainty.correlation import mid_ranks

    if not pairs:
        return {}
    by_error = mid_ranks(np.array([pair.error for pair in pairs]))
    by_uncertainty = mid_ranks(np.array([pair.uncertainty for pair in pairs]))
    sign = -1 if comparison in ("above", "at least") else 1
    apart = sign * (by_error - by_uncertainty) / len(pairs)
    return {pair.case: float(value) for pair, value in zip(pairs, apart, strict=True)}


def _none(reason: str) -> Statistic:
    return Statistic(None, None, reason)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
