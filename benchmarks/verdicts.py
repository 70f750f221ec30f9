"""How often a verdict is wrong, and how often it is reached, by method, kind of drops and number of patients.

    OMP_NUM_THREADS=1 python benchmarks/verdicts.py            # writes the tables of docs/statistics.md, 4 minutes
    OMP_NUM_THREADS=1 python benchmarks/verdicts.py --quick    # prints them, few runs, some seconds

Each simulated study draws n patients from a known population and decides "the mean drop is below the limit" three times:
with the limit exactly at the population's mean (a pass is false, and so is a fail) and at twice the mean (a pass is right:
power). The "real" patients are drawn from the 60 volumes of hippocampus_drops.csv.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit
from scipy.stats import binom

from pytest_segrobust.verification.betting import log_money
from pytest_segrobust.verification.order_statistics import ranks
from pytest_segrobust.verification.statistics import _expanded, clopper_pearson, resampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
    Bounds = dict[str, tuple[np.ndarray, np.ndarray]]

ALPHA = 0.05
SIZES = (10, 20, 50, 100, 200)
RUNS, RESAMPLES = 5000, 4000
BATCH = 250  # studies that share one table of resamples
MOST, LEAST = 1.0, -1.0  # of a drop of a DSC
RULE, BETTING, EARLY, ENROLLED = "the tool", "betting", "betting, stopping early", "betting, of those enrolled"
METHODS = (RULE, "BCa", "bootstrap-t", "Student's t", "percentile", BETTING, EARLY)
HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "statistics.md"


@dataclass(frozen=True)
class Population:
    """Drops of a kind, none above 1: how to draw them, and their exact mean."""

    name: str
    mean: float
    draw: Draw


def populations() -> tuple[Population, ...]:
    """What simulated and real patients lose."""
    lognormal = 0.05 / math.exp(0.5)  # sigma 1, mean 0.05 before what is above 1 is cut to it
    reach = -math.log(lognormal)
    cut = float(0.05 * ndtr(reach - 1) + ndtr(-reach))
    return (
        Population("smooth: normal, sd 0.03", 0.05, lambda rng, shape: rng.normal(0.05, 0.03, shape)),
        Population("smooth: beta(2, 38)", 0.05, lambda rng, shape: rng.beta(2, 38, shape)),
        Population(
            "skewed: exponential", 0.05 * -math.expm1(-20), lambda rng, shape: np.minimum(rng.exponential(0.05, shape), 1)
        ),
        Population(
            "skewed: lognormal, sigma 1", cut, lambda rng, shape: np.minimum(rng.lognormal(math.log(lognormal), 1, shape), 1)
        ),
        Population("5 % of patients lose 0.8", 0.05 * 0.8 + 0.95 * 0.01, _collapsing),
        *(_real(title) for title in ("sigma 0.05", "sigma 0.1", "sigma 0.2")),
    )  # fmt: skip


def _collapsing(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.where(rng.random(shape) < 0.05, 0.8, rng.normal(0.01, 0.02, shape))


def _real(title: str) -> Population:
    with (HERE / "hippocampus_drops.csv").open(encoding="utf-8") as file:
        drops = np.array([float(row[title]) for row in csv.DictReader(file)])
    return Population(f"hippocampus, noise of {title}", drops.mean(), lambda rng, shape: rng.choice(drops, shape))


@dataclass(frozen=True)
class Rates:
    """Of one population and n: shares of studies by method; and the share of patients that early stopping used."""

    population: str
    n: int
    false_pass: dict[str, float] = field(default_factory=dict)
    false_fail: dict[str, float] = field(default_factory=dict)
    power: dict[str, float] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)


def simulated(population: Population, n: int, runs: int = RUNS, resamples: int = RESAMPLES) -> Rates:
    """The rates in `runs` studies of n patients."""
    values = population.draw(np.random.default_rng([n, zlib.crc32(population.name.encode())]), (runs, n))
    rates, mean = Rates(population.name, n), population.mean
    pieces = [bounds(values[start : start + BATCH], seed=start, resamples=resamples) for start in range(0, runs, BATCH)]
    for method in pieces[0]:
        low, high = (np.concatenate([piece[method][side] for piece in pieces]) for side in (0, 1))
        rates.false_pass[method] = float(np.mean(high < mean))
        rates.false_fail[method] = float(np.mean(low > mean))
        rates.power[method] = float(np.mean(high < 2 * mean))
    _bet(rates, values, mean)
    return rates


def bounds(values: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES, alpha: float = ALPHA) -> Bounds:
    """One-sided bounds of the mean of each row of `values` (studies, n), by method; RULE is `statistics.mean_interval`."""
    n = values.shape[1]
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / math.sqrt(n)
    centred = values - mean[:, None]
    counts = np.concatenate([_counts(rows) for rows in resampled(n, seed, resamples)])
    drawn = centred @ counts.T / n  # resampled means, of all studies at once
    squares = centred**2 @ counts.T / n
    variance = np.maximum(squares - drawn**2, 0) / (n - 1)
    ratios = np.sort(drawn / np.sqrt(np.maximum(variance, (error**2 / n)[:, None])), axis=1)
    means = np.sort(drawn, axis=1)
    student = error * float(stdtrit(n - 1, 1 - alpha))
    wide = _expanded(alpha, n)
    bca, bca_wide = (_bca(centred, means, level) for level in (alpha, wide))
    t, t_wide = ([-error * _quantile(ratios, end) for end in (1 - level, level)] for level in (alpha, wide))
    rule = np.minimum(bca_wide[0], t_wide[0]), np.maximum(bca_wide[1], t_wide[1])
    percentile = [_quantile(means, level) for level in (alpha, 1 - alpha)]
    found = {RULE: rule, "BCa": bca, "bootstrap-t": t, "Student's t": (-student, student), "percentile": percentile}
    return {method: (mean + low, mean + high) for method, (low, high) in found.items()}


def _counts(rows: np.ndarray) -> np.ndarray:
    """How often each patient was drawn, (resamples, n)."""
    n = rows.shape[1]
    flat = (rows + n * np.arange(len(rows))[:, None]).ravel()
    return np.bincount(flat, minlength=rows.size).reshape(rows.shape).astype(float)


def _quantile(sorted_rows: np.ndarray, level: float | np.ndarray) -> np.ndarray:
    """The quantile of each row by linear interpolation, at a level of each row's own."""
    count = sorted_rows.shape[1]
    place = np.broadcast_to(np.asarray(level) * (count - 1), len(sorted_rows))
    lower = np.minimum(place.astype(int), count - 2)
    rows = np.arange(len(sorted_rows))
    left, right = sorted_rows[rows, lower], sorted_rows[rows, lower + 1]
    found: np.ndarray = left + (right - left) * (place - lower)
    return found


def _bca(centred: np.ndarray, means: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """`statistics._bca` of many studies; `means` are the sorted means of resamples of `centred`."""
    count = means.shape[1]
    below = ((means < 0).sum(axis=1) + (means <= 0).sum(axis=1)) / (2 * count)
    bias = ndtri(np.clip(below, 0.5 / count, 1 - 0.5 / count))
    acceleration = (centred**3).sum(axis=1) / (6 * (centred**2).sum(axis=1) ** 1.5)
    found = []
    for level in (alpha, 1 - alpha):
        z = np.clip(bias + ndtri(level), -8, 8)
        room = 1 - acceleration * z
        found.append(_quantile(means, np.where(room > 0, ndtr(bias + z / np.where(room > 0, room, 1)), z > 0)))
    return found[0], found[1]


def _bet(rates: Rates, values: np.ndarray, mean: float) -> None:
    """The rates of betting with all patients, stopping early, and on the mean of those enrolled.

    A limit at the mean of those enrolled is another in each study; with all n patients that mean is known.
    """
    own = values.mean(axis=1, keepdims=True)
    for name, limit, enrolled in ((EARLY, mean, None), (ENROLLED, own, values.shape[1])):
        rates.false_pass[name] = float(np.mean(_rich(values, limit, enrolled).any(axis=1)))
        rates.false_fail[name] = float(np.mean(_rich(-values, -limit, enrolled).any(axis=1)))
        passed = _rich(values, 2 * limit, enrolled)
        if enrolled:
            left = enrolled - 1 - np.arange(enrolled)
            passed |= np.cumsum(values, axis=1) + left * MOST < 2 * limit * enrolled
        rates.power[name] = float(np.mean(passed.any(axis=1)))
        first = np.where(passed.any(axis=1), passed.argmax(axis=1) + 1, values.shape[1])
        rates.used[name] = float(first.mean()) / values.shape[1]
    rates.false_pass[BETTING] = float(np.mean(_rich(values, mean, None)[:, -1]))
    rates.false_fail[BETTING] = float(np.mean(_rich(-values, -mean, None)[:, -1]))
    rates.power[BETTING] = float(np.mean(_rich(values, 2 * mean, None)[:, -1]))


def _rich(values: np.ndarray, limit: float | np.ndarray, enrolled: int | None) -> np.ndarray:
    """Whether betting against "the mean is `limit` or more" has won after each patient; 1 is the most of +drop and -drop."""
    found: np.ndarray = log_money(values, limit, MOST, enrolled=enrolled, running=True) >= -math.log(ALPHA)
    return found


def allowed(runs: int, alpha: float = ALPHA) -> float:
    """The stated rate and three Monte Carlo standard errors."""
    return alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


def study(runs: int, resamples: int, sizes: Iterable[int] = SIZES) -> list[Rates]:
    """All populations at all numbers of patients."""
    return [simulated(population, n, runs, resamples) for population in populations() for n in sizes]


def false_passes(found: list[Rates], runs: int) -> str:
    """The table of false passes, those beyond chance in bold."""
    rows = [
        (rates.population, str(rates.n), *(_percent(rates.false_pass[method], allowed(runs)) for method in METHODS))
        for rates in found
    ]
    return _table(("drops", "n", *METHODS), rows)


def other_rates(found: list[Rates], runs: int) -> str:
    """The table of false fails, power and savings."""
    shown = (RULE, "Student's t", BETTING)
    rows = [
        (
            rates.population,
            str(rates.n),
            *(_percent(rates.false_fail[method], allowed(runs)) for method in shown),
            *(_percent(rates.power[method]) for method in shown),
            *(_percent(rates.used[method]) for method in (EARLY, ENROLLED)),
        )
        for rates in found
    ]
    heads = [f"false fail: {method}" for method in shown] + [f"power: {method}" for method in shown]
    return _table(("drops", "n", *heads, "patients used, stopping early", "patients used, of those enrolled"), rows)


def shares(sizes: Iterable[int] = SIZES) -> str:
    """Exact rates, no simulation: a share of patients claimed to be 95 %, and a median below its limit."""
    rows = []
    for n in sizes:
        counts = np.arange(n + 1)
        interval = np.array([clopper_pearson(count, n, 1 - ALPHA) for count in counts])
        at, better = binom.pmf(counts, n, 0.95), binom.pmf(counts, n, 0.975)
        _, high = ranks(n, 0.5)
        median = 0.0 if high is None else float(binom.sf(high - 1, n, 0.5))
        passed, failed = interval[:, 0] >= 0.95, interval[:, 1] < 0.95
        rows.append(
            (str(n), *map(_percent, (at[passed].sum(), at[failed].sum(), better[passed].sum(), median)))
        )  # fmt: skip
    heads = ("n", "false pass, share", "false fail, share", "power, share (true share 97.5 %)", "false pass, median")
    return _table(heads, rows)


def _percent(share: float, most: float = 1.0) -> str:
    return f"**{100 * share:.1f}**" if share > most else f"{100 * share:.1f}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def replaced(text: str, blocks: Mapping[str, str]) -> str:
    """The page with what stands between the two comments of each block replaced."""
    for block, new in blocks.items():
        begin, end = f"<!-- {block} -->", f"<!-- /{block} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"no place for a table: the page needs {begin} and, after it, {end}")
        text = f"{before}{begin}\n\n{new}\n\n{end}{after}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs and resamples; prints, writes nothing")
    options = parser.parse_args()
    runs, resamples = (500, 500) if options.quick else (RUNS, RESAMPLES)
    start = time.perf_counter()
    found = study(runs, resamples)
    blocks = {"false passes": false_passes(found, runs), "other rates": other_rates(found, runs), "shares": shares()}
    print("\n\n".join(blocks.values()))
    print(f"{runs} studies each, {resamples} resamples, {time.perf_counter() - start:.0f} s")
    if not options.quick:
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
