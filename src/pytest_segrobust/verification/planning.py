"""What a verification will cost, and how many patients it needs, before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_segrobust.perturbations.catalogue import catalogue
from pytest_segrobust.perturbations.point import CLEAN

from .decision import meets
from .metric import level_of
from .patients import GROSS_FAILURE_RATE
from .plausible import PlausiblePart
from .severity import SeverityLine
from .space import Space
from .statistics import patients_needed, patients_needed_for_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.perturbations.point import Point
    from pytest_segrobust.requirements.decision_settings import DecisionSettings
    from pytest_segrobust.requirements.requirement import Requirement
    from pytest_segrobust.requirements.settings import AttackSettings

    from .profiles import Budget

_RANDOM, _SINGLE, _BLACK_BOX, _TRANSFER = "random perturbation", "fgsm", "square attack", "transfer attack"


@dataclass(frozen=True)
class Spending:
    """The most that one requirement measures, besides the clean images that all share.

    `screened` points are tried on the screening patients, `decided` ones on all, each with `realisations` noise draws.
    `attack` are the passes of an attack on one image at one point, `checks` those of its self-checks on one image.
    """

    screened: int
    decided: int
    realisations: int
    attack: int = 0
    checks: int = 0

    def images(self, cases: int, screening_cases: int) -> int:
        """Predictions of one case."""
        return self.screened * screening_cases + self.decided * self.realisations * cases

    def attack_images(self, cases: int, screening_cases: int) -> int:
        """Images that attacks look at on their way."""
        return self.attack * self.images(cases, screening_cases) + self.checks * screening_cases


def spending(
    requirement: Requirement,
    budget: Budget,
    decision: DecisionSettings,
    *,
    structures: int,
    attack: AttackSettings,
    draws: int = 1,
) -> Spending:
    """An upper bound: points that coincide, or that an earlier requirement has measured already, cost nothing again.

    `draws` are the passes that an attack on a stochastic network averages over.
    """
    if not requirement.domains:
        return Spending(0, 0, 1)
    known = [catalogue()[domain.perturbation] for domain in requirement.domains]
    attacked = [each.name for each in known if each.attack]
    if attacked:
        budget = budget.for_attacks()
    space, level = Space.of(requirement), level_of(requirement.measure.metric)
    realisations = (decision.realisations or budget.realisations) if any(each.random for each in known) else 1
    plausible = PlausiblePart.of(requirement)
    if level == "severities":
        ends = len(space.corners(budget.corners)) + len(plausible.corners(budget.corners))
        screened, decided = 0, ends * (budget.curve_points + 1)
    else:
        screened = 0 if level == "patients" else budget.points if space.free else 1
        decided = len(_known_points(space, budget, plausible)) + _found_points(space, budget, level, structures)
        decided += _line_points(space, budget) if space.continuous or decision.curve_of_single_strengths else 0
    return Spending(
        screened,
        decided,
        realisations,
        attack=draws * sum(attack_passes(name, attack) for name in attacked),
        checks=draws * sum(check_passes(name, attack) for name in attacked),
    )


def _known_points(space: Space, budget: Budget, plausible: PlausiblePart) -> set[Point]:
    """What is measured on all patients whatever the search finds."""
    corners = {space.point(position) for position in space.corners(budget.corners)}
    return {*corners, *plausible.corners(budget.corners), space.identity()} - {CLEAN}


def _found_points(space: Space, budget: Budget, level: str, structures: int) -> int:
    if not space.free:
        return 0
    if level == "patients":
        return budget.points // 6 if len(space.continuous) > 1 else 0
    return budget.worst * structures


def _line_points(space: Space, budget: Budget) -> int:
    """The degradation curve and the search of the breaking point; the corner at the line's end is counted already."""
    line = SeverityLine.of(space, space.corners(1)[0])
    if line is None:
        return 0
    return budget.curve_points + (line.point(0.0) != CLEAN) + budget.bisections


def attack_passes(name: str, settings: AttackSettings) -> int:
    """The most images that an attack looks at to attack one image, besides the one that is then scored.

    Of a model without gradients every attack takes `queries` instead.
    """
    starts = settings.restarts + (settings.restarts > 1)  # of several, one is the clean image
    if name == _RANDOM:
        return 0
    if name == _BLACK_BOX:
        return settings.queries
    if name.endswith(_SINGLE):
        return 1
    losses, stretches = (4, 3) if name == "sea" else (1, 1)
    return 2 + starts * losses * (settings.steps + 2 * stretches)


def check_passes(name: str, settings: AttackSettings) -> int:
    """The same of an attack's self-checks (see `masking`), the images that are scored among them."""
    compared = [other for other in (_SINGLE, _RANDOM, _BLACK_BOX, _TRANSFER) if other != name]
    if settings.surrogate is None and _TRANSFER in compared:
        compared.remove(_TRANSFER)
    if name.startswith("targeted "):
        compared.append("pgd")  # free to choose its error
    return 2 + sum(attack_passes(other, settings) + 1 for other in compared)  # and at radius 0, and without it


def windows(shape: Sequence[int], window: Sequence[int] | None, overlap: float) -> int:
    """How many windows a sliding window takes over an image of this spatial shape; 1 without one."""
    if window is None:
        return 1
    count = 1
    for size, width in zip(shape, window, strict=True):
        step = max(int(width * (1 - overlap)), 1)
        count *= math.ceil(max(size - width, 0) / step) + 1
    return count


@dataclass(frozen=True)
class Need:
    """How many patients a requirement needs, None where `words` say why none would do; `power` is that of those at hand."""

    patients: int | None
    words: str
    power: float | None = None


def least_patients(requirement: Requirement) -> Need:
    """The patients without whom the claim cannot be shown, even if all of them meet it; nothing need be known for that."""
    alpha = 1 - requirement.confidence
    if requirement.patients is not None:
        share = requirement.patients
        needed = math.ceil(math.log(alpha) / math.log(share))
        return Need(needed, f"if all of them meet it, {needed} patients show it for {100 * share:.4g} % of patients")
    if requirement.measure.metric == GROSS_FAILURE_RATE:
        rate = requirement.limit
        if not 0 < rate < 1:
            return Need(None, "a rate of 0 cannot be shown with any number of patients" if rate <= 0 else "")
        needed = math.floor(math.log(alpha) / math.log1p(-rate)) + 1
        return Need(needed, f"without a single failure, {needed} patients rule out a rate of {100 * rate:.4g} %")
    return Need(None, "")


def need(requirement: Requirement, values: np.ndarray, *, power: float, patients: int) -> Need:
    """The patients needed for the wished power if a pilot's values per patient (patients,) are typical.

    `values` are of the requirement's measure at its worst point. `patients` are those at hand.
    """
    if level_of(requirement.measure.metric) in ("patients", "severities"):
        return Need(None, "no plan for a statistic of all patients")
    if len(values) < 2:
        return Need(None, "the pilot has too few patients")
    if requirement.patients is not None or requirement.measure.metric == GROSS_FAILURE_RATE:
        return _need_of_share(requirement, values)
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    limit = math.copysign(requirement.limit, mean) if requirement.comparison == "within" else requirement.limit
    needed = patients_needed(values, limit, requirement.confidence, power=power)
    if not good(requirement, mean):
        return Need(None, f"the pilot's mean of {mean:.3g} does not meet the limit: more patients would show that", 0.0)
    if needed is None:
        return Need(None, "the pilot's mean is at the limit: no number of patients would show it", 0.0)
    return Need(
        needed,
        f"mean {mean:.3g}, standard deviation {spread:.3g} in {len(values)} patients of the pilot",
        _power(abs(mean - limit), spread, patients, requirement.confidence),
    )


def _need_of_share(requirement: Requirement, values: np.ndarray) -> Need:
    """Of a share, whether each patient meets the claim; power is not foreseen."""
    if requirement.patients is None:
        failed, n = int(np.count_nonzero(values)), len(values)
        needed = patients_needed_for_share(n - failed, n, 1 - requirement.limit, requirement.confidence)
        words = f"{failed} of {n} patients of the pilot failed"
        good = failed / n < requirement.limit
    else:
        met = int(meets(requirement.comparison, requirement.limit, values).sum())
        n, good = len(values), met / len(values) > requirement.patients
        needed = patients_needed_for_share(met, n, requirement.patients, requirement.confidence)
        words = f"{met} of {n} patients of the pilot meet it"
    least = least_patients(requirement).patients or 0
    if not good:
        return Need(None, f"{words}: more patients would show that it is not met, if they are typical")
    return Need(None if needed is None else max(needed, least), f"{words}; if that share stays")


def good(requirement: Requirement, mean: float) -> bool:
    """Whether a mean is on the good side of the limit."""
    return bool(meets(requirement.comparison, requirement.limit, np.asarray(mean)))


def _power(distance: float, spread: float, patients: int, confidence: float) -> float | None:
    """The chance that so many patients show it: the inverse of `patients_needed`."""
    from scipy.special import ndtr, ndtri

    if patients < 3:
        return None
    if spread == 0:
        return 1.0
    return float(ndtr(distance * math.sqrt(patients - 2) / spread - ndtri(confidence)))
