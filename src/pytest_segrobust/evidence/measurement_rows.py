"""A measurement as a row of the store's table, and back."""

from __future__ import annotations

import json
from typing import Any

from .records import Measurement

COLUMNS = "context, case_id, patient, point, realisation, structure, scores, failure, reference_voxels, predicted_voxels, strength, undefined, reliability"
HOLES = ", ".join("?" for _ in COLUMNS.split(","))


def row_of(context: str, m: Measurement) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    return (
        context,
        m.case,
        m.patient,
        m.point,
        int(m.realisation),
        m.structure,
        dump({key: float(value) for key, value in m.scores.items()}),
        m.failure,
        None if m.reference_voxels is None else int(m.reference_voxels),
        None if m.predicted_voxels is None else int(m.predicted_voxels),
        dump({key: float(value) for key, value in m.strength.items()}),
        dump(m.undefined),
        dump(m.reliability),
    )


def measurement_of(row: tuple[Any, ...]) -> Measurement:
    """The measurement of a row of COLUMNS."""
    return Measurement(
        case=row[1],
        patient=row[2],
        point=row[3],
        realisation=row[4],
        structure=row[5],
        scores=json.loads(row[6]),
        failure=row[7],
        reference_voxels=row[8],
        predicted_voxels=row[9],
        strength=json.loads(row[10]),
        undefined=json.loads(row[11]),
        reliability=json.loads(row[12]),
    )


def dump(value: Any) -> str:
    """JSON whose floats come back bit for bit; Infinity and NaN are allowed, for this file is ours alone."""
    return json.dumps(value, ensure_ascii=False)
