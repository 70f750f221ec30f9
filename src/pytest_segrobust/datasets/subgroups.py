"""Subgroups of patients: which patients share a value in a column of the data, such as a scanner or a sex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DataError
from .names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .case import Case

MISSING = "(missing)"
"""The stratum of patients whose cell is empty: they are part of every claim, so they must show."""

_MOST_REPORTED = 8  # values of a column that is reported without being asked for: an age in years is no subgroup


@dataclass(frozen=True)
class Subgroups:
    """The metadata of the cases in use, and of those that [data] exclude leaves out: no stratum may vanish with them."""

    cases: tuple[Case, ...] = ()
    left_out: tuple[Case, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns (or placeholders of a pattern) that say something of cases, in their order."""
        return tuple(dict.fromkeys(name for case in self.cases for name in case.metadata))

    def strata(self, column: str) -> dict[str, tuple[str, ...]]:
        """The patients of each value of a column, sorted; none where all cases of a value are excluded.

        Raises DataError where there is no such column, or where cases of one patient disagree: a patient is in one stratum.
        """
        if column not in self.columns:
            none = "" if self.columns else "; the data have none: list the cases in a table ([data] cases)"
            raise DataError(f"[data] has no column {column}{nearest(column, self.columns)}{none}")
        value_of: dict[str, str] = {}
        for case in self.cases:
            value = _value(case, column)
            if value_of.setdefault(case.patient, value) != value:
                raise DataError(
                    f"patient {case.patient} is in two strata of column {column}, {value_of[case.patient]} and {value} "
                    f"(case {case.id}); a patient belongs to one: correct the table, or exclude the case"
                )
        found: dict[str, list[str]] = {value: [] for value in sorted({*value_of.values(), *self._gone(column)})}
        for patient in sorted(value_of):
            found[value_of[patient]].append(patient)
        return {value: tuple(patients) for value, patients in found.items()}

    def reported(self, stated: Sequence[str] | None = None) -> dict[str, Mapping[str, tuple[str, ...]]]:
        """The strata of the stated columns; of those with 2 to 8 values, each patient in one, where none is stated."""
        if stated is not None:
            return {column: self.strata(column) for column in stated}
        found: dict[str, Mapping[str, tuple[str, ...]]] = {}
        for column in self.columns:
            if 2 <= len({_value(case, column) for case in self.cases}) <= _MOST_REPORTED:
                try:
                    found[column] = self.strata(column)
                except DataError:  # a property of cases, such as the day of a scan
                    continue
        return found

    def _gone(self, column: str) -> set[str]:
        return {_value(case, column) for case in self.left_out}


def _value(case: Case, column: str) -> str:
    return case.metadata.get(column, "").strip() or MISSING
