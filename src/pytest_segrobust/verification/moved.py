"""Fair comparison with an image that moved: the clean score where both show the same, and what moving alone costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.metrics.catalogue import CEILING, IN_VIEW, IN_VIEW_FAILURE, OUT_OF_VIEW, score_key

from .metric import metric_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_segrobust.evidence.records import Measurement
    from pytest_segrobust.requirements.requirement import Measure, Requirement


def as_seen(clean: Measurement, perturbed: Measurement) -> Measurement:
    """The clean measurement on the part of the image that the moved one still shows; itself where that is all of it."""
    there = {key.removeprefix(IN_VIEW): value for key, value in perturbed.scores.items() if key.startswith(IN_VIEW)}
    failed = there.pop(IN_VIEW_FAILURE.removeprefix(IN_VIEW), None)
    if not there:
        return clean
    failure = clean.failure or ("missed or false in the part that is still seen" if failed else None)
    return replace(clean, scores={**clean.scores, **there}, failure=failure)


def explained(change: float, measure: Measure, perturbed: Measurement) -> float:
    """How much of a drop or increase, in the metric's unit, interpolating labels explains by itself.

    That is what the reference loses against itself when it is moved and moved back, and never more than the change: it
    makes no gain of a loss. A failure is not explained, nor is a prediction of which nothing is right, and a metric with
    a sign loses nothing.
    """
    metric = metric_of(measure.metric)
    key = score_key(metric.key, measure.tolerance)
    ceiling = perturbed.scores.get(CEILING + key)
    if ceiling is None or perturbed.failure is not None or metric.better == "zero":
        return 0.0
    if metric.better == "higher" and perturbed.scores.get(key, 0.0) <= 0:
        return 0.0
    lost = metric.best - ceiling if metric.better == "higher" else ceiling - metric.best
    return min(max(lost, 0.0), max(change, 0.0))


def outweighs_limit(explained: np.ndarray, requirement: Requirement) -> bool:
    """Whether interpolation explains more per patient (of the claimed share of them) than the limit allows.

    Then whoever meets the limit does so by what was subtracted, which is an upper bound of what moving costs, not its size.
    """
    if requirement.measure.form == "value":  # from a value nothing is subtracted, and its limit may be negative
        return False
    share = requirement.patients
    amount = float(explained.mean() if share is None else np.quantile(explained, share))
    return amount > requirement.limit + 1e-9


def refuse_out_of_view(measurements: Iterable[Measurement]) -> None:
    """Raise where nothing of a structure is left: without that case n would shrink, and with it the claim is untested.

    Raises:
        EvidenceError: names the case and what to do.
    """
    for m in measurements:
        if m.scores.get(OUT_OF_VIEW):
            raise EvidenceError(
                f"case {m.case}: nothing of {m.structure} is left in the image at {m.point}, so nothing can be said of it "
                "there, and it cannot be left out; state a milder range"
            )
