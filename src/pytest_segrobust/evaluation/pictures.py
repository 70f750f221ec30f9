"""Pictures of the worst cases: the slice where the prediction and the reference differ most, clean and perturbed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evidence.records import CaseResult
from ..evidence.worst_cases import most_wrong_first, of_all_patients, worst_first
from ..perturbations.point import CLEAN, Point
from .counterexample import identity
from .shown_severities import keep_severities

if TYPE_CHECKING:
    import torch

    from ..datasets.case import Case
    from ..evidence.records import RequirementResult
    from ..evidence.store import Store
    from .evaluation import Evaluation
    from .preparation import Prepared

WORST = 3
"""Cases shown per requirement: those whose value of the measure is worst, a rule fixed before anyone looks."""

_MAPS = ("clean_uncertainty", "uncertainty")


def keep_pictures(store: Store, evaluation: Evaluation, result: RequirementResult) -> RequirementResult:
    """Put pictures of the worst cases at the worst point into the store, and of one drawn by lot as a control.

    The result comes back with `worst["counterexamples"]`: what identifies each of these cases to the bit, for a replay.
    """
    store.clear_pictures(result.id)
    if result.worst is None:
        return result
    point = Point.from_json(result.worst["parameters"])
    drawn = [_drawn(evaluation, point, chosen, note) for chosen, note in _chosen(result)]
    tops = [float(np.nan_to_num(arrays[name]).max()) for arrays, _ in drawn for name in _MAPS if name in arrays]
    for arrays, about in drawn[:1]:
        keep_severities(evaluation, result, arrays, about)
    for arrays, about in drawn:
        if any(name in arrays for name in _MAPS):  # one scale for all, so that they can be compared
            about |= {"uncertainty_map": evaluation.uncertainty["map"], "uncertainty_range": [0.0, max(tops)]}
        store.put_picture(result.id, about["case"], about["structure"], arrays, about)
    examples = [{"case": about["case"], **about["identity"]} for _, about in drawn]
    return replace(result, worst={**result.worst, "counterexamples": examples})


def picture_of(
    evaluation: Evaluation, result: RequirementResult, case: Case
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the words of a picture of any case at the worst point, as `keep_pictures` keeps them."""
    worst = result.worst or {}
    known = next((each for each in worst_first(result) if each.case == case.id), None)
    chosen = known or CaseResult(case.id, case.patient, str(worst.get("structure")), None, None, None)
    return _drawn(evaluation, Point.from_json(worst["parameters"]), chosen, "")


def _drawn(
    evaluation: Evaluation, point: Point, chosen: CaseResult, note: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """One case's slices, clean and perturbed, and what they show."""
    case = next(case for case in evaluation.dataset.cases if case.id == chosen.case)
    structure = chosen.structure if chosen.structure in evaluation.structures else evaluation.structures[0]
    maps = bool(evaluation.uncertainty)
    clean_image, clean = evaluation.predict(case, CLEAN, keep_uncertainty=maps)
    image, prediction = evaluation.predict(case, point, keep_uncertainty=maps)
    index = evaluation.structures.index(structure)
    before, after = (None if p.masks is None else p.masks[index].cpu().numpy() for p in (clean, prediction))
    reference = None if image.label is None else evaluation.dataset.masks(image.label).get(structure)
    axis, position = _slice(image, reference, after)
    same_frame = not image.label_moved  # a flipped image's clean prediction lies elsewhere
    clean_position = position if same_frame else None
    arrays = {
        "clean": _cut(clean_image.image[0].cpu().numpy(), axis, clean_position),
        "perturbed": _cut(image.image[0].cpu().numpy(), axis, position),
        "reference": None if reference is None else _cut(reference, axis, position),
        "clean_prediction": None if before is None or not same_frame else _cut(before, axis, position),
        "prediction": None if after is None else _cut(after, axis, position),
    }
    for name, said, place in zip(_MAPS, (clean, prediction), (clean_position, position), strict=True):
        if said.uncertainty is not None:
            arrays[name] = _cut(_own_map(said.uncertainty, index).cpu().numpy(), axis, place)
    about = _about(image, chosen, structure, str(point), axis=axis, position=position, note=note)
    about["identity"] = identity(image, prediction)
    if case.id in evaluation.dataset.unknown_spacing:
        about["spacing"] = None  # what no file says has no scale bar
    return {name: array for name, array in arrays.items() if array is not None}, about


def _own_map(uncertainty: torch.Tensor, index: int) -> torch.Tensor:
    """The map of one structure; one map stands for all where classes exclude one another."""
    return uncertainty[0 if uncertainty.shape[0] == 1 else index]


def _chosen(result: RequirementResult) -> list[tuple[CaseResult, str]]:
    """The worst cases by the requirement's own measure, failures first, and a control drawn by the result's id.

    Where single cases have no value of the measure (a correlation), their uncertainty and error are said instead.
    """
    ordered, reasons = worst_first(result), {}
    if of_all_patients(result):
        ordered = [replace(case, value=None) for case in ordered]
        reasons = {case.case: f", {why}" for case, why in most_wrong_first(result)}
    worst = [(case, f"worst {rank + 1} of {len(ordered)}") for rank, case in enumerate(ordered[:WORST])]
    rest = ordered[WORST:]
    if rest:
        lot = int.from_bytes(result.id.encode(), "big") % len(rest)
        worst.append((sorted(rest, key=lambda case: case.case)[lot], "control, drawn by lot"))
    return [(case, note + reasons.get(case.case, "")) for case, note in worst]


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
