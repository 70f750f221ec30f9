"""Where single patients break: the share not yet beyond the limit over severity, and the safety margin of their mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.perturbations.point import CLEAN

from .decision import meets
from .statistics import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import BreakingPoint
    from pytest_segrobust.perturbations.point import Point
    from pytest_segrobust.requirements.requirement import Requirement

    from .patients import PatientValues
    from .space import Continuous


def breaking_by_patient(
    requirement: Requirement, structure: str, course: Sequence[tuple[float, Point, PatientValues]]
) -> dict[str, Any] | None:
    """Each patient's first tried severity at which its own value is beyond the limit, and the share that none has reached.

    `course` are the values at growing severities. Everyone is seen at every severity, so that the share not yet broken is
    a plain share with exact bounds (Clopper-Pearson, each one-sided); where in between two severities a patient breaks is
    not known, and who holds at the last one may break beyond it. None where there is no course, or nobody on all of it.
    """
    known = set.intersection(*(set(values.patients) for _, _, values in course)) if course else set()
    patients = [patient for patient in course[0][2].patients if patient in known] if course else []
    if len(course) < 2 or not patients:
        return None
    beyond = np.array([_beyond(requirement, values, patients) for _, _, values in course])  # (severities, patients)
    broken = np.logical_or.accumulate(beyond, axis=0)
    severities, counts, n = [severity for severity, _, _ in course], broken.sum(axis=1), len(patients)
    steps = []
    for (severity, point, _), count in zip(course, counts, strict=True):
        low, high = clopper_pearson(n - int(count), n, requirement.confidence)
        steps.append({"severity": severity, "parameters": point.to_json(), "unbroken": n - int(count), "n_patients": n,
                      "interval": [low, high]})  # fmt: skip
    return {
        "structure": structure,
        "n_patients": n,
        "steps": steps,
        "patients": [_of_one(name, broken[:, i], severities) for i, name in enumerate(patients)],
        "words": _words(course, counts, n, again=int((broken & ~beyond).any(axis=0).sum())),
    }


def margin(found: BreakingPoint | None, moving: Sequence[Continuous]) -> dict[str, Any] | None:
    """Breaking point over required limit, where one parameter alone grows from 0; at least 1 where nothing broke."""
    if found is None or len(moving) != 1 or moving[0].parameter.identity != 0 or min(moving[0].low, moving[0].high) < 0:
        return None
    parameter, required = moving[0].parameter, max(moving[0].low, moving[0].high)
    steps = found.parameters if found.severity is not None else found.held_to
    values = [step["parameters"][parameter.name] for step in steps or [] if parameter.name in step["parameters"]]
    if len(values) != 1 or not required > 0 or not math.isfinite(required):
        return None
    unit = f" {parameter.unit}" if parameter.unit else ""
    reached, at_least = float(values[0]) / required, found.severity is None
    end = f"{parameter.name} = {values[0]:.3g}{unit}, required is {required:.3g}{unit}"
    words = f"safety margin {reached:.3g}: the estimate breaks at {end}"
    if at_least:
        words = f"safety margin of at least {reached:.3g}: the estimate held to {end}, and nothing beyond was tried"
    return {"parameter": parameter.name, "unit": parameter.unit, "breaks_at": None if at_least else float(values[0]),
            "required": required, "margin": reached, "at_least": at_least, "words": words}  # fmt: skip


def _beyond(requirement: Requirement, values: PatientValues, patients: Sequence[str]) -> list[bool]:
    met = dict(zip(values.patients, meets(requirement.comparison, requirement.limit, values.values), strict=True))
    return [not met[patient] for patient in patients]


def _of_one(patient: str, broken: np.ndarray, severities: Sequence[float]) -> dict[str, Any]:
    """Between which tried severities one patient breaks; `breaks_by` None where it held to the last one."""
    if not broken.any():
        return {"patient": patient, "held_to": severities[-1], "breaks_by": None}
    first = int(broken.argmax())
    return {"patient": patient, "held_to": severities[first - 1] if first else None, "breaks_by": severities[first]}


def _words(course: Sequence[tuple[float, Point, PatientValues]], counts: np.ndarray, n: int, *, again: int) -> str:
    places = [_said(point) for _, point, _ in course]
    half = np.flatnonzero(2 * counts >= n)
    if not half.size:
        words = f"{counts[-1]} of {n} patients are beyond the limit by {places[-1]}, the largest tried: fewer than half"
    elif half[0] == 0:
        where = "on clean images" if course[0][1] == CLEAN else f"at {places[0]}"
        words = f"half of the patients ({counts[0]} of {n}) are beyond the limit {where} already"
    else:
        k = int(half[0])
        words = f"half of the patients ({counts[k]} of {n}) break before {places[k]}, {counts[k - 1]} of them by {places[k - 1]}"
    if again:
        words += f"; {again} are within it again at a larger severity"
    return words


def _said(point: Point) -> str:
    """A point in few words: "sigma = 0.14" where one number says it."""
    numbers: Mapping[str, float] = {
        name: value for step in point.steps for name, value in step.parameters if isinstance(value, int | float)
    }
    if len(numbers) == 1 and len(point.steps) == 1:
        [(name, value)] = numbers.items()
        return f"{name} = {value:.3g}"
    return str(point)
