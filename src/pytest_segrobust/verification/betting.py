"""Bounds of a mean by betting: no assumption but that no value exceeds a known worst; valid after any number of patients.

Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting", arXiv:2010.09686. Whoever doubts
that the mean of drops D is `limit` or more bets on each patient; the money after t patients is

    K_t = sum over bets c of weight_c prod_{i <= t} (1 + c (limit - D_i) / (most - limit)),   0 <= c <= 1, D_i <= most.

That is their capital with lambda = c / (most - limit). If the mean is `limit` or more, nobody gets rich: the money ever
exceeds 1 / alpha with a probability of alpha at most (Ville), whatever the distribution, however rare its collapses.

The bets are constants and not plugged in from the patients before, for two reasons: the money after the last patient then
does not depend on the order of patients (with plug-in bets a seed could be sought whose order passes), and it grows with
the limit and never depends on the confidence, so that verdicts are monotone in both. The price, for drops of 0 and a
limit of 0.05: 71 patients, where the best plug-in bets need 62 and no method can do with fewer than 59.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .statistics import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Half of the money on the largest bet, which is best where no patient collapses, the rest down to bets for shares of
# patients near one half; measured against finer grids: none was better by more than a tenth in patients needed.
BETS = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)
WEIGHTS = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)
METHOD = "betting over patients (no assumption on the distribution)"
_HALVINGS = 40  # to 1e-12 of the range
_ROUNDING = 1e-9  # of the range's end: a mean of ones may be larger than 1 in its last bit


def log_money(
    values: np.ndarray, limit: float | np.ndarray, most: float, *, enrolled: int | None = None, running: bool = False
) -> np.ndarray:
    """The logarithm of the money against "the mean is `limit` or more"; 1 / exp of it is a p-value.

    `values` (..., n), none above `most`; `limit` a number or (..., 1). Gives (...), or with `running` (..., n): after each
    patient. With `enrolled`, the mean is that of this many patients, of whom `values` are the first n in random order.
    """
    gains = _gains(values, limit, most, enrolled)
    shape = (len(BETS), *(1,) * gains.ndim)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log1p(np.maximum(np.reshape(BETS, shape) * gains, -1.0))  # -1 but for rounding: all is lost
        grown = np.cumsum(logs, axis=-1) if running else logs.sum(axis=-1)
        grown = np.where(np.isnan(grown), -np.inf, grown)  # lost before it could win without end
        total: np.ndarray = np.logaddexp.reduce(
            grown + np.log(WEIGHTS).reshape(shape if running else shape[:-1]), axis=0
        )
    return total


def _gains(values: np.ndarray, limit: float | np.ndarray, most: float, enrolled: int | None) -> np.ndarray:
    """What a bet of 1 wins on each patient, from -1 on; without end where a patient shows that the mean cannot be."""
    values = np.asarray(values, float)
    expected: float | np.ndarray = limit
    if enrolled is not None:  # the mean of those who are left, if that of all were `limit`
        before = np.cumsum(values, axis=-1) - values
        expected = (enrolled * limit - before) / (enrolled - np.arange(values.shape[-1]))
    room = np.asarray(most - expected)
    with np.errstate(divide="ignore", invalid="ignore"):
        fair = (expected - values) / room
    gains: np.ndarray = np.where(room > 0, fair, np.where(values < most, np.inf, 0.0))
    return gains


def upper_bound(values: np.ndarray, most: float, confidence: float = 0.95) -> float:
    """The upper bound of the mean of `values` (patients,), none of which can exceed `most`, one-sided at `confidence`.

    The smallest mean that is rejected; `most` where none is. The order of the values does not matter, to the last bit.
    """
    values = np.sort(_checked(values, most))
    if not math.isfinite(most):
        return math.inf
    return _rejected_from(values, most, (float(values.min()), most), confidence, None)


def lower_bound(values: np.ndarray, least: float, confidence: float = 0.95) -> float:
    """The lower bound of the mean of `values` (patients,), none of which can be below `least`."""
    return -upper_bound(-np.asarray(values, float), -least, confidence)


def betting_interval(values: np.ndarray, least: float, most: float, confidence: float = 0.95) -> Interval:
    """Both bounds of the mean of `values` (patients,) that lie in [least, most], each one-sided at `confidence`.

    Holds for any number of patients and any distribution within the range, rare collapses too; no bound where the range
    has no end (an HD95 without the diagonal), which the warning says. A drop of a DSC lies in [-1, 1].
    """
    open_ends = [word for word, end in (("below", least), ("above", most)) if not math.isfinite(end)]
    warning = f"values have no known end {' and '.join(open_ends)}, so betting cannot bound the mean there"
    low, high = lower_bound(values, least, confidence), upper_bound(values, most, confidence)
    return Interval(low, high, METHOD, warning if open_ends else "")


def running_bounds(
    values: np.ndarray, least: float, most: float, confidence: float = 0.95, *, enrolled: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds (n,) after each patient, all valid together: stop when they decide, pass or fail.

    Each side's bounds hold at all times with probability `confidence`, so that looking after every group of patients
    costs nothing. Patients must come in an order that does not depend on their values, such as `random_order`.

    Without `enrolled`, patients are drawn from a population and its mean is bounded. With `enrolled`, `values` are the
    first n of that many enrolled patients in RANDOM order (without replacement) and what is bounded is the mean that all
    of them would have, exact when n = enrolled. That is NOT a bound for the population: it says what the complete run
    would find as its mean, not that other patients would do as well; a claim on the population needs an interval besides.

    Where later bounds exclude the earlier ones, the order was not random; from there on nothing is bounded.
    """
    if enrolled is not None and not 1 <= len(values) <= enrolled:
        raise ValueError(f"{len(values)} of {enrolled} enrolled patients")
    high = _running_upper(_checked(values, most), most, confidence, enrolled)
    low = -_running_upper(_checked(-np.asarray(values, float), -least), -least, confidence, enrolled)
    low = np.where(
        (low > high) & (low - high <= _ROUNDING * max(1.0, abs(most))), high, low
    )  # they meet when n = enrolled
    crossed = np.maximum.accumulate(low > high)
    return np.where(crossed, least, low), np.where(crossed, most, high)


def _running_upper(values: np.ndarray, most: float, confidence: float, enrolled: int | None) -> np.ndarray:
    bounds = np.full(len(values), float(most))
    if not math.isfinite(most):
        return bounds
    bound, needed = float(most), -math.log1p(-confidence)
    for t in range(1, len(values) + 1):
        seen = values[:t]
        if enrolled is not None:  # all who are left might be at the worst, and no worse
            bound = min(bound, float((math.fsum(seen) + (enrolled - t) * most) / enrolled))
        if log_money(seen, bound, most, enrolled=enrolled) >= needed:
            bound = _rejected_from(seen, most, (_unrejectable(seen, enrolled), bound), confidence, enrolled)
        bounds[t - 1] = bound
    return bounds


def _unrejectable(values: np.ndarray, enrolled: int | None) -> float:
    """A mean so low that no bet against "this or more" ever won."""
    if enrolled is None:
        return float(values.min())
    before = np.cumsum(values) - values
    return float(((enrolled - np.arange(len(values))) * values + before).min() / enrolled)


def _rejected_from(
    values: np.ndarray, most: float, between: tuple[float, float], confidence: float, enrolled: int | None
) -> float:
    """The mean from which on all are rejected, by bisection: the money grows with the mean that is doubted."""
    low, high = between
    needed = -math.log1p(-confidence)
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        if log_money(values, middle, most, enrolled=enrolled) >= needed:
            high = middle
        else:
            low = middle
    return high  # the side that is rejected, so that rounding never makes the bound too good


def _checked(values: np.ndarray, most: float) -> np.ndarray:
    """The values, none above `most` but for rounding; a value beyond its range would make the bound a lie."""
    values = np.asarray(values, float)
    if len(values) < 1 or not np.isfinite(values).all():
        raise ValueError("betting needs values, all of them finite")
    if values.max() > most + _ROUNDING * max(1.0, abs(most)):
        raise ValueError(f"{values.max():.6g} is beyond {most:.6g}, the stated end of the range")
    kept: np.ndarray = np.minimum(values, most)
    return kept


def random_order(patients: Sequence[str], seed: int) -> tuple[str, ...]:
    """The patients in an order that depends on their names and the seed alone, never on the files' order or on scores.

    Early stopping must not see the easy patients first. Which seed is stated before the run, as part of the spec.
    """
    names = sorted(patients)
    return tuple(names[i] for i in np.random.default_rng(seed).permutation(len(names)))


def first_decided(
    low: np.ndarray, high: np.ndarray, decided: Callable[[float, float], bool], *, every: int = 1
) -> int | None:
    """After how many patients running bounds decide, looking after every group of `every` and at the end; None if never."""
    for t in range(1, len(low) + 1):
        if (t % every == 0 or t == len(low)) and decided(float(low[t - 1]), float(high[t - 1])):
            return t
    return None


def fewest_patients(mean: float, limit: float, most: float, confidence: float = 0.95) -> int | None:
    """The fewest patients with which any method without assumptions can show that a mean is below `limit`.

    ln(1/alpha) / ln((most - mean) / (most - limit)), about ln(1/alpha) (most - limit) / (limit - mean): with fewer, patients
    who all collapse and are just frequent enough to break the claim are missed with more than alpha. None if mean >= limit.
    """
    if not mean < limit < most < math.inf:
        return None
    return math.ceil(-math.log1p(-confidence) / math.log((most - mean) / (most - limit)) - 1e-9)


def patients_needed(values: np.ndarray, limit: float, most: float, confidence: float = 0.95) -> int | None:
    """About how many patients like these (a pilot) would show by betting that the mean is below `limit`; None: never.

    The number after which the money of their mean growth per patient suffices: reached in about half of such studies.
    """
    values = _checked(values, most)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.array([np.log1p(np.maximum(bet * _gains(values, limit, most, None), -1.0)).mean() for bet in BETS])
    if not growth.max() > 0:
        return None
    needed = -math.log1p(-confidence)
    low, high = 0, math.ceil((needed - math.log(min(WEIGHTS))) / float(growth.max()))
    while high - low > 1:
        middle = (low + high) // 2
        enough = float(np.logaddexp.reduce(np.log(WEIGHTS) + middle * growth)) >= needed
        low, high = (low, middle) if enough else (middle, high)
    return high
