"""Statistics of all patients at once, as functions of how often each patient was drawn: what a bootstrap needs.

Each takes two columns, of uncertainty and of quality. `of` is the plain value with its reason, from the modules that define
it; `drawn` gives the same for thousands of resamples, each a row of how often every patient is in it, without a sort for
each. Tests compare them with drawing the patients.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .area_errors import area_errors
from .measured import Measured, Values, finite, paired
from .selective import failure_detection, risk_coverage
from .tied_groups import TiedGroups
from .warning import early_warning

if TYPE_CHECKING:
    from collections.abc import Callable

    from .area_errors import Area


class PatientStatistic(ABC):
    """A statistic of two columns with one row per patient; 0 to 1 unless it says otherwise."""

    only_where_draws_agree: ClassVar[bool] = False
    """Whether `without_draws` is for resamples that all have one value; else the wider of both bounds counts."""

    @abstractmethod
    def of(self, first: Values, second: Values) -> Measured:
        """The value, or why there is none."""

    @abstractmethod
    def drawn(self, first: Values, second: Values) -> Callable[[Values], Values]:
        """From draws (resamples, patients) to values (resamples,), NaN where there is none."""

    @abstractmethod
    def without_draws(self, first: Values, second: Values, confidence: float) -> tuple[float, float, str]:
        """Bounds that need no resamples, and their name."""

    def errors(self, *_columns: Values) -> Callable[[Values], Values] | None:
        """From draws (resamples, patients) to the standard error of the value in each; None where there is none."""
        return None

    def ends(self, *_columns: Values) -> tuple[float, float]:
        """The lowest and the highest value that it could have: what a resample without a value counts as."""
        return 0.0, 1.0


@dataclass(frozen=True)
class RiskCoverageArea(PatientStatistic):
    """AURC, E-AURC or nAURC of `selective.risk_coverage`; columns: uncertainty and risk (1 - DSC), both (patients,)."""

    only_where_draws_agree: ClassVar[bool] = True
    area: Area

    def of(self, first: Values, second: Values) -> Measured:
        """The value, or why there is none."""
        found: Measured = getattr(risk_coverage(first, second), self.area)
        return found

    def drawn(self, first: Values, second: Values) -> Callable[[Values], Values]:
        """Areas of draws; among equals as among tied cases, the mean over all orders."""
        u, r = paired(first, second, ("uncertainty", "risks"))
        by_u, by_r = TiedGroups(u), TiedGroups(r)

        def areas(draws: Values) -> Values:
            area = by_u.area(draws, r)
            if self.area != "aurc":
                best = by_r.area(draws, r)
                if self.area == "e_aurc":
                    area = np.maximum(area - best, 0)
                else:
                    chance = draws @ r / draws.sum(axis=1)
                    differ = ~by_r.constant(draws)
                    area = np.divide(chance - area, chance - best, out=np.full(len(draws), np.nan), where=differ)
            return np.where(by_u.constant(draws), np.nan, area)

        return areas

    def errors(self, *columns: Values) -> Callable[[Values], Values]:
        """By influence functions."""
        return area_errors(columns[0], columns[1], self.area)

    def ends(self, *columns: Values) -> tuple[float, float]:
        """0 and 1 for risks of 0 to 1; nAURC from that of the opposite order."""
        risks = columns[1]
        if self.area == "n_aurc":
            return self.of(-risks, risks).value or 0.0, 1.0
        return 0.0, max(1.0, float(risks.max()))

    def without_draws(self, first: Values, second: Values, confidence: float) -> tuple[float, float, str]:
        """Of a perfect order: Fisher's z for one swapped pair, as for Spearman. Of equal risks: unlike patients were missed.

        A share of 1 - (1 - confidence)^(1/n) of all patients may have been missed by all n; these are then the surest, and
        wrong for the one bound, right for the other.
        """
        from .intervals import fisher_interval

        n, value = first.size, self.of(first, second).value or 0.0
        if second.max() > second.min():
            order = fisher_interval(1 - 12 / (n * (n**2 - 1)), n, "spearman", confidence)
            assert order is not None  # five patients or more, and never 1
            low, high = (order[0], 1.0) if self.area == "n_aurc" else (0.0, (1 - order[0]) * self.room(second))
            return min(low, value), max(high, value), "all resamples agree: Fisher's z for one swapped pair"
        copies = max(1, 2000 // n)
        share = 1 - (1 - confidence) ** (1 / n)
        unseen = math.ceil(share / (1 - share) * copies * n)
        surest = np.append(np.tile(first, copies), np.full(unseen, first.min() - 1))
        bounds = [
            self.of(surest, np.append(np.tile(second, copies), np.full(unseen, risk))).value or 0.0 for risk in (0, 1)
        ]
        return min(*bounds, value), max(*bounds, value), "all patients have the same error: as if some were unlike them"

    @staticmethod
    def room(risks: Values) -> float:
        """What an order can gain: the mean risk less the AURC of the best order; E-AURC = (1 - nAURC) × room."""
        return float(risks.mean()) - (risk_coverage(risks, risks).aurc.value or 0.0)


@dataclass(frozen=True)
class FailureAuroc(PatientStatistic):
    """AUROC of `selective.failure_detection`; columns: uncertainty and DSC, both (patients,)."""

    failed_below: float

    def of(self, first: Values, second: Values) -> Measured:
        """The value, or why there is none."""
        return failure_detection(first, second, failed_below=self.failed_below).auroc

    def drawn(self, first: Values, second: Values) -> Callable[[Values], Values]:
        """AUROC of draws."""
        u, quality = paired(first, second, ("uncertainty", "DSC"))
        failed = quality < self.failed_below
        groups = TiedGroups(u)

        def aurocs(draws: Values) -> Values:
            bad, good = groups.sums(draws * failed), groups.sums(draws * ~failed)
            all_bad, all_good = bad.sum(axis=1), good.sum(axis=1)
            above = all_bad[:, None] - np.cumsum(bad, axis=1)
            pairs = all_bad * all_good
            won = (good * (above + bad / 2)).sum(axis=1)
            found = np.divide(won, pairs, out=np.full(len(draws), np.nan), where=pairs > 0)
            return np.where(groups.constant(draws), np.nan, found)

        return aurocs

    def without_draws(self, first: Values, second: Values, confidence: float) -> tuple[float, float, str]:
        """Newcombe's score interval (2006, method 5), which has a width at 1 too and knows how few failures there are."""
        failures = int(np.count_nonzero(second < self.failed_below))
        value = self.of(first, second).value or 0.0
        return *newcombe_interval(value, failures, second.size - failures, confidence), "Newcombe's score interval"


@dataclass(frozen=True)
class FailureRecall(PatientStatistic):
    """Recall of `selective.failure_detection`; columns: uncertainty and DSC, both (patients,)."""

    failed_below: float
    referral_rate: float

    def of(self, first: Values, second: Values) -> Measured:
        """The value, or why there is none."""
        found = failure_detection(first, second, failed_below=self.failed_below, referral_rate=self.referral_rate)
        return found.recall

    def drawn(self, first: Values, second: Values) -> Callable[[Values], Values]:
        """Recall of draws: of the most uncertain, as many as may be referred, and no case without its equals."""
        u, quality = paired(first, second, ("uncertainty", "DSC"))
        failed = quality < self.failed_below
        groups = TiedGroups(u)
        budget = math.floor(self.referral_rate * u.size + 1e-9)

        def recalls(draws: Values) -> Values:
            every, bad = groups.sums(draws), groups.sums(draws * failed)
            from_above = np.cumsum(every[:, ::-1], axis=1)[:, ::-1]
            failures = bad.sum(axis=1)
            seen = (bad * (from_above <= budget)).sum(axis=1)
            found = np.divide(seen, failures, out=np.full(len(draws), np.nan), where=failures > 0)
            return np.where(groups.constant(draws), np.nan, found)

        return recalls

    def without_draws(self, first: Values, second: Values, confidence: float) -> tuple[float, float, str]:
        """Clopper and Pearson's (1934), as a share of the failures."""
        failures = int(np.count_nonzero(second < self.failed_below))
        found = round((self.of(first, second).value or 0.0) * failures)
        return *share_interval(found, failures, confidence), "Clopper and Pearson's of the failures"


@dataclass(frozen=True)
class EarlyWarningShare(PatientStatistic):
    """Share of `warning.early_warning`; columns: uncertainty and DSC, both (patients, severities), the clean image first.

    `alarm` is fixed beforehand, and not drawn anew with the patients.
    """

    alarm: float
    drop: float

    def of(self, first: Values, second: Values) -> Measured:
        """The value, or why there is none."""
        return early_warning(first, second, alarm=self.alarm, drop=self.drop).share

    def drawn(self, first: Values, second: Values) -> Callable[[Values], Values]:
        """Of the draws of patients whose DSC fell, the share that was warned."""
        early, fell = self._patients(finite(first, "uncertainty"), finite(second, "DSC"))

        def shares(draws: Values) -> Values:
            falls = draws @ fell
            found: Values = np.divide(draws @ early, falls, out=np.full(len(draws), np.nan), where=falls > 0)
            return found

        return shares

    def without_draws(self, first: Values, second: Values, confidence: float) -> tuple[float, float, str]:
        """Clopper and Pearson's (1934), as a share of the patients whose DSC fell."""
        early, fell = self._patients(first, second)
        bounds = share_interval(int(early.sum()), int(fell.sum()), confidence)
        return *bounds, "Clopper and Pearson's of the patients whose DSC fell"

    def _patients(self, u: Values, quality: Values) -> tuple[Values, Values]:
        """1 for each patient that was warned early, and that fell: both (patients,)."""
        found = early_warning(u, quality, alarm=self.alarm, drop=self.drop)
        fell = (quality[:, :1] - quality > self.drop * (1 + 1e-12)).any(axis=1)
        return np.array([outcome == "early" for outcome in found.outcomes], float), fell.astype(float)


def share_interval(count: int, of: int, confidence: float) -> tuple[float, float]:
    """Both one-sided bounds of a share by Clopper and Pearson (1934)."""
    from scipy.special import betaincinv

    low = float(betaincinv(count, of - count + 1, 1 - confidence)) if count else 0.0
    return low, float(betaincinv(count + 1, of - count, confidence)) if count < of else 1.0


def newcombe_interval(auroc: float, positives: int, negatives: int, confidence: float) -> tuple[float, float]:
    """Both one-sided bounds of an AUROC: |θ - θ̂| = z sqrt(V(θ)) (Newcombe 2006, Stat. Med. 25:559-573, method 5).

    V(θ) = θ (1 - θ) (1 + k (1 - θ) / (2 - θ) + k θ / (1 + θ)) / (m n), k = (m + n) / 2 - 1.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    z, k = float(ndtri(confidence)), (positives + negatives) / 2 - 1

    def apart(theta: float) -> float:
        spread = theta * (1 - theta) * (1 + k * (1 - theta) / (2 - theta) + k * theta / (1 + theta))
        return abs(theta - auroc) - z * math.sqrt(max(spread, 0.0) / (positives * negatives))

    low = float(brentq(apart, 0.0, auroc * (1 - 1e-9))) if auroc > 0 else 0.0
    return low, float(brentq(apart, 1 - (1 - auroc) * (1 - 1e-9), 1.0)) if auroc < 1 else 1.0
