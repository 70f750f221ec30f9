"""Coefficients of many resamples at once, each given as how often every patient was drawn.

Exactly what the coefficient of the drawn cells would be, with their repeats; tests compare with drawing them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .correlation import Kind
    from .measured import Values

_BLOCK = 2_000_000  # numbers of one table that are held at a time


def drawn_coefficients(u: Values, e: Values, owner: npt.NDArray[np.intp], kind: Kind) -> Callable[[Values], Values]:
    """From draws (resamples, patients) to coefficients (resamples,), NaN where the drawn cells are constant.

    `u` and `e` are (cells,), `owner` the number of each cell's patient.
    """
    if kind == "kendall":
        return _kendall(u, e, owner)
    sides = [_ranks(side) if kind == "spearman" else _same(side) for side in (u, e)]

    def coefficients(draws: Values) -> Values:
        step = max(1, _BLOCK // u.size)
        blocks = [draws[start : start + step][:, owner] for start in range(0, len(draws), step)]
        return np.concatenate([_pearson(sides[0](w), sides[1](w), w) for w in blocks])

    return coefficients


def _same(values: Values) -> Callable[[Values], Values]:
    centred = values - values.mean()
    scaled: Values = centred / (np.abs(centred).max() or 1.0)
    return lambda weights: np.broadcast_to(scaled, weights.shape)


def _ranks(values: Values) -> Callable[[Values], Values]:
    """Mid-ranks of the drawn cells: those below, and half of their equals and one."""
    order = np.argsort(values, kind="stable")
    group = np.cumsum(np.append([0], np.diff(values[order]) != 0))
    starts = np.flatnonzero(np.append([True], np.diff(group) != 0))
    place = np.empty_like(order)
    place[order] = group

    def ranks(weights: Values) -> Values:
        equals = np.add.reduceat(weights[:, order], starts, axis=1)
        middle: Values = np.cumsum(equals, axis=1) - (equals - 1) / 2
        return middle[:, place]

    return ranks


def _pearson(x: Values, y: Values, weights: Values) -> Values:
    """Weighted, along the last axis."""
    total = weights.sum(axis=1, keepdims=True)
    a = x - (weights * x).sum(axis=1, keepdims=True) / total
    b = y - (weights * y).sum(axis=1, keepdims=True) / total
    squares_a, squares_b = (weights * a**2).sum(axis=1), (weights * b**2).sum(axis=1)
    # What rounding leaves of constant cells is far below any real spread of numbers scaled to 1, or of ranks.
    known = (squares_a > 1e-24 * total[:, 0]) & (squares_b > 1e-24 * total[:, 0])
    products = (weights * a * b).sum(axis=1)
    root = np.sqrt(squares_a * squares_b)
    found: Values = np.divide(products, root, out=np.full(len(weights), np.nan), where=known)
    return np.clip(found, -1, 1)


def _kendall(u: Values, e: Values, owner: npt.NDArray[np.intp]) -> Callable[[Values], Values]:
    """tau-b from sums over pairs of patients: of a resample they are quadratic forms in how often each was drawn."""
    patients = int(owner.max()) + 1
    order = np.argsort(owner, kind="stable")
    u, e, owner = u[order], e[order], owner[order]
    starts = np.searchsorted(owner, np.arange(patients))
    same, untied_u, untied_e = (np.zeros((patients, patients)) for _ in range(3))
    for patient in range(patients):
        mine = owner == patient
        by_u = np.sign(u[mine][:, None] - u)
        by_e = np.sign(e[mine][:, None] - e)
        for table, pairs in ((same, by_u * by_e), (untied_u, by_u**2), (untied_e, by_e**2)):
            table[patient] = np.add.reduceat(pairs.sum(axis=0), starts)

    def coefficients(draws: Values) -> Values:
        concordant, pairs_u, pairs_e = (((draws @ table) * draws).sum(axis=1) for table in (same, untied_u, untied_e))
        root = np.sqrt(pairs_u * pairs_e)
        found: Values = np.divide(concordant, root, out=np.full(len(draws), np.nan), where=root > 0)
        return found

    return coefficients
