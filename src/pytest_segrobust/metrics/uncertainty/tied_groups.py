"""Sums over patients in order of a column, for thousands of resamples at once: ties are groups, and one sort serves all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from .measured import Mask, Values


class TiedGroups:
    """Patients in the order of a column, equal ones as one group."""

    def __init__(self, column: Values) -> None:
        self._order: npt.NDArray[np.intp] = np.argsort(column, kind="stable")
        self._sorted = column[self._order]
        self._starts = np.flatnonzero(np.append([True], np.diff(self._sorted) != 0))

    def sums(self, values: Values) -> Values:
        """Of (resamples, patients) the sums of each group, lowest first."""
        found: Values = np.add.reduceat(values[:, self._order], self._starts, axis=1)
        return found

    def constant(self, draws: Values) -> Mask:
        """Whether all patients of a draw are equal up to rounding, as `measured.is_constant` has it."""
        there = draws[:, self._order] > 0
        low = self._sorted[there.argmax(axis=1)]
        high = self._sorted[there.shape[1] - 1 - there[:, ::-1].argmax(axis=1)]
        same: Mask = high - low <= 1e-12 * np.maximum(np.abs(low), np.abs(high))
        return same

    def area(self, draws: Values, risks: Values) -> Values:
        """The mean over k of the mean risk of the k lowest.

        A group of m with the mean risk r, above k0 patients with the summed risk S, adds Σ_j (S + j r) / (k0 + j)
        = m r + (S - k0 r) (H(k0 + m) - H(k0)) with harmonic numbers H.
        """
        sizes, summed = self.sums(draws), self.sums(draws * risks)
        before = np.cumsum(sizes, axis=1) - sizes
        total = np.cumsum(summed, axis=1) - summed
        mean = np.divide(summed, sizes, out=np.zeros_like(summed), where=sizes > 0)
        harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, int(draws.sum(axis=1).max()) + 1)))
        first, last = before.astype(np.intp), (before + sizes).astype(np.intp)
        areas: Values = (summed + (total - before * mean) * (harmonic[last] - harmonic[first])).sum(axis=1)
        areas /= draws.sum(axis=1)
        return areas
