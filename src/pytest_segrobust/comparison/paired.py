"""One requirement in two runs: every point that both measured, structure by structure, and what failed anew."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..errors import EvidenceError
from ..evidence.compared import ComparedRequirement, Difference, FailureChange, Shown, deciding
from ..evidence.rounding import exact, rounded
from ..perturbations.point import CLEAN, Point
from ..requirements import measure as measures
from ..requirements.requirement import Measure
from ..verification.comparison import PairedDifference, paired_difference, paired_share_difference, shown
from ..verification.metric import metric_of
from ..verification.patients import GROSS_FAILURE_RATE
from ..verification.statistics import at_most, zero_failure_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..evidence.records import Measurement, Verdict
    from ..verification.patients import PatientValues
    from .measured import MeasuredClaim

AGREEMENT = "agreement"


@dataclass(frozen=True)
class Paired:
    """What is reported, and what can be said at other levels of confidence, where it is one claim of several."""

    report: ComparedRequirement
    within: Callable[[float], Verdict]  # whether it is within the margin, by the confidence of the interval
    direction: Callable[[float], Verdict]  # where old was worst: "passed" where new is better, "failed" where worse
    small_sample: tuple[str, ...] = ()  # what intervals of so few patients cannot show


@dataclass
class _Found:
    differences: list[Difference] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    fresh: dict[tuple[str, str, str], FailureChange] = field(default_factory=dict)
    repaired: dict[tuple[str, str, str], FailureChange] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    at: list[Callable[[float], PairedDifference]] = field(default_factory=list)  # of each difference, by confidence
    small_sample: list[str] = field(default_factory=list)


def compared(old: MeasuredClaim, new: MeasuredClaim, margins: Mapping[str, float], *, seed: int) -> Paired:
    """The comparison of two runs' measurements of the same claim."""
    claim = old.claim
    unit = unit_of(claim.measure)
    margin = margins.get(unit)
    found = _Found()
    places = _places(old, new)
    for text, point in places.points.items():
        if claim.measure.metric == AGREEMENT and text == str(CLEAN):
            continue  # each agrees with itself
        before, after = old.draws(text, point), new.draws(text, point)
        _complete(old, before, point, len(after))
        _complete(new, after, point, len(before))
        count = min(len(before), len(after))
        if not count:
            if places.needed.get(text):
                lacking = [claim.run.name for claim, rows in ((old, before), (new, after)) if not rows]
                words = f"{text}, {' and '.join(places.needed[text])}, was not measured on all patients of"
                found.missing.append(f"{words} {' and '.join(lacking)}")
            continue
        if len(before) != len(after):
            found.notes.append(f"at {text} the {count} noise draws that both have are compared")
        before, after = before[:count], after[:count]
        _failures(found, text, old.failures(before), new.failures(after))
        for structure in old.structures:
            place = ", ".join(places.worst.get((structure, text), ["clean"] if text == str(CLEAN) else []))
            try:
                pair = old.at(before, structure), new.at(after, structure)
            except EvidenceError as error:
                found.missing.append(f"{structure} at {text}: {error}")
                continue
            again = _paired(old, pair, seed=seed)
            if again is None:
                found.missing.append(f"{structure} at {text}: {_few(old, pair)}")
                continue
            found.at.append(again)
            difference = again(claim.confidence)
            if difference.interval.small_sample and difference.interval.low < difference.interval.high:
                found.small_sample.append(difference.interval.warning)
            found.differences.append(
                replace(
                    _difference(difference, pair, margin),
                    structure=structure,
                    point=text,
                    place=place,
                    severity=places.severities.get(text),
                )
            )
    verdict, reason = _concluded(found, claim.measure, margin, unit)
    if not found.fresh and found.differences:
        n = max(each.n_patients for each in found.differences)
        found.notes.append(
            f"no new gross failure in {n} patients rules out only rates above {at_most(zero_failure_bound(n, claim.confidence))}"
        )
    report = ComparedRequirement(
        run=new.run.name,
        id=old.result.id,
        statement=old.result.statement,
        metric=measures.words(Measure(claim.measure.metric, tolerance=claim.measure.tolerance)),
        unit=unit,
        better=better_of(claim.measure),
        confidence=claim.confidence,
        margin=margin,
        shown=verdict,
        reason=reason,
        old_verdict=old.result.verdict,
        new_verdict=new.result.verdict,
        old_estimate=old.result.estimate,
        new_estimate=new.result.estimate,
        measure=old.result.measure,
        differences=found.differences,
        missing=found.missing,
        new_failures=[found.fresh[key] for key in sorted(found.fresh)],
        repaired_failures=[found.repaired[key] for key in sorted(found.repaired)],
        notes=list(dict.fromkeys(found.notes)),
    )

    def within(confidence: float) -> Verdict:
        said = {"open"} if margin is None else {shown(margin, again(confidence).interval) for again in found.at}
        if "worse" in said:
            return "failed"
        return "passed" if said == {"non-inferior"} and not found.missing else "inconclusive"

    def direction(confidence: float) -> Verdict:
        place = worst_place(report, old)
        if place is None:
            return "inconclusive"
        interval = found.at[place](1 - (1 - confidence) / 2).interval
        if interval.low == interval.high:
            return "inconclusive"  # all patients differ alike: no interval
        return "failed" if interval.low > 0 else "passed" if interval.high < 0 else "inconclusive"

    return Paired(report, within, direction, tuple(dict.fromkeys(found.small_sample)))


def worst_place(report: ComparedRequirement, old: MeasuredClaim) -> int | None:
    """Which of the differences is at the old run's worst point, of the structure that decided there."""
    for structure, point in old.worst_points():
        for place, each in enumerate(report.differences):
            if (each.structure, each.point) == (structure, str(point)):
                return place
    return None


def unit_of(measure: Measure) -> str:
    """The unit of a metric's plain scores: "mm" or "" (shares are 0.05)."""
    return "" if measure.metric == GROSS_FAILURE_RATE else metric_of(measure.metric).unit


def better_of(measure: Measure) -> str:
    """Which way the metric is better."""
    return "lower" if measure.metric == GROSS_FAILURE_RATE else metric_of(measure.metric).better


@dataclass(frozen=True)
class _Places:
    """Points by text; why some of them must be measured in both; whose structures' worst they are."""

    points: dict[str, Point | None]
    needed: dict[str, list[str]]
    worst: dict[tuple[str, str], list[str]]
    severities: dict[str, float | None]


def _places(old: MeasuredClaim, new: MeasuredClaim) -> _Places:
    points: dict[str, Point | None] = {str(CLEAN): CLEAN}
    needed: dict[str, list[str]] = {str(CLEAN): ["the clean image"]}
    worst: dict[tuple[str, str], list[str]] = {}
    for side in (old, new):
        words = f"worst of {side.run.name}"
        for structure, point in side.worst_points():
            points.setdefault(str(point), point)
            for known in (needed.setdefault(str(point), []), worst.setdefault((structure, str(point)), [])):
                if words not in known:
                    known.append(words)
    severities = old.known_points()
    for text in sorted({**severities, **new.known_points()}, key=lambda text: (severities.get(text) or 0.0, text)):
        points.setdefault(text, None)
    return _Places(points, needed, worst, severities)


def _complete(side: MeasuredClaim, draws: list[list[Measurement]], point: Point | None, least: int) -> None:
    """Measure what this run lacks at a point that the other has, where that is possible."""
    if not draws and point is not None:
        side.draws(str(point), point, least=max(least, 1))


def _failures(
    found: _Found,
    text: str,
    before: Mapping[tuple[str, str], tuple[Measurement, str]],
    after: Mapping[tuple[str, str], tuple[Measurement, str]],
) -> None:
    for kept, there, lacking in ((found.fresh, after, before), (found.repaired, before, after)):
        for (case, structure), (row, why) in there.items():
            if (case, structure) not in lacking:
                kept[case, structure, text] = FailureChange(case, row.patient, structure, text, why)


def _common(old: PatientValues, new: PatientValues) -> tuple[np.ndarray, np.ndarray]:
    """The values of patients whom both count; nearly always all of them, since the data are the same."""
    before, after = dict(zip(old.patients, old.values, strict=True)), dict(zip(new.patients, new.values, strict=True))
    both = [patient for patient in old.patients if patient in after]
    return np.array([before[p] for p in both], float), np.array([after[p] for p in both], float)


def _paired(
    side: MeasuredClaim, pair: tuple[PatientValues, PatientValues], *, seed: int
) -> Callable[[float], PairedDifference] | None:
    """The difference by its confidence; None where there are too few patients."""
    old, new = _common(*pair)
    metric = side.claim.measure.metric
    if len(old) < max(2, side.decision.minimum_patients):
        return None
    if metric == GROSS_FAILURE_RATE:
        return partial(paired_share_difference, old, new)
    return partial(paired_difference, old, new, metric_of(metric).better, seed=seed)


def _difference(
    found: PairedDifference,
    pair: tuple[PatientValues, PatientValues],
    margin: float | None,
) -> Difference:
    """The record of a difference, whose place is still to be told."""
    left_out = len({*pair[0].patients, *pair[1].patients}) - found.n_patients
    warnings = [f"{left_out} patients count in one run alone and are left out"] if left_out else []
    if found.interval.warning and not found.interval.small_sample and found.estimate:
        warnings.append(found.interval.warning)
    return Difference(
        structure="",
        point="",
        place="",
        severity=None,
        n_patients=found.n_patients,
        old=found.old,
        new=found.new,
        estimate=found.estimate,
        interval=(found.interval.low, found.interval.high),
        method=found.interval.method,
        warning="; ".join(warnings),
        shown="open" if margin is None else shown(margin, found.interval),
    )


def _few(side: MeasuredClaim, pair: tuple[PatientValues, PatientValues]) -> str:
    return f"{len(_common(*pair)[0])} patients can be paired, {side.decision.minimum_patients} are needed"


def _concluded(found: _Found, measure: Measure, margin: float | None, unit: str) -> tuple[Shown, str]:
    """The conclusion over all points: no correction is needed where all of them must hold (intersection-union)."""
    name = measures.words(Measure(measure.metric, tolerance=measure.tolerance))
    if not found.differences:
        return "open", "; ".join(found.missing) or "no point was measured in both"
    verdict: Shown = "non-inferior"
    for each in found.differences:
        if each.shown != "non-inferior" and verdict != "worse":
            verdict = each.shown
    decisive = deciding(found.differences, verdict)
    assert decisive is not None  # all of them have an interval
    if margin is None:
        wanted = f" in {unit}" if unit else ""
        return "open", f"no margin was stated{wanted}; at its largest, {_numbers(name, decisive, None, unit)}"
    text = _numbers(name, decisive, margin, unit)
    said = {
        "non-inferior": f"{text}, within the margin of {_with_unit(exact(margin), unit)}; the largest of all",
        "worse": f"{text}, beyond the margin of {_with_unit(exact(margin), unit)}",
        "open": f"{text}: the interval holds the margin of {_with_unit(exact(margin), unit)}",
    }[verdict]
    if verdict == "non-inferior" and found.missing:
        return "open", f"{found.missing[0]}; of what was measured in both: {said}"
    return verdict, said


def _numbers(name: str, each: Difference, margin: float | None, unit: str) -> str:
    assert each.interval is not None
    low, high = each.interval
    bounds = f"[{rounded(low, 'down', beside=margin)}, {rounded(high, 'up', beside=margin)}]"
    value = _with_unit(f"{rounded(each.estimate, beside=margin)} {bounds}", unit)
    return f"the difference of {name} of {each.structure} is {value} at {each.point}"


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit else text
