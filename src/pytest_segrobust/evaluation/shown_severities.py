"""One case at three severities: what a reader sees of a perturbation before any result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..perturbations.catalogue import catalogue
from ..perturbations.point import Point
from .preparation import prepare

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from ..evidence.records import RequirementResult
    from .evaluation import Evaluation

SHARES = (1 / 3, 2 / 3, 1.0)
"""Of the way from the clean image to the end of the claimed range, as near as the degradation curve has points."""


def keep_severities(
    evaluation: Evaluation,
    result: RequirementResult,
    arrays: MutableMapping[str, np.ndarray],
    about: MutableMapping[str, Any],
) -> None:
    """Add the same slice of the same case as `severity_1` ... and, to `about`, each one's point as `severities`.

    Nothing is predicted for it, so that an attack, which asks the model, is left out.
    """
    points = _points(result)
    if not points or any(catalogue()[step.name].attack for step in points[0].steps):
        return
    case = next(case for case in evaluation.dataset.cases if case.id == about["case"])
    for number, point in enumerate(points, 1):
        image = prepare(
            evaluation.dataset, case, point, device=evaluation.segmenter.device, realisation=0, seed=evaluation.seed
        )
        arrays[f"severity_{number}"] = _cut(image.image[0].cpu().numpy(), about["axis"], about["slice"])
    about["severities"] = [str(point) for point in points]


def _points(result: RequirementResult) -> list[Point]:
    inside = sorted({point.severity: point for point in result.curve if 0 < point.severity <= 1}.items())
    nearest = [min(inside, key=lambda found: abs(found[0] - share))[1] for share in SHARES] if inside else []
    return list(dict.fromkeys(Point.from_json(point.parameters) for point in nearest))


def _cut(array: np.ndarray, axis: int | None, position: int | None) -> np.ndarray:
    if axis is None or position is None:
        return array
    cut: np.ndarray = np.take(array, min(position, array.shape[axis] - 1), axis=axis)
    return cut
