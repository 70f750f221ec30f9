"""Statistics of all patients along a line of growing severity: does uncertainty rise with it, and before the DSC falls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.records import CaseResult, Measurement
from pytest_segrobust.metrics.uncertainty.correlation import PERFECT
from pytest_segrobust.metrics.uncertainty.measured import is_constant, is_level

from .all_patients import Statistic, alarm_of_means, by_patient, pairs_at, stated
from .patients import PatientValues
from .statistics import RESAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.metrics.uncertainty.correlation import Kind
    from pytest_segrobust.requirements.requirement import Measure

    from .all_patients import Pair
    from .patients import Cohort

TREND, WARNING = "severity_tau", "early_warning"


def values_along(cohort: Cohort, line: Sequence[Sequence[Measurement]], structure: str) -> PatientValues:
    """What the cohort's measure is a statistic of: (patients, severities, 2) of uncertainty and error, mildest first.

    `line` holds the measurements of each severity, the clean ones first. Within patients, one without any error has no value.
    For early warning it is 1 or 0 for each patient whose DSC fell, as the alarm came at a milder severity or not, and 0 for
    one that had failed on the clean image: the others have no value, as there was nothing to warn of.
    The value of a case is its own coefficient over severities.
    """
    found = [pairs_at(cohort, measurements, structure) for measurements in line]
    patients, _ = by_patient(found[0])
    values = np.stack([by_patient(pairs)[1] for pairs in found], axis=1)
    courses = [_course(pairs, cohort.measure, structure) for pairs in zip(*found, strict=True)]
    everything = PatientValues(patients, values, tuple(courses), of=len(patients))
    if cohort.measure.metric == WARNING:
        return _warned(cohort, everything, found[0], structure)
    return _wrong_somewhere(everything) if cohort.measure.metric.endswith("_within") else everything


def statistic_along(
    measure: Measure, values: np.ndarray, confidence: float = 0.95, *, seed: int = 0, resamples: int = RESAMPLES
) -> Statistic:
    """A measure of level "severities" with its interval, of (patients, severities, 2); the same for the same seed.

    Patients are drawn with all their severities. The rise with severity also has the p-values of permuted severities.
    """
    from pytest_segrobust.metrics.uncertainty.intervals import clustered_interval
    from pytest_segrobust.metrics.uncertainty.trend import severity_trend

    n, severities = values.shape[:2]
    if not n or severities < 2:
        return Statistic(None, reason="no patients" if not n else "there is one severity alone")
    u, error = values[..., 0], values[..., 1]
    if measure.metric != TREND and (error <= PERFECT).all():
        return Statistic(None, reason=f"nothing is wrong in any of {n} patients at any severity", says_nothing=True)
    kind, _, which = measure.metric.rpartition("_")
    if is_level(u) or (which != "across" and all(map(is_level, u))):
        return Statistic(
            None, reason=f"uncertainty is the same at all severities in all {n} patients: a constant says nothing"
        )
    owners = np.repeat(np.arange(n), severities)
    level = np.tile(np.arange(severities, dtype=float), n)
    if measure.metric == TREND:
        kind, which, other = "kendall", "within", level
    else:
        which, other = "pooled" if which == "across" else "within", error.ravel()
    if which == "within" and measure.metric != TREND and all(map(is_constant, error)):
        lost = bool((error.min(axis=1) > PERFECT).any())
        return Statistic(None, reason=f"the error of none of {n} patients changes with severity", says_nothing=not lost)
    interval = clustered_interval(
        u.ravel(), other, owners.tolist(), cast("Kind", kind),
        which="pooled" if which == "pooled" else "within", confidence=confidence, seed=seed, resamples=resamples,
    )  # fmt: skip
    found = stated(interval, cast("Kind", kind))
    if found.interval is None:
        return found
    words = [found.interval.warning, *_cautions(measure, u, error, cast("Kind", kind))]
    found = replace(found, interval=replace(found.interval, warning="; ".join(filter(None, words))))
    assert found.interval is not None
    if measure.metric != TREND:
        return found
    trend = severity_trend(u, np.arange(severities, dtype=float), seed=seed)
    method = (
        f"{found.interval.method}; by permuting severities within patients p = {trend.p_value.value:.3g}, that of a mean curve "
        f"which never falls p = {trend.isotonic_p.value:.3g}"
    )
    return replace(found, interval=replace(found.interval, method=method))


def _cautions(measure: Measure, u: np.ndarray, error: np.ndarray, kind: Kind) -> list[str]:
    """What one coefficient hides: patients who never follow behind a good mean, and patients who differ from one another."""
    from pytest_segrobust.metrics.uncertainty.correlation import clustered

    words = []
    n, severities = u.shape
    flat = 0 if measure.metric.endswith("_across") else sum(map(is_level, u))
    if flat:
        words.append(f"uncertainty is the same at all severities in {flat} of {n} patients, who count as 0")
    if measure.metric == TREND:
        return words
    if still := sum(map(is_constant, error)):
        words.append(f"the error of {still} of {n} patients is the same at all severities")
    over = clustered(u.ravel(), error.ravel(), np.repeat(np.arange(n), severities).tolist(), kind)
    if over.pooled.value is not None and over.within.value is not None and over.pooled.value * over.within.value < 0:
        words.append(
            f"across severities the correlation is {over.pooled.value:.3g}, within patients {over.within.value:.3g}: what "
            "differs between patients hides how each one's uncertainty follows its own error"
        )
    return words


def _course(pairs: Sequence[Pair], measure: Measure, structure: str) -> CaseResult:
    """Of one case over severities: clean and last uncertainty, and its own coefficient."""
    from pytest_segrobust.metrics.uncertainty.correlation import KINDS, correlation

    u = np.array([pair.uncertainty for pair in pairs])
    kind = measure.metric.partition("_")[0]
    other = np.arange(len(pairs), dtype=float) if measure.metric == TREND else np.array([pair.error for pair in pairs])
    own = correlation(u, other, kind if kind in KINDS else "kendall").value if len(u) > 2 else None
    failures = [pair.failure for pair in pairs if pair.failure]
    return CaseResult(
        pairs[0].case, pairs[0].patient, structure, float(u[0]), float(u[-1]), own, failures[0] if failures else None
    )


def _wrong_somewhere(along: PatientValues) -> PatientValues:
    """Without the patients in whom nothing is wrong at any severity: uncertainty has nothing to follow in them."""
    wrong = along.values[..., 1].max(axis=1, initial=0) > PERFECT
    kept = {patient for patient, keep in zip(along.patients, wrong, strict=True) if keep}
    return replace(
        along,
        patients=tuple(patient for patient in along.patients if patient in kept),
        values=along.values[wrong],
        cases=tuple(case for case in along.cases if case.patient in kept),
        without={c.case: "nothing is wrong in it at any severity" for c in along.cases if c.patient not in kept},
    )


def _warned(cohort: Cohort, along: PatientValues, clean: Sequence[Pair], structure: str) -> PatientValues:
    """Of the patients whose DSC fell, or had fallen before: who had failed on the clean image was not warned of."""
    from pytest_segrobust.metrics.uncertainty.warning import early_warning

    fall, (alarm, _) = cohort.measure.fall, alarm_of_means(cohort, structure)
    if fall is None:
        raise EvidenceError("early warning needs the fall of the DSC that is to be warned of")
    if alarm is None:
        return replace(along, values=np.empty(0))
    u, dsc = along.values[..., 0], 1 - along.values[..., 1]
    outcomes = early_warning(u, dsc, alarm=alarm, drop=fall).outcomes
    fell = (dsc[:, :1] - dsc > fall * (1 + 1e-12)).any(axis=1)
    failed = {pair.patient for pair in clean if pair.failure}
    failed |= {patient for patient, first in zip(along.patients, dsc[:, 0], strict=True) if first <= fall * (1 + 1e-12)}
    warned = {
        patient: float(outcome == "early" and patient not in failed)
        for patient, outcome, fallen in zip(along.patients, outcomes, fell, strict=True)
        if fallen or patient in failed
    }
    constant = f"uncertainty is the same at all severities in all {len(u)} patients" if all(map(is_level, u)) else ""
    return PatientValues(
        tuple(warned),
        np.array(list(warned.values())),
        tuple(replace(case, value=warned[case.patient]) for case in along.cases if case.patient in warned),
        of=along.of,
        without={c.case: f"its DSC never fell by more than {fall:g}" for c in along.cases if c.patient not in warned},
        assumed={c.case: "failed on the clean image, before any alarm" for c in along.cases if c.patient in failed},
        constant=constant,
    )
