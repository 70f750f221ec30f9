"""Exact bounds of medians and other quantiles from the sorted values themselves; no bootstrap, no assumption.

How many of n patients lie below a quantile is binomial, so the r-th smallest value bounds it with a known probability
(Wilks 1941; Conover, Practical Nonparametric Statistics, section 3.2). The bootstrap of a median covers badly and is not offered.
"""

from __future__ import annotations

import math

import numpy as np

from .statistics import Interval

METHOD = "order statistics over patients (exact binomial)"


def quantile_interval(values: np.ndarray, share: float, confidence: float = 0.95) -> Interval:
    """Bounds of the quantile below which `share` of patients lie, each one-sided at `confidence`.

    A side that n patients cannot bound is infinite, with a warning. Valid for ties and any distribution.
    Raises ValueError where a value is not a number; infinite values are ordered as they are.
    """
    values = np.sort(np.asarray(values, float))
    if not len(values) or np.isnan(values).any():
        raise ValueError("a quantile needs values that can be ordered")
    low, high = ranks(len(values), share, confidence)
    return Interval(
        -math.inf if low is None else float(values[low - 1]),
        math.inf if high is None else float(values[high - 1]),
        METHOD,
        _warning(len(values), share, confidence, (low, high)),
    )


def median_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Bounds of the median."""
    return quantile_interval(values, 0.5, confidence)


def ranks(n: int, share: float, confidence: float = 0.95) -> tuple[int | None, int | None]:
    """Which of n sorted values, counted from 1, bound a quantile from below and from above; None where none does.

    Below: the largest r with P(B <= r - 1) <= alpha, B ~ binomial(n, share); above: the smallest s with P(B >= s) <= alpha.
    """
    from scipy.special import bdtr, bdtrc

    if not 0 < share < 1:
        raise ValueError(f"a quantile lies between shares of 0 and 1, not at {share:g}")
    alpha = (1 - confidence) * (1 + 1e-12)  # P may equal alpha exactly, and rounding must not forbid it
    rank = np.arange(1, n + 1)
    below = rank[bdtr(rank - 1, n, share) <= alpha]
    above = rank[bdtrc(rank - 1, n, share) <= alpha]
    return (int(below[-1]) if below.size else None), (int(above[0]) if above.size else None)


def fewest_patients(share: float, confidence: float = 0.95) -> tuple[int, int]:
    """The fewest patients who can bound this quantile from below, and from above: 5 and 5 for a median, 1 and 59 for 95 %."""
    return _fewest(1 - share, confidence), _fewest(share, confidence)


def _fewest(share: float, confidence: float) -> int:
    return max(1, math.ceil(math.log1p(-confidence) / math.log(share) - 1e-9))


def _warning(n: int, share: float, confidence: float, rank: tuple[int | None, int | None]) -> str:
    fewest = fewest_patients(share, confidence)
    sides = [
        f"from {word} by {count} at the least"
        for word, count, found in zip(("below", "above"), fewest, rank, strict=True)
        if found is None
    ]
    name = "a median" if share == 0.5 else f"the {share:.4g} quantile"
    return f"{n} patients are too few: {name} can be bounded {' and '.join(sides)}" if sides else ""
