"""How many patients a mean needs where betting decides it: by drawing patients like those of a pilot again and again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from . import betting
from .betting_criterion import value_range
from .planning import Need, good

if TYPE_CHECKING:
    from pytest_segrobust.requirements.requirement import Requirement

STUDIES = 400  # drawn; the error of a power of 90 % in so many is 1.5 %
MOST = 3000  # patients


def need_by_betting(
    requirement: Requirement, values: np.ndarray, *, power: float, patients: int, early: bool = False, seed: int = 0
) -> Need:
    """The patients with whom betting would pass with the wished power, if the values (patients,) of a pilot are typical.

    `early`: looked at after every patient ([decision] stop_early). A pilot without a collapse foresees none.
    """
    least, most = value_range(requirement.measure)
    if not (math.isfinite(least) and math.isfinite(most)):
        return Need(None, "no plan for betting on values whose end only the images tell")
    if len(values) < 2:
        return Need(None, "the pilot has too few patients")
    mean = float(values.mean())
    if not good(requirement, mean):
        return Need(None, f"the pilot's mean of {mean:.3g} does not meet the limit: more patients would show that", 0.0)
    drawn = np.random.default_rng(seed).choice(values, (STUDIES, max(MOST, patients)))
    shown = np.ones(drawn.shape, bool)
    for side in _sides(requirement):
        limit = requirement.limit if requirement.comparison == "within" else side * requirement.limit
        end = most if side > 0 else -least
        money = betting.log_money(side * drawn, limit, end, running=True)
        shown &= money >= -math.log1p(-requirement.confidence)
    if early:
        shown = np.logical_or.accumulate(shown, axis=1)
    share = shown.mean(axis=0)
    now = float(share[patients - 1]) if patients else None
    enough = np.flatnonzero(share[:MOST] >= power)
    how = f"by betting, mean {mean:.3g} in {len(values)} patients of the pilot"
    if not enough.size:
        return Need(None, f"{how}: not even {MOST} patients would do", now)
    return Need(int(enough[0]) + 1, how, now)


def _sides(requirement: Requirement) -> tuple[int, ...]:
    """1 where the mean must be shown to lie below the limit, -1 where above (its mirror image below); both where within."""
    if requirement.comparison == "within":
        return 1, -1
    return (1,) if requirement.comparison in ("below", "at most") else (-1,)
