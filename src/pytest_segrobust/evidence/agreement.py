"""Agreement of volumes (Bland and Altman 1986): by how much predicted and reference volume differ, and for which sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .records import RequirementResult

GROUPS = 3  # of patients by the size of the structure: small, middle, large
SPREAD = 1.96  # of a normal distribution, 95 % lie within so many standard deviations
MOST_MADE = (
    60  # requirements whose worst point is told, the first of the report; each is as long as the patients are many
)


@dataclass(frozen=True)
class Volumes:
    """One patient's reference and predicted volume of a structure, the mean of its cases, in the agreement's unit."""

    patient: str
    reference: float
    predicted: float

    @property
    def mean(self) -> float:
        """What stands for the true size where neither of two measurements is the truth."""
        return (self.reference + self.predicted) / 2

    @property
    def difference(self) -> float:
        """Predicted less reference: positive is too large."""
        return self.predicted - self.reference

    @property
    def percent(self) -> float | None:
        """The difference in percent of the reference; None where the reference has none of the structure."""
        return 100 * self.difference / self.reference if self.reference > 0 else None


def agreement(results: Sequence[RequirementResult], data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The agreement of every structure on clean images and at the worst points of the requirements, as plain data.

    In mL (mm² for images of two dimensions) where the size of a voxel of every case is known, else in voxels.
    """
    found, seen = [], set()
    with_volumes = [result for result in results if result.volumes][:MOST_MADE]
    for result in with_volumes:
        structure = str((result.volumes or {})["structure"])
        if structure not in seen:
            seen.add(structure)
            found.append({"requirement": None, "point": "clean", **_described(result, data, "clean")})
    for result in with_volumes:
        point = str((result.volumes or {})["point"])
        if point != "clean":
            found.append({"requirement": result.id, "point": point, **_described(result, data, "predicted")})
    return found


def patients_of(result: RequirementResult, data: Mapping[str, Any], what: str) -> tuple[list[Volumes], list[str], str]:
    """A volume pair per patient, the cases without a prediction, and the unit; cases without a label are in neither."""
    columns = result.volumes or {"reference": [], what: []}
    rows = [row for row in zip(result.cases, columns["reference"], columns[what], strict=True) if row[1] is not None]
    sizes = data.get("voxel_size") or {}
    known = all(case.case in sizes for case, _, _ in rows)
    unit = ("mm²" if data.get("dimensions") == 2 else "mL") if known else "voxels"
    own: dict[str, list[tuple[float, float]]] = {}
    without = []
    for case, reference, predicted in rows:
        if predicted is None:
            without.append(case.case)
            continue
        factor = 1.0 if not known else float(sizes[case.case]) / (1.0 if unit == "mm²" else 1000.0)
        own.setdefault(case.patient, []).append((reference * factor, predicted * factor))
    return (
        [
            Volumes(patient, math.fsum(r for r, _ in both) / len(both), math.fsum(p for _, p in both) / len(both))
            for patient, both in sorted(own.items())
        ],
        without,
        unit,
    )


def _described(result: RequirementResult, data: Mapping[str, Any], what: str) -> dict[str, Any]:
    columns = result.volumes or {}
    patients, without, unit = patients_of(result, data, what)
    bias, limits = _bias([each.difference for each in patients])
    shares = [each.percent for each in patients if each.percent is not None]
    bias_percent, limits_percent = _bias(shares)
    return {
        "structure": str(columns["structure"]),
        "unit": unit,
        "n_patients": len(patients),
        "without_prediction": without,
        "bias": bias,
        "limits": limits,
        "bias_percent": bias_percent,
        "limits_percent": limits_percent,
        "by_size": _by_size(patients),
    }


def _bias(values: Sequence[float]) -> tuple[float | None, list[float] | None]:
    """The mean difference, and between which values 95 % of patients lie if differences are normal."""
    n = len(values)
    if not n:
        return None, None
    mean = math.fsum(values) / n
    if n < 2:
        return mean, None
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return mean, [mean - SPREAD * deviation, mean + SPREAD * deviation]


def _by_size(patients: Sequence[Volumes]) -> list[dict[str, Any]]:
    """Patients in groups of equal number by the size of the reference, smallest first; none where there are too few."""
    ordered = sorted(patients, key=lambda each: (each.reference, each.patient))
    if len(ordered) < 2 * GROUPS:
        return []
    ends = [round(len(ordered) * step / GROUPS) for step in range(GROUPS + 1)]
    groups = [ordered[a:b] for a, b in pairwise(ends)]
    return [
        {
            "smallest": group[0].reference,
            "largest": group[-1].reference,
            "n_patients": len(group),
            "bias": _bias([each.difference for each in group])[0],
            "bias_percent": _bias([each.percent for each in group if each.percent is not None])[0],
        }
        for group in groups
    ]
