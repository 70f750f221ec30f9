"""Subgroups in short: every stratum of every requirement on one scale, the most pressing first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.verdicts import WORDS

from ..strata import strata_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult

_ROWS = 30  # per column of the data


def subgroups(results: Sequence[RequirementResult], anchors: Mapping[str, str]) -> list[dict[str, Any]]:
    """A table per column of the data; the strata of a requirement that has them all stand with it, too."""
    columns: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        for table in strata_tables(result):
            rows = columns.setdefault(table["column"], [])
            rows += [{**row, "id": result.id, "anchor": anchors[result.id]} for row in table["rows"]]
    return [
        {
            "column": column,
            "rows": sorted(rows, key=_pressing)[:_ROWS],
            "more": max(0, len(rows) - _ROWS),
            "small": sum(row["verdict"] == "not_evaluable" for row in rows),
        }
        for column, rows in columns.items()
    ]


def _pressing(row: Mapping[str, Any]) -> int:
    order = list(WORDS)
    return order.index(row["verdict"]) if row["verdict"] in order else len(order)
