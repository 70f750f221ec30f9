"""What a measure means: its words, unit, key of scores, which way is better, and how its values are printed."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import get_args

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.catalogue import METRICS, Better
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.requirements import quantity, uncertainty_words
from pytest_segrobust.requirements.requirement import Form, Measure
from pytest_segrobust.requirements.vocabulary import GROSS_FAILURE_RATE, GROSS_FAILURE_WORDS, fold, suggestion

FORMS: tuple[Form, ...] = get_args(Form)


def name(measure: Measure) -> str:
    """The metric's own name: "DSC"."""
    if measure.metric in MEASURES:
        return uncertainty_words.name(measure.metric)
    return GROSS_FAILURE_WORDS[0] if measure.metric == GROSS_FAILURE_RATE else METRICS[measure.metric].name


def words(measure: Measure) -> str:
    """The measure as a sentence says it: "DSC drop", "NSD drop at 2 mm", "silent failure rate for DSC below 0.7"."""
    text = {"value": "{}", "relative drop": "relative {} drop"}.get(measure.form, f"{{}} {measure.form}")
    stated = (
        "" if measure.tolerance is None else f" at {quantity.with_unit(measure.tolerance, 'mm')}",
        "" if measure.dsc_below is None else f" for DSC below {quantity.plain(measure.dsc_below)}",
        "" if measure.fall is None else f" for a DSC drop above {quantity.plain(measure.fall)}",
        "" if measure.referral is None else f" at {quantity.percent(measure.referral)} referral",
    )
    return text.format(name(measure)) + "".join(stated)


def forms(metric: str) -> tuple[Form, ...]:
    """The forms that make sense: a drop where higher is better, an increase where lower is."""
    if metric == GROSS_FAILURE_RATE:
        return ("value",)
    if metric in MEASURES:
        change: Form = "drop" if MEASURES[metric].better == "higher" else "increase"
        return ("value", change) if MEASURES[metric].level == "voxels" else ("value",)
    known = METRICS[metric]
    if not known.needs_reference or known.better == "zero":
        return ("value",)  # agreement is a comparison with the clean prediction already; a bias has two directions
    return ("value", "drop", "relative drop") if known.better == "higher" else ("value", "increase")


def better(measure: Measure) -> Better:
    """Which way is better: "lower" for drops, increases and the gross failure rate, otherwise the metric's."""
    if measure.form != "value" or measure.metric == GROSS_FAILURE_RATE:
        return "lower"
    return MEASURES[measure.metric].better if measure.metric in MEASURES else METRICS[measure.metric].better


def needs_reference(measure: Measure) -> bool:
    """True where nothing can be said without labels; a lost structure is only seen beside its reference."""
    if measure.metric in MEASURES:
        return measure.metric != "severity_tau"  # the rise of uncertainty alone: no error is looked at
    return measure.metric == GROSS_FAILURE_RATE or METRICS[measure.metric].needs_reference


def unit(measure: Measure) -> str:
    """The unit that values are printed in: "mm", "%", "points" (hundredths, of a drop or an increase), or none."""
    if measure.metric == GROSS_FAILURE_RATE or measure.form == "relative drop":
        return "%"
    if measure.metric in MEASURES:
        return _uncertainty_unit(measure)
    metric = METRICS[measure.metric]
    if not metric.percent or metric.unit:
        return metric.unit
    if measure.form != "value":
        return "points"
    return "%" if measure.metric in ("volume_bias", "volume_error") else ""


def in_percent(measure: Measure) -> bool:
    """Whether 5 % may be written for 0.05: not where values are in mm, in nats, or no share of anything."""
    known = MEASURES.get(measure.metric)
    if known is None:
        return unit(measure) != "mm"
    return (known.lowest, known.highest) == (0, 1) or known.key == "delta_dsc"


def _uncertainty_unit(measure: Measure) -> str:
    if measure.metric in ("silent_failure_rate", "early_warning"):
        return "%"
    points = measure.form != "value" or measure.metric == "delta_dsc"
    return "points" if points and in_percent(measure) else ""


def score_key(measure: Measure) -> str:
    """What must be scored for it: "dsc", "nsd@2" for NSD at 2 mm, "uncertainty" for all measures of uncertainty."""
    if measure.metric in MEASURES:
        return "uncertainty"
    return measure.metric if measure.tolerance is None else f"{measure.metric}@{quantity.plain(measure.tolerance)}"


def key(measure: Measure) -> str:
    """The measure in the long form: "relative_dsc_drop"; the tolerance stands beside it."""
    return {"value": "{}", "relative drop": "relative_{}_drop"}.get(measure.form, f"{{}}_{measure.form}").format(
        measure.metric
    )


def keys() -> dict[str, Measure]:
    """All measures of the catalogues by their key, without tolerances and what else they need."""
    measures = [Measure(metric, form) for metric in (*METRICS, GROSS_FAILURE_RATE, *MEASURES) for form in forms(metric)]
    return {key(measure): measure for measure in measures}


def from_key(text: str, tolerance: float | None = None, **needs: float | None) -> Measure:
    """The measure that a key of the long form means; SpecError with the nearest key where there is none.

    `needs` are dsc_below, referral and fall, of measures of uncertainty.
    """
    known = keys()
    by_fold = {fold(candidate): measure for candidate, measure in known.items()}
    by_fold |= {fold(words(measure)): measure for measure in known.values()}
    if fold(text) not in by_fold:
        raise SpecError(f"no measure '{text}'; {suggestion(text, known)}")
    found = by_fold[fold(text)]
    stated = {key: float(value) for key, value in (("tolerance", tolerance), *needs.items()) if value is not None}
    return Measure(found.metric, found.form, **stated)


def format_value(measure: Measure, value: float, *, digits: int = 3) -> str:
    """A value with its unit, to three significant digits: "0.812", "8.10 points", "3.20 mm"."""
    return _format(measure, value, digits, ROUND_HALF_EVEN)


def format_bound(measure: Measure, value: float, *, digits: int = 3) -> str:
    """A bound of an interval, rounded toward the unfavourable side: a DSC of 0.7996 is "0.799", never "0.800"."""
    rounding = {"higher": ROUND_FLOOR, "lower": ROUND_CEILING, "zero": ROUND_UP}[better(measure)]
    return _format(measure, value, digits, rounding)


def _format(measure: Measure, value: float, digits: int, rounding: str) -> str:
    shown = unit(measure)
    if not math.isfinite(value):
        number = "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    else:
        # Twelve digits first: 0.1 + 0.2 is 0.3 to the reader and must not be pushed up to 0.301.
        exact = Decimal(f"{value:.12g}") * (100 if shown in ("%", "points") else 1)
        step = Decimal(1).scaleb(exact.adjusted() - digits + 1) if exact else Decimal(1).scaleb(1 - digits)
        number = f"{exact.quantize(step, rounding=rounding):f}"
    return f"{number} {shown}" if shown else number
