"""Where a requirement stands on the page: `r1`, `r2` ..., since ids may hold what no link can."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.records import RequirementResult


def anchors_of(results: Sequence[RequirementResult]) -> dict[str, str]:
    """The anchor of each requirement by its id."""
    return {result.id: f"r{position}" for position, result in enumerate(results, 1)}
