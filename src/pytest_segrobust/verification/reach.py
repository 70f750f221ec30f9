"""Limits that claim nothing: distances end at the image's diagonal, so a limit beyond it would hold whatever happens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_segrobust.metrics.catalogue import DIAGONAL, METRICS

from .decision import meets
from .words import measured

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pytest_segrobust.evidence.records import Measurement

    from .decision import Criterion
    from .patients import Cohort


def claims_nothing(criterion: Criterion, cohort: Cohort, structures: Sequence[str]) -> str:
    """Why the requirement would hold for a structure even if every case of it failed; "" where it could be broken.

    For distances alone, and where the clean measurements tell the diagonals of their images.
    """
    requirement = criterion.requirement
    metric = METRICS.get(requirement.measure.metric)
    if metric is None or metric.worst != "diagonal" or requirement.comparison not in ("below", "at most"):
        return ""
    clean = cohort.clean.values()
    if any(m.reference_voxels is not None and DIAGONAL not in m.scores for m in clean):
        return ""
    lost = [
        replace(m, scores={**m.scores, metric.key: m.scores.get(DIAGONAL, 0.0)}, failure="lost", point="lost")
        for m in clean
    ]
    longest = max((m.scores.get(DIAGONAL, 0.0) for m in clean), default=0.0)
    for structure in structures:
        values = cohort.at(lost, structure).values
        if not len(values):
            continue
        found = criterion.reduced(values).mean()
        if meets(criterion.comparison, criterion.limit, found):
            return (
                f"the limit of {requirement.limit:g} mm claims nothing: if every case of {structure} failed, "
                f"{measured(requirement)} would be {found:.3g} and meet it, "
                f"since no distance is longer than an image's diagonal (here {longest:.3g} mm at most)"
            )
    return ""


def unperturbed(counted: Collection[str], rows: Sequence[Measurement]) -> str:
    """Why nothing was shown: counted cases in which no measured point changed a single voxel; "" where there are none."""
    still = sorted(set(counted) - {m.case for m in rows if m.strength.get("changed", 1.0) > 0}) if rows else []
    if not still:
        return ""
    return (
        f"nothing that was measured changed a single voxel of {len(still)} of {len(counted)} cases, such as {still[0]}: "
        "state a range that reaches a perturbation"
    )
