"""Silent failures among the cases of a result: confident and wrong, by the alarm and the DSC that were stated before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .strict_json import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SLACK = 1e-9  # 1 - (1 - 0.7) is not 0.7: a case at the limit itself is no failure


@dataclass(frozen=True)
class ErrorCase:
    """One case by its uncertainty and its error, 1 - DSC, both finite."""

    name: str
    patient: str
    uncertainty: float
    error: float
    failure: str | None = None


@dataclass(frozen=True)
class SilentRule:
    """Failure is a DSC below `dsc_below`, an alarm uncertainty above `alarm`; `missing` says which of them is not known."""

    alarm: float | None
    dsc_below: float | None
    missing: str = ""

    @property
    def error(self) -> float | None:
        """The error above which a case is a failure."""
        return None if self.dsc_below is None else 1.0 - self.dsc_below

    def silent(self, cases: Iterable[ErrorCase]) -> list[ErrorCase]:
        """The failures without an alarm, the largest error first, then the surest; none where the rule is not known."""
        if self.alarm is None or self.error is None:
            return []
        found = [case for case in cases if case.error > self.error + _SLACK and case.uncertainty <= self.alarm]
        return sorted(found, key=lambda case: (-case.error, case.uncertainty, case.name))


def error_cases(scatter: Mapping[str, Any]) -> tuple[list[ErrorCase], int]:
    """The cases of a scatter that have both numbers, and how many have not."""
    entries = scatter.get("cases") or []
    found = []
    for entry in entries:
        uncertainty, error = number(entry.get("uncertainty")), number(entry.get("error"))
        if uncertainty is not None and error is not None and math.isfinite(uncertainty) and math.isfinite(error):
            failure = entry.get("failure")
            name, patient = str(entry.get("case")), str(entry.get("patient"))
            found.append(ErrorCase(name, patient, uncertainty, error, None if failure is None else str(failure)))
    return found, len(entries) - len(found)


def silent_rule(shown: Mapping[str, Any] | None) -> SilentRule:
    """The rule of a result's uncertainty."""
    stated = shown or {}
    alarm, dsc_below = number(stated.get("alarm")), number(stated.get("dsc_below"))
    missing = [
        why
        for value, why in (
            (alarm, str(stated.get("alarm_rule") or "no alarm is known")),
            (dsc_below, "no DSC below which a case is a failure is stated ([decision] gross_failure)"),
        )
        if value is None
    ]
    return SilentRule(alarm, dsc_below, "; ".join(missing))
