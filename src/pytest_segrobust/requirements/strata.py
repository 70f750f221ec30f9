"""Claims for each stratum of a column of the data: which words name one, and which measures a stratum has by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements import measure as measures

if TYPE_CHECKING:
    from pytest_segrobust.requirements.requirement import Measure


def check_strata(measure: Measure, column: str) -> None:
    """A claim for each stratum names a column of the data, and is of a measure that a stratum has by itself."""
    if not column.strip() or not column.isprintable():
        raise SpecError("for each needs a column of the data, such as 'for each scanner'")
    word = column.casefold().removesuffix("s")
    if word in ("patient", "case", "image"):
        raise SpecError(
            f"a {word} is one number and no group; write 'for 95 % of patients', or a column such as 'scanner'"
        )
    if word in ("structure", "class", "organ"):
        raise SpecError("a requirement that names no structure holds for each of them already; leave it out")
    if measure.metric in ("silent_failure_rate", "early_warning"):
        raise SpecError(
            f"{measures.name(measure)} has one alarm, frozen on all patients; it cannot be decided 'for each {column}'"
        )
