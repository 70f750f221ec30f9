"""What the runs of the study have measured, volume by volume: read from their reports and stores, nothing is computed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from families import FAMILIES, PARTS

from pytest_segrobust.evidence.report import result_of
from pytest_segrobust.evidence.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from families import Part

    from pytest_segrobust.evidence.records import Measurement, RequirementResult

CLEAN = "clean"
STRUCTURES = ("anterior", "posterior")


@dataclass(frozen=True)
class MeasuredRun:
    """One family in one part of the study; `rows` are by point and structure, then by volume."""

    family: str
    report: dict[str, Any]
    results: dict[str, RequirementResult]
    rows: dict[tuple[str, str], dict[str, Measurement]]

    @cached_property
    def points(self) -> list[str]:
        """All points that were measured on all volumes, clean first."""
        everyone = len(self.rows[CLEAN, STRUCTURES[0]])
        found = [
            point for (point, where), rows in self.rows.items() if where == STRUCTURES[0] and len(rows) == everyone
        ]
        return sorted(found, key=lambda point: point != CLEAN)

    def values(self, point: str, structure: str, key: str) -> np.ndarray:
        """A score by volume, in the order of their names: (volumes,), NaN where one has none."""
        rows = self.rows[point, structure]
        return np.array([rows[volume].scores.get(key, np.nan) for volume in sorted(rows)])

    def snr(self, point: str) -> float | None:
        """The median over volumes of the SNR that came of it, in dB, where the image was perturbed."""
        found = [row.strength.get("snr", np.nan) for row in self.rows[point, STRUCTURES[0]].values()]
        finite = [each for each in found if np.isfinite(each)]
        return float(np.median(finite)) if finite else None


Study = dict["Part", dict[str, MeasuredRun]]


def read_study(reports: Path) -> Study:
    """All runs below a folder, by part and family. Raises OSError or EvidenceError where one is not there."""
    return {part: {family: read_run(reports / part / family, family) for family in FAMILIES} for part in PARTS}


def read_run(folder: Path, family: str) -> MeasuredRun:
    """One run's report, its results, and every measurement of its first noise draw."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    results = {entry["id"]: result_of(entry) for entry in report["requirements"]}
    rows: dict[tuple[str, str], dict[str, Measurement]] = {}
    with Store.open(folder / "run.sqlite") as store:
        context = next(result.context for result in results.values() if result.context)
        for point in store.points(context):
            for row in store.find(context, point, 0):
                rows.setdefault((point, row.structure), {})[row.case] = row
    return MeasuredRun(family, report, results, rows)
