"""Does uncertainty warn before the segmentation falls; and failures it never warned of, counted.

An alarm is uncertainty above a threshold that was fixed before, on clean cases. Counts are of patients or cells; their
bounds are those of shares (Clopper and Pearson 1934), which `verification.statistics` has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .measured import Measured, Values, finite, paired, undefined
from .removal import FrozenThreshold

Outcome = Literal["early", "together", "late", "silent", "false alarm", "quiet", "alarm on clean"]
ALARM_QUANTILE = 0.95


def alarm_threshold(clean_uncertainty: Values, quantile: float = ALARM_QUANTILE) -> FrozenThreshold:
    """The uncertainty that this share of clean validation patients stays at or below, (patients,).

    Raises ValueError for a quantile outside 0 to 1 and numbers that are not finite.
    """
    u = finite(clean_uncertainty, "clean uncertainty")
    if not 0 < quantile <= 1:
        raise ValueError(f"{quantile} is no quantile above 0")
    rule = f"{quantile:.4g} quantile of uncertainty over {u.size} clean validation cases"
    return FrozenThreshold(float(np.quantile(u, quantile, method="higher")), rule, u.size)


@dataclass(frozen=True)
class SilentFailures:
    """Cases by failure and alarm; `silent` failed without one: confident and wrong.

    share  silent failures of all failures, 0 to 1; lower is better
    """

    share: Measured
    silent: int
    warned: int
    false_alarms: int
    quiet: int

    @property
    def failures(self) -> int:
        """Failed cases, with and without an alarm."""
        return self.silent + self.warned

    @property
    def rate(self) -> Measured:
        """Silent failures of all cases, 0 to 1; it has a value without failures too, and n is always that of all cases."""
        return Measured(self.silent / (self.failures + self.false_alarms + self.quiet))


def silent_failures(uncertainty: Values, dsc: Values, *, failed_below: float, alarm: float) -> SilentFailures:
    """Failures (DSC below `failed_below`) with uncertainty at or below `alarm`, both (cases,).

    No share without failures. With constant uncertainty all failures are silent, or all cases alarms: both are counted.
    """
    u, quality = paired(uncertainty, dsc, ("uncertainty", "DSC"))
    failed, alarmed = quality < failed_below, u > alarm
    silent, warned, false, quiet = (
        int(np.count_nonzero(kind))
        for kind in (failed & ~alarmed, failed & alarmed, ~failed & alarmed, ~failed & ~alarmed)
    )
    failures = silent + warned
    share = (
        Measured(silent / failures)
        if failures
        else undefined(f"none of {u.size} cases has a DSC below {failed_below:g}: no failure to be silent about")
    )
    return SilentFailures(share, silent, warned, false, quiet)


@dataclass(frozen=True)
class EarlyWarning:
    """What happened first in each patient as severity rose: an alarm, or the fall of the DSC.

    share      patients warned early, of those that fell, 0 to 1; higher is better
    outcomes   per patient
      early           the alarm came at a milder severity than the fall
      together        at the same severity
      late            only after the fall
      silent          the DSC fell and no alarm came
      false alarm     an alarm came and the DSC never fell
      quiet           neither
      alarm on clean  the alarm was there on the clean image: it warns of nothing, and is no early warning
    silent_cells  severities at which a patient's DSC had fallen and its uncertainty raised no alarm
    collapses     of the fallen cells, those with uncertainty not above the patient's own on the clean image
    fallen_cells  severities at which a DSC had fallen, over all patients
    """

    share: Measured
    outcomes: tuple[Outcome, ...]
    fell: int
    silent_cells: int
    collapses: int
    fallen_cells: int

    def count(self, outcome: Outcome) -> int:
        """Patients with this outcome."""
        return self.outcomes.count(outcome)


def early_warning(uncertainty: Values, dsc: Values, *, alarm: float, drop: float) -> EarlyWarning:
    """From both (patients, severities), mildest first and column 0 clean; fallen is a DSC more than `drop` below clean.

    No share where no patient's DSC fell.

    Raises ValueError for numbers that are not finite, shapes that differ, or a drop that is not positive.
    """
    u = finite(uncertainty, "uncertainty")
    if u.ndim != 2 or u.shape[1] < 2:
        raise ValueError(f"uncertainty of shape {u.shape} is not (patients, severities), the clean image first")
    quality = finite(dsc, "DSC", u.shape)
    if drop <= 0:
        raise ValueError(f"a drop of {drop:g} is none")
    fallen = quality[:, :1] - quality > drop * (1 + 1e-12)  # 0.9 - 0.8 is no more than 0.1
    alarmed = u > alarm
    outcomes = tuple(_outcome(*row) for row in zip(alarmed, fallen, strict=True))
    fell = int(fallen.any(axis=1).sum())
    share = (
        Measured(outcomes.count("early") / fell)
        if fell
        else undefined(f"the DSC of none of {len(u)} patients fell by more than {drop:g}: there was nothing to warn of")
    )
    return EarlyWarning(
        share,
        outcomes,
        fell,
        int(np.count_nonzero(fallen & ~alarmed)),
        int(np.count_nonzero(fallen & (u <= u[:, :1]))),
        int(np.count_nonzero(fallen)),
    )


def _outcome(alarmed: Values, fallen: Values) -> Outcome:
    """Of one patient, bool (severities,) each."""
    if alarmed[0]:
        return "alarm on clean"
    if not fallen.any():
        return "false alarm" if alarmed.any() else "quiet"
    if not alarmed.any():
        return "silent"
    first_alarm, first_fall = int(np.argmax(alarmed)), int(np.argmax(fallen))
    if first_alarm < first_fall:
        return "early"
    return "together" if first_alarm == first_fall else "late"
