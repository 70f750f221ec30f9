"""What a claim on uncertainty may say: what it needs, where it can be asked, and limits that mean something."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.requirements import measure as measures
from pytest_segrobust.requirements.quantity import percent, plain
from pytest_segrobust.requirements.requirement import Measure, Range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.requirements.requirement import Comparison, Domain

# What a measure may need beside its limit: what that is, how a sentence says it, and an example for the long form.
_NEEDS = {
    "dsc_below": ("the DSC below which a case is a failure", "for DSC below 0.7", "0.7"),
    "fall": ("the drop of the DSC that is to be warned of", "for a DSC drop above 0.1", "0.1"),
    "referral": ("the share of cases that may be referred", "at 20 % referral", "0.2"),
}
_EXCESSES = ("e_aurc", "ause")
AT_RANDOM = math.exp(-1)
"""The largest area between no order and the best: -(1 - f) ln(1 - f) of a share f of errors, at f = 1 - 1/e."""
# Counted per patient with exact bounds, which never reach 0 or 1.
_RATES = ("silent_failure_rate", "failure_recall", "early_warning")


def check_needs(measure: Measure) -> None:
    """What the measure needs is stated, means something, and stands nowhere else."""
    name = measures.name(measure)
    known = MEASURES.get(measure.metric)
    needed: tuple[str, ...] = () if known is None else known.needs
    missing = [key for key in needed if getattr(measure, key) is None]
    if missing:
        whole = " ".join([name, *(_NEEDS[key][1] for key in needed)])
        keys = " and ".join(f"{key} = {_NEEDS[key][2]}" for key in missing)
        what = " and ".join(_NEEDS[key][0] for key in missing)
        raise SpecError(f"{name} needs {what}, such as '{whole}' (long form: {keys})")
    for key, (what, words, _) in _NEEDS.items():
        value = getattr(measure, key)
        if value is None:
            continue
        if key not in needed:
            raise SpecError(f"{name} takes no '{words.rpartition(' ')[0]} ...'; leave {key} out")
        if 1 < value <= 100:
            raise SpecError(f"{plain(value)} is not {what}; did you mean {plain(value)} % or {plain(value / 100)}?")
        if not 0 < value < 1:
            raise SpecError(f"{plain(value)} means nothing as {what}; it lies between 0 and 1, such as '{words}'")


def check_scope(measure: Measure, domains: Sequence[Domain], *, average: bool) -> None:
    """Severities need a range along which they grow, and statistics of all patients are of one structure."""
    known, words = MEASURES[measure.metric], measures.words(measure)
    if average and known.level != "voxels":
        raise SpecError(f"{words} is one number of all patients and has no mean over structures; leave 'mean' out")
    if known.level != "severities":
        return
    if not domains:
        raise SpecError(
            f"{words} is about growing severity, and clean images have none; name a perturbation, such as "
            "'... under gaussian noise with sigma <= 0.1'"
        )
    spreads = [spread for domain in domains for spread in domain.ranges]
    if not any(isinstance(spread, Range) and spread.low < spread.high for spread in spreads):
        named = " and ".join(domain.perturbation for domain in domains)
        raise SpecError(
            f"{words} is about growing severity, and {named} has a single strength here; write a range from no change "
            "on, such as 'sigma <= 0.1' or 'up to level 3'"
        )


def check_patients(measure: Measure) -> None:
    """A share of patients can meet only what each patient has."""
    if MEASURES[measure.metric].level != "voxels":
        raise SpecError(
            f"{measures.words(measure)} is one number of all patients already; leave out 'for ... of patients'"
        )


def check_limit(measure: Measure, comparison: Comparison, limit: float) -> None:
    """The limit can be met, says more than a map that knows nothing would meet, and a failed case does not meet it."""
    words = measures.words(measure)
    known = MEASURES[measure.metric]
    changed = measure.form != "value"
    if not math.isfinite(limit):
        raise SpecError(f"a limit of {plain(limit)} means nothing for {words}")
    if known.highest == 1 and 2 <= limit <= 100:
        as_percent = f"{plain(limit)} % or " if measures.in_percent(measure) else ""
        raise SpecError(
            f"{plain(limit)} is no {words}, which ends at 1; did you mean {as_percent}{plain(limit / 100)}?"
        )
    if changed:
        worst = known.worst or 1.0
        if limit < 0:
            raise SpecError(f"a limit of {plain(limit)} is below the range of {words}, which starts at 0")
        if limit >= max(abs(worst), 1.0):
            raise SpecError(f"a failed case's {words} could meet a limit of {plain(limit)}; write a smaller one")
        _check_lost(measure, limit)
    elif known.better == "higher":
        _check_floor(measure, comparison, limit)
    else:
        _check_ceiling(measure, comparison, limit)
    if not changed and measure.metric in _RATES and limit == (0 if known.better == "lower" else 1):
        raise SpecError(f"no number of patients can show a {words} of {percent(limit)}; write a limit that leaves room")


def _check_lost(measure: Measure, limit: float) -> None:
    """A map that loses all that it knew must exceed the limit of a drop."""
    known = MEASURES[measure.metric]
    if known.better != "higher" or known.highest is None or known.no_information is None:
        return
    most = known.highest - known.no_information
    if limit >= most:
        raise SpecError(
            f"a perfect {known.name} has lost {plain(most)} once its uncertainty knows nothing, so a drop below {plain(limit)} "
            f"claims nothing; write a limit below {plain(most)}"
        )


def _check_floor(measure: Measure, comparison: Comparison, limit: float) -> None:
    known, words = MEASURES[measure.metric], measures.words(measure)
    # of the cases drawn for referral at random, so large a share of the failures is among them
    chance = measure.referral if measure.metric == "failure_recall" else known.no_information
    beyond = known.highest is not None and (limit > known.highest or (limit == known.highest and comparison == "above"))
    if beyond:
        raise SpecError(f"no {words} is {comparison} {plain(limit)}; it ends at {plain(known.highest or 0)}")
    if chance is None:
        if limit <= 0:
            raise SpecError(f"a limit of {plain(limit)} is met by every {words}, nearly or quite; write one above 0")
    elif limit == chance == 0 and comparison == "above":
        return  # that it follows at all is a claim
    elif limit <= chance:
        least = "'above 0'" if chance == 0 else f"a limit above {plain(chance)}"
        raise SpecError(
            f"an uncertainty that knows nothing has a {words} of {plain(chance)}, so '{comparison} {plain(limit)}' "
            f"claims nothing; write {least}"
        )


def _check_ceiling(measure: Measure, comparison: Comparison, limit: float) -> None:
    known, words = MEASURES[measure.metric], measures.words(measure)
    if limit < 0 or (limit == 0 and comparison == "below"):
        raise SpecError(f"no {words} is {comparison} {plain(limit)}; write a limit above 0")
    ends = [end for end in (known.highest, known.worst) if end is not None]
    if ends and limit >= min(ends):
        raise SpecError(f"a failed case's {words} could meet a limit of {plain(limit)}; write a smaller one")
    if measure.metric in _EXCESSES and limit >= AT_RANDOM:
        raise SpecError(
            f"an uncertainty that knows nothing has a {words} of at most {AT_RANDOM:.3g}, so '{comparison} {plain(limit)}' "
            "claims nothing; write a smaller limit"
        )
