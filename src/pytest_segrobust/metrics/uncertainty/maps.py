"""Uncertainty maps: how far the passes of a model disagree, and how undecided each is, per voxel.

Probabilities are (classes, *spatial) and sum to 1 over classes; a net with one sigmoid output is two classes, 1 - p and p.
Entropies are in nats, 0 to ln(classes). Variances are of the passes as they are (divided by their number T, not T - 1):
the mixture of T passes is the prediction, and a variance stays below 1/4 whatever T is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .measured import Values, finite

if TYPE_CHECKING:
    import numpy.typing as npt

SUM_TOLERANCE = 1e-3
"""How far probabilities of a voxel may sum from 1: half precision leaves 5e-4."""


@dataclass(frozen=True, eq=False)
class Maps:
    """All maps of one case, each (*spatial); those that need several passes are None for one.

    variance            of the predicted class's probability, 0 to 1/4 (Carannante et al. 2026)
    summed_variance     summed over classes, 0 to 1 (law of total variance: E|p - mean p|²)
    predictive_entropy  H(mean p), 0 to ln C: total uncertainty
    expected_entropy    mean of H(p), 0 to ln C: aleatoric part
    mutual_information  their difference, 0 to ln C: epistemic part (Houlsby et al. 2011; Gal 2016)
    least_confidence    1 - max of mean p, 0 to 1 - 1/C (Hendrycks and Gimpel 2017)
    """

    mean: Values
    prediction: npt.NDArray[np.intp]
    predictive_entropy: Values
    least_confidence: Values
    variance: Values | None = None
    summed_variance: Values | None = None
    expected_entropy: Values | None = None
    mutual_information: Values | None = None


class RunningMoments:
    """Maps from passes that come one by one; memory is that of two passes, however many there are.

    Welford's recurrence (1962), so that nearly equal passes lose no digits. Passes added in the same order give the
    same bits.
    """

    def __init__(self) -> None:
        self.passes = 0
        self._mean = np.zeros(0)
        self._squares = np.zeros(0)
        self._entropy = np.zeros(0)

    def add(self, probabilities: npt.ArrayLike) -> None:
        """One more pass: probabilities, (classes, *spatial).

        Raises ValueError where they are none, or the shape differs from the passes before.
        """
        p = check_probabilities(probabilities, self._mean.shape if self.passes else None)
        self.passes += 1
        if self.passes == 1:
            self._mean, self._squares, self._entropy = p.copy(), np.zeros_like(p), entropy(p)
            return
        away = p - self._mean
        self._mean += away / self.passes
        self._squares += away * (p - self._mean)
        self._entropy += entropy(p)

    def maps(self) -> Maps:
        """The maps so far.

        Raises ValueError where no pass was added.
        """
        if not self.passes:
            raise ValueError("no pass was added: there is nothing to be uncertain about")
        mean = self._mean.copy()
        if self.passes == 1:
            return _maps(mean)
        return _maps(mean, self._squares / self.passes, self._entropy / self.passes)


def maps_of_one_pass(probabilities: npt.ArrayLike) -> Maps:
    """The maps of a deterministic model: entropy and least confidence alone."""
    return _maps(check_probabilities(probabilities).copy())


def maps_of_evidence(alpha: npt.ArrayLike) -> Maps:
    """The maps of an evidential model: Dirichlet concentrations, (classes, *spatial), all above 0.

    With S = Σ α and m = α / S: variance m (1 - m) / (S + 1), expected entropy -Σ m (ψ(α + 1) - ψ(S + 1)) (Malinin and
    Gales 2018, equation 23; Sensoy et al. 2018). Exact: what infinitely many passes drawn from the Dirichlet would give.

    Raises ValueError for concentrations that are not positive and finite.
    """
    from scipy.special import digamma

    a = _classes_first(finite(alpha, "Dirichlet concentrations"))
    if (a <= 0).any():
        raise ValueError(f"Dirichlet concentrations must be above 0, the lowest is {a.min():.4g}")
    total = a.sum(axis=0)
    mean = a / total
    expected = -(mean * (digamma(a + 1) - digamma(total + 1))).sum(axis=0)
    return _maps(mean, mean * (1 - mean) / (total + 1), np.maximum(expected, 0))


def maps_of_mean_and_variance(mean: npt.ArrayLike, variance: npt.ArrayLike) -> Maps:
    """The maps of a model that returns probabilities and their variances, both (classes, *spatial).

    Entropies beyond the mean's own are no function of two moments: mutual information is its second-order Taylor
    expansion, ½ Σ variance / mean, not more than the predictive entropy (the delta method, as in Smith and Gal 2018).
    Where a mean is 0 its variance adds nothing. Variances are taken as they come: propagated to first order, as in
    SUPER-Net, they can be above m (1 - m), which no probability can have.

    Raises ValueError for means that are no probabilities, and for negative variances.
    """
    m = check_probabilities(mean)
    v = finite(variance, "variances", m.shape)
    if (v < 0).any():
        raise ValueError(f"variances must not be negative, the lowest is {v.min():.4g}")
    total = entropy(m)
    ratio = np.divide(v, m, out=np.zeros_like(v), where=m > 0)
    return _maps(m.copy(), v.copy(), total - np.minimum(ratio.sum(axis=0) / 2, total))


def entropy(probabilities: Values) -> Values:
    """H(p) = -Σ p ln p over the first axis in nats, 0 ln 0 = 0 (Shannon 1948)."""
    from scipy.special import entr

    summed: Values = np.asarray(entr(probabilities)).sum(axis=0)
    return np.maximum(summed, 0)


def check_probabilities(probabilities: npt.ArrayLike, shape: tuple[int, ...] | None = None) -> Values:
    """Probabilities (classes, *spatial) as float64, clipped to [0, 1] where rounding left it.

    Raises ValueError for fewer than two classes, values outside [0, 1], and voxels that do not sum to 1.
    """
    p = _classes_first(finite(probabilities, "probabilities", shape))
    if p.min() < -SUM_TOLERANCE or p.max() > 1 + SUM_TOLERANCE:
        raise ValueError(f"probabilities run from {p.min():.4g} to {p.max():.4g}, not 0 to 1: are they logits?")
    apart = float(np.abs(p.sum(axis=0) - 1).max())
    if apart > SUM_TOLERANCE:
        raise ValueError(f"probabilities of a voxel sum to 1, here to as far as {apart:.4g} from it")
    return np.clip(p, 0, 1)


def _classes_first(values: Values) -> Values:
    if values.ndim < 2 or values.shape[0] < 2:
        raise ValueError(
            f"(classes, *spatial) with two classes or more is expected, not {values.shape}: a single p is 1 - p and p"
        )
    return values


def _maps(mean: Values, variances: Values | None = None, expected: Values | None = None) -> Maps:
    """`variances` (classes, *spatial) and `expected` entropy (*spatial) beside the mean; both or neither."""
    prediction = mean.argmax(axis=0)
    total = entropy(mean)
    confidence = np.take_along_axis(mean, prediction[None], axis=0)[0]
    if variances is None or expected is None:
        return Maps(mean, prediction, total, 1 - confidence)
    # Jensen: expected entropy is the lower one; rounding may say otherwise.
    expected = np.minimum(expected, total)
    return Maps(
        mean,
        prediction,
        total,
        1 - confidence,
        variance=np.take_along_axis(variances, prediction[None], axis=0)[0],
        summed_variance=variances.sum(axis=0),
        expected_entropy=expected,
        mutual_information=total - expected,
    )
