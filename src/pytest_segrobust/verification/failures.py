"""Gross failures: counted per patient with an exact bound, because a mean of few patients cannot see a rare collapse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .betting import upper_bound
from .statistics import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_segrobust.evidence.records import GrossFailures, Measurement


def gross_failures(
    measurements: Iterable[Measurement], dsc_below: float | None = None
) -> Iterator[tuple[Measurement, str]]:
    """The measurements that are gross failures, with the reason.

    Crash, NaN, wrong shape, a structure missed or invented; and, where the spec sets it, a DSC below a limit.
    """
    for m in measurements:
        if m.failure is not None:
            yield m, m.failure
            continue
        lacking = [key for key, score in m.scores.items() if math.isnan(score)]
        dsc = m.scores.get("dsc")
        if lacking:
            yield m, f"NaN score ({', '.join(lacking)})"
        elif dsc is not None and dsc_below is not None and m.reference_voxels and dsc < dsc_below:
            yield m, f"DSC {dsc:.3g} below {dsc_below:g}"


def count_gross_failures(
    measurements: Iterable[Measurement],
    patients: Iterable[str],
    *,
    dsc_below: float | None,
    confidence: float,
    at_any_time: bool = False,
) -> GrossFailures:
    """Patients with a gross failure anywhere in `measurements`, and the exact upper bound of their share.

    A patient counts once, whatever the number of its cases, structures, points and noise draws that failed; each case is
    listed once per structure and point. `patients` are those in whom a failure would have shown. `at_any_time`: their number
    was not fixed before; Clopper and Pearson's bound holds for a fixed one alone, so it is a bound by betting then.
    """
    from pytest_segrobust.evidence.records import GrossFailures

    everyone = set(patients)  # who failed was at risk, even if not among these
    listed: dict[tuple[str, str, str], dict[str, str]] = {}
    failed: set[str] = set()
    for m, why in gross_failures(measurements, dsc_below):
        failed.add(m.patient)
        row = {"case": m.case, "patient": m.patient, "structure": m.structure, "point": m.point, "failure": why}
        listed.setdefault((m.case, m.structure, m.point), row)
    everyone |= failed
    if not everyone:
        return GrossFailures(0, 0, 1.0)
    if at_any_time:
        bound = upper_bound(np.repeat([1.0, 0.0], [len(failed), len(everyone) - len(failed)]), 1.0, confidence)
    else:
        bound = clopper_pearson(len(failed), len(everyone), confidence)[1]
    return GrossFailures(len(failed), len(everyone), bound, [listed[key] for key in sorted(listed)])
