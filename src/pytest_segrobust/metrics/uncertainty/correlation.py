"""Does uncertainty follow the error 1 - DSC: over patients, and over severities within patients.

Coefficients run from -1 to 1; higher is better, 0 is no relation. Pearson asks for a straight line, Spearman (1904) and
Kendall's tau-b (1945) for the same order; Spearman is what a requirement should name, as nothing promises a line.
None of them has a value where uncertainty or error is constant, or for fewer than three patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .measured import Measured, Values, is_constant, is_level, paired, undefined

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

Kind = Literal["spearman", "pearson", "kendall"]
KINDS: tuple[Kind, ...] = ("spearman", "pearson", "kendall")
FEWEST_PATIENTS = 3
PERFECT = 1e-12  # an error up to this is none


def correlation(uncertainty: Values, error: Values, kind: Kind = "spearman") -> Measured:
    """Of uncertainty with error, one pair per patient, both (patients,).

    Spearman: Pearson of mid-ranks. Kendall: tau-b, (concordant - discordant) / sqrt of pairs untied in either. O(n log n).

    Raises ValueError for numbers that are not finite and lists of different lengths.
    """
    u, e = paired(uncertainty, error, ("uncertainty", "error"))
    if u.size < FEWEST_PATIENTS:
        return undefined(f"{u.size} patients show no correlation: {FEWEST_PATIENTS} are the least")
    return _coefficient(u, e, kind, f"{u.size} patients")


def _coefficient(u: Values, e: Values, kind: Kind, who: str) -> Measured:
    for flat, name in ((is_level(u), "uncertainty"), (is_constant(e), "error")):
        if flat:
            return undefined(f"{name} is the same for all {who}: there is nothing to correlate")
    if kind == "kendall":
        from scipy.stats import kendalltau

        value = float(kendalltau(u, e).statistic)
    elif kind in ("spearman", "pearson"):
        value = _pearson(u, e) if kind == "pearson" else _pearson(mid_ranks(u), mid_ranks(e))
    else:
        raise ValueError(f"no correlation is called {kind!r}")
    return Measured(min(1.0, max(-1.0, value)))


def mid_ranks(values: Values) -> Values:
    """Ranks from 1, equal values share the mean of theirs."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)


def _pearson(x: Values, y: Values) -> float:
    """With each side scaled to its largest deviation first, so that tiny variances do not underflow."""
    a, b = x - x.mean(), y - y.mean()
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


@dataclass(frozen=True)
class Clustered:
    """Over patients × severities, with the patient as the cluster.

    pooled   over all cells together: differences between patients and between severities
    within   mean over patients of each one's own coefficient over its severities: does uncertainty rise where this
             patient's segmentation gets worse
    between  over the patients' means: are worse patients the more uncertain ones

    `left_out` patients have no error at any severity, so that there is nothing to follow. Those whose error is the same at
    all (lost throughout), and the `flat` ones, whose uncertainty is constant, count as 0 in `within`: not following is no
    missing value.
    """

    pooled: Measured
    within: Measured
    between: Measured
    patients: int
    cells: int
    flat: int
    left_out: int


def clustered(uncertainty: Values, error: Values, patients: Sequence[object], kind: Kind = "spearman") -> Clustered:
    """Of uncertainty with error, one pair per cell, all (cells,); `patients` says whose cell it is.

    Pooled coefficients mix a patient's own course with what differs between patients (Simpson's paradox): where pooled and
    within differ in sign, say so. For patients as clusters: Bland and Altman 1995 (BMJ 310:446 and 310:633).

    Raises ValueError for numbers that are not finite and lists of different lengths.
    """
    u, e = paired(uncertainty, error, ("uncertainty", "error"))
    owner, count = owners(patients, u.size)
    if count < FEWEST_PATIENTS:
        few = undefined(f"{count} patients show no correlation: {FEWEST_PATIENTS} are the least")
        return Clustered(few, few, few, count, u.size, 0, 0)
    own = within_patients(u, e, owner, kind)
    followed = own[~np.isnan(own)]
    sizes = np.bincount(owner)
    means = [np.bincount(owner, values) / sizes for values in (u, e)]
    within = (
        Measured(float(followed.mean()))
        if followed.size
        else undefined(f"nothing is wrong in any of {count} patients at any severity")
    )
    flat = sum(is_level(u[owner == patient]) for patient in range(count) if not np.isnan(own[patient]))
    return Clustered(
        _coefficient(u, e, kind, f"{u.size} cells"),
        within,
        _coefficient(means[0], means[1], kind, f"{count} patients"),
        count,
        u.size,
        flat,
        count - followed.size,
    )


def within_patients(u: Values, e: Values, owner: npt.NDArray[np.intp], kind: Kind) -> Values:
    """Each patient's own coefficient (patients,): NaN where it has no error, 0 where error or uncertainty is constant."""
    found = np.full(int(owner.max()) + 1, np.nan)
    for patient in range(found.size):
        mine = owner == patient
        if (e[mine] > PERFECT).any():
            found[patient] = _coefficient(u[mine], e[mine], kind, "severities").value or 0.0
    return found


def owners(patients: Sequence[object], cells: int) -> tuple[npt.NDArray[np.intp], int]:
    """The patient of each cell as a number in order of first appearance, and how many patients there are."""
    if len(patients) != cells:
        raise ValueError(f"{cells} cells have {len(patients)} patients named")
    numbers: dict[object, int] = {}
    owner = np.array([numbers.setdefault(patient, len(numbers)) for patient in patients], np.intp)
    return owner, len(numbers)
