"""Standard errors of AURC and its kin, of the patients and of thousands of resamples at once, for a bootstrap-t.

They are the jackknife's. With patients ordered by a column and H harmonic numbers, leaving out the one of rank k and risk r
takes from n times the area, up to a constant that all share,

    r (H(n - 1) - H(k - 1)) - Σ over later patients j of r_j / (k_j - 1)

For E-AURC it is the difference of two such terms, for nAURC (the delta method) a weighted one. Ties stand in any order here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from .measured import Values

Area = Literal["aurc", "e_aurc", "n_aurc"]

_BLOCK = 2_000_000  # numbers of one table that are held at a time


def area_errors(u: Values, risks: Values, area: Area) -> Callable[[Values], Values]:
    """From draws (resamples, patients) to the standard error of the area in each, (resamples,)."""

    def errors(draws: Values) -> Values:
        step = max(1, _BLOCK // u.size)
        blocks = [draws[start : start + step] for start in range(0, len(draws), step)]
        return np.concatenate([_errors(u, risks, area, block) for block in blocks])

    return errors


def _errors(u: Values, risks: Values, area: Area, draws: Values) -> Values:
    total = draws.sum(axis=1, keepdims=True)
    influence, level = _of_order(u, risks, draws)
    if area != "aurc":
        best, lowest = _of_order(risks, risks, draws)
        if area == "e_aurc":
            influence = influence - best
        else:
            mean = draws @ risks[:, None] / total
            room = mean - lowest
            known = room > 0
            room = np.where(known, room, 1.0)
            influence = ((risks - influence) * room - (mean - level) * (risks - best)) / room**2 * known
    centred = influence - (draws * influence).sum(axis=1, keepdims=True) / total
    squares: Values = (draws * centred**2).sum(axis=1) / (total * np.maximum(total - 1, 1))[:, 0]
    return np.sqrt(squares)


def _of_order(column: Values, risks: Values, draws: Values) -> tuple[Values, Values]:
    """What each patient adds to n times the area by this order, (resamples, patients), and the area, (resamples, 1)."""
    order = np.argsort(column, kind="stable")
    mass, risk = draws[:, order], risks[order]
    end = np.cumsum(mass, axis=1).astype(np.intp)
    start, total = end - mass.astype(np.intp), end[:, -1:]
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, int(total.max()) + 1)))
    last = harmonic[np.maximum(end - 1, 0)]  # of several copies of a patient the last one is left out: they are alike
    later = risk * (last - harmonic[np.maximum(start - 1, 0)])
    after = np.cumsum(later[:, ::-1], axis=1)[:, ::-1] - later
    influence = np.empty_like(later)
    influence[:, order] = risk * (harmonic[total - 1] - last) - after
    summed = np.cumsum(mass * risk, axis=1) - mass * risk
    areas = mass * risk + (summed - start * risk) * (harmonic[end] - harmonic[start])
    return influence, areas.sum(axis=1, keepdims=True) / total
