"""Does uncertainty rise with severity: Kendall's tau per patient, and a test that needs no distribution.

Each patient is its own control: what severities are exchanged with one another within, if severity does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .measured import Measured, Values, finite, is_level, undefined

PERMUTATIONS = 2000
_BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class Trend:
    """The course of uncertainty over severities.

    mean_tau    mean over patients of tau-b of uncertainty with severity, -1 to 1; 1 where it rises at every step, in every
                patient; higher is better. A patient with constant uncertainty counts as 0
    p_value     of `mean_tau`, one-sided: how often exchanged severities rise as much; lower is better
    isotonic    Ē², share of the spread within patients that a mean curve which never falls explains, 0 to 1
    isotonic_p  of `isotonic`, likewise: it also sees a rise that is one jump
    taus        each patient's tau (patients,)
    curve, fit  mean uncertainty per severity, and the nearest curve that never falls
    largest_fall  how far the mean curve falls below what it had reached at a milder severity, 0 or more, in u's unit

    `rising`, `flat` and `falling` count patients by the sign of tau. For a lower bound of `mean_tau` take
    `intervals.clustered_interval(u, severity, patients, "kendall", which="within")`.
    """

    mean_tau: Measured
    p_value: Measured
    isotonic: Measured
    isotonic_p: Measured
    taus: Values
    curve: Values
    fit: Values
    largest_fall: float
    rising: int
    flat: int
    falling: int


def severity_trend(
    uncertainty: Values, severities: Values, *, seed: int = 0, permutations: int = PERMUTATIONS
) -> Trend:
    """The trend of uncertainty (patients, severities) over severities (severities,), which must rise strictly.

    Kendall 1945; Ē² of Barlow et al. 1972, by patients' deviations from their own mean, with p by permutation within
    patients, (1 + times at least as large) / (1 + permutations). No tests where uncertainty is constant in all patients.

    Raises ValueError for numbers that are not finite, and severities that do not rise.
    """
    u = finite(uncertainty, "uncertainty")
    if u.ndim != 2 or u.shape[1] < 2:
        raise ValueError(f"uncertainty of shape {u.shape} is not (patients, severities) with two severities or more")
    levels = finite(severities, "severities", u.shape[1:])
    if (np.diff(levels) <= 0).any():
        raise ValueError(f"severities must rise strictly: {levels.tolist()}")
    flat_rows = np.array([is_level(row) for row in u])
    u = np.where(flat_rows[:, None], u[:, :1], u)  # what rounding leaves is no rise
    taus = _taus(u)
    curve = u.mean(axis=0)
    fit = rising_fit(curve)
    counts = int((taus > 0).sum()), int((taus == 0).sum()), int((taus < 0).sum())
    fall = float((np.maximum.accumulate(curve) - curve).max())
    if flat_rows.all():
        nothing = undefined(f"uncertainty is the same at all severities in all {len(u)} patients")
        return Trend(nothing, nothing, nothing, nothing, taus, curve, fit, fall, *counts)
    share = float(_explained(u[None])[0])
    as_much, as_well = _permuted(u, float(taus.mean()), share, seed, permutations)
    return Trend(
        Measured(float(taus.mean())),
        Measured((1 + as_much) / (1 + permutations)),
        Measured(share),
        Measured((1 + as_well) / (1 + permutations)),
        taus,
        curve,
        fit,
        fall,
        *counts,
    )


def rising_fit(curve: Values) -> Values:
    """The nearest curve that never falls, along the last axis, by least squares with equal weights.

    The min-max formula: the largest over starts a ≤ i of the smallest over ends b ≥ i of the mean of a … b
    (Robertson, Wright and Dykstra 1988, theorem 1.4.4); few severities, so its cubic cost is nothing.
    """
    n = curve.shape[-1]
    sums = np.concatenate((np.zeros((*curve.shape[:-1], 1)), np.cumsum(curve, axis=-1)), axis=-1)
    start, end = np.arange(n)[:, None], np.arange(n)[None, :]
    means = (sums[..., None, 1:] - sums[..., :-1, None]) / np.where(end >= start, end - start + 1, 1)
    means = np.where(end >= start, means, np.inf)
    lowest = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]  # over b ≥ i, for each start a
    fitted: Values = np.max(np.where(end >= start, lowest, -np.inf), axis=-2)  # over a ≤ i
    return fitted


def _taus(u: Values) -> Values:
    """tau-b with severities 1 … k, which have no ties, of each row (..., k); 0 for constant rows."""
    k = u.shape[-1]
    signs = np.sign(u[..., None, :] - u[..., :, None])[..., *np.triu_indices(k, 1)]
    untied = np.abs(signs).sum(axis=-1)
    taus: Values = signs.sum(axis=-1) / np.sqrt(np.maximum(untied, 1) * (k * (k - 1) / 2))
    return taus


def _explained(u: Values) -> Values:
    """Ē² of each (..., patients, severities)."""
    centred = u - u.mean(axis=-1, keepdims=True)
    scale = np.abs(centred).max() or 1.0
    centred = centred / scale
    fitted = rising_fit(centred.mean(axis=-2))
    shares: Values = u.shape[-2] * (fitted**2).sum(axis=-1) / (centred**2).sum(axis=(-2, -1))
    return np.clip(shares, 0, 1)


def _permuted(u: Values, tau: float, share: float, seed: int, permutations: int) -> tuple[int, int]:
    """How many permutations within patients have a mean tau, and a share, at least as large."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // (u.size * u.shape[1]))
    as_much = as_well = 0
    for start in range(0, permutations, block):
        rows = rng.permuted(np.broadcast_to(u, (min(block, permutations - start), *u.shape)), axis=-1)
        as_much += int(np.count_nonzero(_taus(rows).mean(axis=-1) >= tau - 1e-9))
        as_well += int(np.count_nonzero(_explained(rows) >= share - 1e-9))
    return as_much, as_well
