"""Whether intervals hold their level: exactly where that can be computed, by simulation within its error where not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..verification import betting
from ..verification.decision import decide
from ..verification.order_statistics import ranks
from ..verification.statistics import clopper_pearson, mean_interval, tolerance_interval, zero_failure_bound
from .check import at_most, holds, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .check import Planned

PART = "OQ 3: intervals and verdicts"
CONFIDENCE = 0.95
RUNS = 300  # simulated; the error of 5 % in so many is 1.3 %
RESAMPLES = 400
ALLOWED = 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)
SEED = 20  # fixed, so that the simulation cannot fail by chance on one machine and not on another


def plan() -> Iterator[Planned]:
    """Means of patients' values, bets on them, shares and quantiles of patients, and verdicts at the limit."""
    yield from _means()
    yield from _bets()
    yield from _shares()
    yield from _quantiles()
    yield from _verdicts()


def _means() -> Iterator[Planned]:
    drops: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
        "normal": lambda rng: 0.05 + 0.02 * rng.standard_normal(20),
        "uniform": lambda rng: rng.uniform(0, 0.1, 20),
        "skewed": lambda rng: 0.05 * rng.gamma(4, 0.25, 50),
    }
    for name, draw in drops.items():
        for side in ("upper", "lower"):
            yield at_most(
                f"C-MEAN-{name}-{side}",
                f"how often the {side} 95 % bound of a mean misses it: {RUNS} sets of {name} drops around 0.05",
                ALLOWED,
                lambda draw=draw, side=side: _misses(draw, side),  # type: ignore[misc]
                above=0.0,
            )
    yield holds(
        "C-MEAN-NESTED",
        "more confidence never narrows an interval of a mean",
        "the interval at 99 % holds that at 95 %, which holds the mean",
        lambda: _nested(np.random.default_rng(SEED).gamma(2, 0.02, 25)),
    )


def _misses(draw: Callable[[np.random.Generator], np.ndarray], side: str) -> float:
    rng = np.random.default_rng(SEED)
    count = 0
    for _ in range(RUNS):
        interval = mean_interval(draw(rng), CONFIDENCE, seed=SEED, resamples=RESAMPLES)
        count += interval.high < 0.05 if side == "upper" else interval.low > 0.05
    return count / RUNS


def _nested(values: np.ndarray) -> bool:
    narrow, wide = (mean_interval(values, level) for level in (0.95, 0.99))
    return wide.low < narrow.low < float(values.mean()) < narrow.high < wide.high


def _bets() -> Iterator[Planned]:
    """Bounds by betting: the money after patients who lose nothing in closed form, and how often bounds miss at any look."""
    weights, bets = np.array(betting.WEIGHTS), np.array(betting.BETS)
    yield number(
        "C-BET-ZEROS",
        "money against a mean drop of 0.05 after 71 patients who lose nothing, by its closed form",
        float(np.log((weights * (1 + bets * 0.05 / 0.95) ** 71).sum() / weights.sum())),
        lambda: float(betting.log_money(np.zeros(71), 0.05, 1.0)),
    )
    yield holds(
        "C-BET-71",
        "71 patients who lose nothing show a mean drop below 0.05, and 70 do not",
        "so",
        lambda: betting.upper_bound(np.zeros(71), 1.0) <= 0.05 < betting.upper_bound(np.zeros(70), 1.0),
    )
    yield at_most(
        "C-BET-ANY-TIME",
        f"how often a mean at its limit is passed at any of 100 looks: {RUNS} sets, 5 % of patients lose all",
        ALLOWED,
        lambda: _passed_at_any_look(None),
    )
    yield at_most(
        "C-BET-ENROLLED",
        f"the same of the mean of 100 enrolled patients, 80 of whom are seen in random order: {RUNS} orders",
        ALLOWED,
        lambda: _passed_at_any_look(100),
    )


def _passed_at_any_look(enrolled: int | None) -> float:
    rng = np.random.default_rng(SEED)
    if enrolled is None:
        values = (rng.random((RUNS, 100)) < 0.05).astype(float)
    else:
        values = rng.permuted(np.tile(np.repeat([1.0, 0.0], [5, enrolled - 5]), (RUNS, 1)), axis=1)[:, :80]
    money = betting.log_money(values, 0.05, 1.0, enrolled=enrolled, running=True)
    return float((money >= -math.log1p(-CONFIDENCE)).any(axis=1).mean())


def _quantiles() -> Iterator[Planned]:
    """Order statistics of a median and of the 95 % quantile, from tables of the binomial distribution."""
    for share, n, expected in ((0.5, 20, (6, 15)), (0.5, 10, (2, 9)), (0.95, 59, (53, 59)), (0.95, 58, (52, None))):
        yield holds(
            f"C-QUANTILE-{share}-{n}",
            f"which of {n} sorted values bound the {share} quantile",
            f"from below the {expected[0]}th, from above {f'the {expected[1]}th' if expected[1] else 'none'}",
            lambda share=share, n=n, expected=expected: ranks(n, share, CONFIDENCE) == expected,  # type: ignore[misc]
        )


def _shares() -> Iterator[Planned]:
    yield number(
        "C-SHARE-0-of-59",
        "failure rate that 59 patients without a failure rule out",
        1 - 0.05 ** (1 / 59),
        lambda: clopper_pearson(0, 59, CONFIDENCE)[1],
    )
    yield number("C-SHARE-ZERO", "the same by its closed form", 1 - 0.05 ** (1 / 59), lambda: zero_failure_bound(59))
    for end, expected in ((0, 0.002561), (1, 0.216106)):
        purpose = f"{('lower', 'upper')[end]} bound of 1 of 20, from the beta distribution"
        yield number(f"C-SHARE-1-of-20-{end}", purpose, expected, lambda end=end: clopper_pearson(1, 20)[end], 1e-5)  # type: ignore[misc]
    for share, n in ((0.1, 30), (0.5, 12), (0.02, 200)):
        for side in ("upper", "lower"):
            yield at_most(
                f"C-SHARE-{share}-{n}-{side}",
                f"how often the {side} 95 % bound misses a share of {share} in {n} patients, summed exactly",
                1 - CONFIDENCE + 1e-12,
                lambda share=share, n=n, side=side: _share_misses(share, n, side),  # type: ignore[misc]
                above=0.0,
            )
    yield holds(
        "C-TOLERANCE",
        "'for 95 % of patients' takes 59 patients at the least",
        "59 of 59 show it; 58 of 58 do not, and the interval says how many are needed",
        lambda: (
            tolerance_interval(np.ones(59), 0.95).low >= 0.95
            and tolerance_interval(np.ones(58), 0.95).low < 0.95
            and "59" in tolerance_interval(np.ones(58), 0.95).warning
        ),
    )


def _share_misses(share: float, n: int, side: str) -> float:
    total = 0.0
    for count in range(n + 1):
        low, high = clopper_pearson(count, n, CONFIDENCE)
        if high < share if side == "upper" else low > share:
            total += math.comb(n, count) * share**count * (1 - share) ** (n - count)
    return total


def _verdicts() -> Iterator[Planned]:
    """The interval decides, not the estimate; nothing is rounded; whether the limit itself is good is in the word."""
    for id_, comparison, limit, low, high, expected in (
        ("below-passes", "below", 0.05, 0.01, 0.049999999, "passed"),
        ("below-strict", "below", 0.05, 0.01, 0.05, "inconclusive"),
        ("below-fails", "below", 0.05, 0.05, 0.06, "failed"),
        ("at-most-passes", "at most", 0.05, 0.01, 0.05, "passed"),
        ("at-most-straddles", "at most", 0.05, 0.05, 0.06, "inconclusive"),
        ("at-most-fails", "at most", 0.05, 0.050000001, 0.06, "failed"),
        ("above-passes", "above", 0.8, 0.800000001, 0.9, "passed"),
        ("above-strict", "above", 0.8, 0.8, 0.9, "inconclusive"),
        ("at-least-passes", "at least", 0.8, 0.8, 0.9, "passed"),
        ("at-least-straddles", "at least", 0.8, 0.799999999, 0.9, "inconclusive"),
        ("at-least-fails", "at least", 0.8, 0.7, 0.799999999, "failed"),
        ("within-passes", "within", 0.1, -0.1, 0.1, "passed"),
        ("within-low", "within", 0.1, -0.100000001, 0.05, "inconclusive"),
        ("within-fails-low", "within", 0.1, -0.3, -0.100000001, "failed"),
        ("within-fails-high", "within", 0.1, 0.100000001, 0.3, "failed"),
    ):
        yield holds(
            f"V-{id_}",
            f"verdict of the interval [{low:.9g}, {high:.9g}] on '{comparison} {limit}'",
            expected,
            lambda c=comparison, m=limit, a=low, b=high, e=expected: decide(c, m, a, b) == e,  # type: ignore[misc]
        )
