"""What a measure means: its words, unit, key of scores, which way is better, and how its values are printed."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import get_args

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.catalogue import METRICS, Better
from pytest_segrobust.requirements import quantity
from pytest_segrobust.requirements.requirement import Form, Measure
from pytest_segrobust.requirements.vocabulary import GROSS_FAILURE_RATE, GROSS_FAILURE_WORDS, fold, suggestion

FORMS: tuple[Form, ...] = get_args(Form)


def name(measure: Measure) -> str:
    """The metric's own name: "DSC"."""
    return GROSS_FAILURE_WORDS[0] if measure.metric == GROSS_FAILURE_RATE else METRICS[measure.metric].name


def words(measure: Measure) -> str:
    """The measure as a sentence says it: "DSC drop", "relative DSC drop", "NSD drop at 2 mm"."""
    text = {"value": "{}", "relative drop": "relative {} drop"}.get(measure.form, f"{{}} {measure.form}")
    tolerance = "" if measure.tolerance is None else f" at {quantity.with_unit(measure.tolerance, 'mm')}"
    return text.format(name(measure)) + tolerance


def forms(metric: str) -> tuple[Form, ...]:
    """The forms that make sense: a drop where higher is better, an increase where lower is."""
    if metric == GROSS_FAILURE_RATE:
        return ("value",)
    known = METRICS[metric]
    if not known.needs_reference or known.better == "zero":
        return ("value",)  # agreement is a comparison with the clean prediction already; a bias has two directions
    return ("value", "drop", "relative drop") if known.better == "higher" else ("value", "increase")


def better(measure: Measure) -> Better:
    """Which way is better: "lower" for drops, increases and the gross failure rate, otherwise the metric's."""
    if measure.form != "value" or measure.metric == GROSS_FAILURE_RATE:
        return "lower"
    return METRICS[measure.metric].better


def needs_reference(measure: Measure) -> bool:
    """True where nothing can be said without labels; a lost structure is only seen beside its reference."""
    return measure.metric == GROSS_FAILURE_RATE or METRICS[measure.metric].needs_reference


def unit(measure: Measure) -> str:
    """The unit that values are printed in: "mm", "%", "points" (hundredths, of a drop or an increase), or none."""
    if measure.metric == GROSS_FAILURE_RATE or measure.form == "relative drop":
        return "%"
    metric = METRICS[measure.metric]
    if not metric.percent or metric.unit:
        return metric.unit
    if measure.form != "value":
        return "points"
    return "%" if measure.metric in ("volume_bias", "volume_error") else ""


def score_key(measure: Measure) -> str:
    """The key of the metric's value in `Measurement.scores`: "dsc", "nsd@2" for NSD at 2 mm."""
    return measure.metric if measure.tolerance is None else f"{measure.metric}@{quantity.plain(measure.tolerance)}"


def key(measure: Measure) -> str:
    """The measure in the long form: "relative_dsc_drop"; the tolerance stands beside it."""
    return {"value": "{}", "relative drop": "relative_{}_drop"}.get(measure.form, f"{{}}_{measure.form}").format(
        measure.metric
    )


def keys() -> dict[str, Measure]:
    """All measures of the catalogue by their key, without tolerances."""
    measures = [Measure(metric, form) for metric in (*METRICS, GROSS_FAILURE_RATE) for form in forms(metric)]
    return {key(measure): measure for measure in measures}


def from_key(text: str, tolerance: float | None = None) -> Measure:
    """The measure that a key of the long form means; SpecError with the nearest key where there is none."""
    known = keys()
    by_fold = {fold(candidate): measure for candidate, measure in known.items()}
    by_fold |= {fold(words(measure)): measure for measure in known.values()}
    if fold(text) not in by_fold:
        raise SpecError(f"no measure '{text}'; {suggestion(text, known)}")
    found = by_fold[fold(text)]
    return Measure(found.metric, found.form, None if tolerance is None else float(tolerance))


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
