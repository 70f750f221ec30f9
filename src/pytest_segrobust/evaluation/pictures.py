"""Pictures of the worst cases: the slice where the prediction and the reference differ most, clean and perturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..evidence.worst_cases import worst_first
from ..perturbations.point import CLEAN, Point

if TYPE_CHECKING:
    from ..evidence.records import CaseResult, RequirementResult
    from ..evidence.store import Store
    from .evaluation import Evaluation
    from .preparation import Prepared

WORST = 3
"""Cases shown per requirement: those whose value of the measure is worst, a rule fixed before anyone looks."""


def keep_pictures(store: Store, evaluation: Evaluation, result: RequirementResult) -> None:
    """Put pictures of the worst cases at the worst point into the store, and of one drawn by lot as a control."""
    store.clear_pictures(result.id)
    if result.worst is None:
        return
    point = Point.from_json(result.worst["parameters"])
    for chosen, note in _chosen(result):
        case = next(case for case in evaluation.dataset.cases if case.id == chosen.case)
        structure = chosen.structure if chosen.structure in evaluation.structures else evaluation.structures[0]
        clean_image, clean = evaluation.predict(case, CLEAN)
        image, prediction = evaluation.predict(case, point)
        index = evaluation.structures.index(structure)
        before, after = (None if p.masks is None else p.masks[index].cpu().numpy() for p in (clean, prediction))
        reference = None if image.label is None else evaluation.dataset.masks(image.label).get(structure)
        axis, position = _slice(image, reference, after)
        same_frame = not image.label_moved  # a flipped image's clean prediction lies elsewhere
        arrays = {
            "clean": _cut(clean_image.image[0].cpu().numpy(), axis, position if same_frame else None),
            "perturbed": _cut(image.image[0].cpu().numpy(), axis, position),
            "reference": None if reference is None else _cut(reference, axis, position),
            "clean_prediction": None if before is None or not same_frame else _cut(before, axis, position),
            "prediction": None if after is None else _cut(after, axis, position),
        }
        store.put_picture(
            result.id,
            chosen.case,
            structure,
            {name: array for name, array in arrays.items() if array is not None},
            {
                **_about(image, chosen, structure, str(point), axis=axis, position=position, note=note),
                # what no file says has no scale bar
                **({"spacing": None} if case.id in evaluation.dataset.unknown_spacing else {}),
            },
        )


def _chosen(result: RequirementResult) -> list[tuple[CaseResult, str]]:
    """The worst cases by the requirement's own measure, failures first, and a control drawn by the result's id."""
    ordered = worst_first(result)
    worst = [(case, f"worst {rank + 1} of {len(ordered)}") for rank, case in enumerate(ordered[:WORST])]
    rest = ordered[WORST:]
    if rest:
        lot = int.from_bytes(result.id.encode(), "big") % len(rest)
        worst.append((sorted(rest, key=lambda case: case.case)[lot], "control, drawn by lot"))
    return worst


def _slice(image: Prepared, reference: np.ndarray | None, prediction: np.ndarray | None) -> tuple[int | None, int]:
    """The slice across the coarsest axis with the most wrong voxels, else with most of the reference."""
    shape = image.image.shape[1:]
    if len(shape) == 2:
        return None, 0
    axis = int(np.argmax(image.spacing)) if len(set(image.spacing)) > 1 else len(shape) - 1
    empty = np.zeros(shape, bool)
    wrong = (reference if reference is not None else empty) ^ (prediction if prediction is not None else empty)
    for mask in (wrong, reference):
        if mask is not None and mask.any():
            others = tuple(other for other in range(len(shape)) if other != axis)
            return axis, int(mask.sum(axis=others).argmax())
    return axis, shape[axis] // 2


def _cut(array: np.ndarray, axis: int | None, position: int | None) -> np.ndarray:
    if axis is None:
        return array
    cut: np.ndarray = np.take(array, array.shape[axis] // 2 if position is None else position, axis=axis)
    return cut


def _about(
    image: Prepared, chosen: CaseResult, structure: str, point: str, *, axis: int | None, position: int, note: str
) -> dict[str, Any]:
    kept = [step for other, step in enumerate(image.spacing) if other != axis]
    return {
        "case": chosen.case,
        "patient": chosen.patient,
        "structure": structure,
        "point": point,
        "slice": None if axis is None else position,
        "axis": axis,
        "spacing": [float(step) for step in kept],
        "value": chosen.value,
        "range": [float(image.sample.low[0]), float(image.sample.high[0])],
        "note": note if chosen.failure is None else f"{note}: {chosen.failure}",
    }
