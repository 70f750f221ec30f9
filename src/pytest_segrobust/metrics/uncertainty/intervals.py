"""Bounds of a correlation: the bootstrap over patients, and Fisher's z beside it as a cross-check.

A patient's severities are drawn together. One resample is how often each patient was drawn, so that all three coefficients
of thousands of resamples are a few matrix products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .correlation import Kind, correlation, owners, within_patients
from .correlation import clustered as clustered_correlation
from .measured import Measured, Values, paired
from .resampled_correlation import drawn_coefficients

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESAMPLES = 4000
FEWEST_PATIENTS = 5
"""Below, resamples are so few different ones that a bound says nothing."""


@dataclass(frozen=True)
class CorrelationInterval:
    """The coefficient and both one-sided bounds at the stated confidence; None and `reason` where there are none.

    `fisher` are the bounds by Fisher's z, a cross-check that assumes normal data: where they differ much from the
    bootstrap's, a few patients decide. `undefined` of the resamples had no coefficient and count as the worst one.
    """

    estimate: Measured
    low: float | None
    high: float | None
    method: str
    patients: int
    fisher: tuple[float, float] | None = None
    undefined: int = 0
    reason: str = ""


def correlation_interval(
    uncertainty: Values,
    error: Values,
    kind: Kind = "spearman",
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> CorrelationInterval:
    """Bounds of `correlation` over patients, each one-sided; the same for the same seed.

    On each side the wider of the percentile and the bias-corrected and accelerated bootstrap (Efron 1987), at a level
    expanded for few patients (Hesterberg 2015). Where every resample has the same coefficient (a perfect order), the
    bound is Fisher's for one swapped pair, because a bound without width would claim more than so few patients show.

    False passes at a 95 % limit, 400 simulated runs of 10, 20 and 50 patients: Spearman 0 to 6 %, normal or lognormal;
    Pearson 3 to 8 % where both are normal, but 16 to 66 % for the strong correlation of a normal with a lognormal
    variable, whatever the method. A requirement should name Spearman or Kendall.
    """
    u, e = paired(uncertainty, error, ("uncertainty", "error"))
    owner = np.arange(u.size)
    estimate = correlation(u, e, kind)
    return _interval(
        estimate,
        lambda: drawn_coefficients(u, e, owner, kind),
        u.size,
        kind=kind,
        confidence=confidence,
        seed=seed,
        resamples=resamples,
    )


def clustered_interval(
    uncertainty: Values,
    error: Values,
    patients: Sequence[object],
    kind: Kind = "spearman",
    *,
    which: Literal["pooled", "within"] = "pooled",
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> CorrelationInterval:
    """Bounds of `clustered`'s pooled or within coefficient over cells, patients drawn with all their cells.

    Fisher's z counts patients, not cells, which is cautious for a pooled coefficient; it is not given for `within`, a mean.
    """
    u, e = paired(uncertainty, error, ("uncertainty", "error"))
    owner, count = owners(patients, u.size)
    found = clustered_correlation(u, e, patients, kind)
    if which == "pooled":
        return _interval(
            found.pooled,
            lambda: drawn_coefficients(u, e, owner, kind),
            count,
            kind=kind,
            confidence=confidence,
            seed=seed,
            resamples=resamples,
        )
    if which != "within":
        raise ValueError(f"{which!r} is neither pooled nor within")
    own = within_patients(u, e, owner, kind)
    known = ~np.isnan(own)

    def means(draws: Values) -> Values:
        weights = draws[:, known]
        total = weights.sum(axis=1)
        summed = weights @ own[known]
        found: Values = np.divide(summed, total, out=np.full(len(draws), np.nan), where=total > 0)
        return found

    return _interval(
        found.within,
        lambda: means,
        count,
        kind=None,
        confidence=confidence,
        seed=seed,
        resamples=resamples,
        informative=int(known.sum()),
    )


def fisher_interval(value: float, n: int, kind: Kind, confidence: float = 0.95) -> tuple[float, float] | None:
    """Both one-sided bounds by Fisher's z (1915), None for too few patients and for a coefficient of 1 or -1.

    Standard errors of z: 1 / sqrt(n - 3) for Pearson, sqrt((1 + r²/2) / (n - 3)) for Spearman (Bonett and Wright 2000),
    sqrt(0.437 / (n - 4)) for Kendall (Fieller, Hartley and Pearson 1957).
    """
    from scipy.special import ndtri

    if n <= (4 if kind == "kendall" else 3) or abs(value) >= 1:
        return None
    spread = {
        "pearson": 1 / (n - 3),
        "spearman": (1 + value**2 / 2) / (n - 3),
        "kendall": 0.437 / max(n - 4, 1),
    }[kind]
    reach = float(ndtri(confidence)) * math.sqrt(spread)
    return math.tanh(math.atanh(value) - reach), math.tanh(math.atanh(value) + reach)


def _interval(
    estimate: Measured,
    prepare: Callable[[], Callable[[Values], Values]],
    patients: int,
    *,
    kind: Kind | None,
    confidence: float,
    seed: int,
    resamples: int,
    informative: int | None = None,
) -> CorrelationInterval:
    """`kind` is None for a mean of coefficients; of these patients `informative` have one (default: all)."""
    if not 0.5 <= confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0.5 and 1")
    if estimate.value is None:
        return CorrelationInterval(estimate, None, None, "", patients, reason=estimate.reason)
    n = patients if informative is None else informative
    if n < FEWEST_PATIENTS:
        reason = f"{n} patients are too few for a bound: {FEWEST_PATIENTS} are the least"
        return CorrelationInterval(estimate, None, None, "", patients, reason=reason)
    value = estimate.value
    statistic = prepare()
    drawn = statistic(draws(patients, seed, resamples))
    left_out = statistic(1 - np.eye(patients))
    gone = np.isnan(drawn)
    fisher = None if kind is None else fisher_interval(value, patients, kind, confidence)
    if np.ptp(np.append(drawn[~gone], value)) <= 1e-12:
        low, high, method = _without_width(value, n, kind, confidence)
        return CorrelationInterval(estimate, low, high, method, patients, fisher, int(gone.sum()))
    left_out = np.where(np.isnan(left_out), value, left_out)
    low = lower_bound(np.where(gone, -1.0, drawn), left_out, value, n, 1 - confidence)
    high = -lower_bound(-np.where(gone, 1.0, drawn), -left_out, -value, n, 1 - confidence)
    method = "bootstrap over patients, on each side the wider of BCa and percentile"
    return CorrelationInterval(estimate, low, high, method, patients, fisher, int(gone.sum()))


def draws(patients: int, seed: int, resamples: int) -> Values:
    """How often each patient is in each resample, (resamples, patients)."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.multinomial(patients, np.full(patients, 1 / patients), resamples), np.float64)


def lower_bound(drawn: Values, left_out: Values, value: float, n: int, alpha: float) -> float:
    """The lower of the percentile and the BCa bound, at the level expanded for n patients."""
    from scipy.special import ndtr, ndtri

    level = expanded(alpha, n)
    reach = float(ndtri(level))
    count = drawn.size
    below = (np.count_nonzero(drawn < value) + 0.5 * np.count_nonzero(drawn == value)) / count
    bias = float(ndtri(min(max(below, 0.5 / count), 1 - 0.5 / count)))
    away = left_out.mean() - left_out
    spread = float((away**2).sum()) ** 1.5
    acceleration = float((away**3).sum()) / (6 * spread) if spread > 0 else 0.0
    z = bias + reach
    room = 1 - acceleration * z
    corrected = float(ndtr(bias + z / room)) if room > 0 else 0.0
    return float(np.quantile(drawn, min(corrected, level)))


def expanded(alpha: float, n: int) -> float:
    """The level whose normal quantile is sqrt(n / (n - 1)) t(n - 1): undoes a bootstrap's narrowness (Hesterberg 2015)."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, alpha))))


def _without_width(value: float, n: int, kind: Kind | None, confidence: float) -> tuple[float, float, str]:
    """Bounds where all resamples agree: those of Fisher's z for the coefficient of one swapped pair of neighbours."""
    by_pairs = 4 / (n * (n - 1)) if kind == "kendall" else 12 / (n * (n**2 - 1))
    bounds = fisher_interval(math.copysign(min(abs(value), 1 - by_pairs), value), n, kind or "spearman", confidence)
    assert bounds is not None  # five patients or more, and never 1
    return (
        min(bounds[0], value),
        max(bounds[1], value),
        "all resamples agree: Fisher's z for one swapped pair",
    )
