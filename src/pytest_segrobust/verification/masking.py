"""Whether an attack could be trusted: what a weak attack, or a model that hides its gradients, would not stand.

An attack that fails to harm a model proves nothing if something weaker harms it more (Athalye et al. 2018, Carlini et al.
2019). So every attack is compared, at its largest radius and on the screening patients, with the same step at radius 0,
with a single gradient step, with a random perturbation of the same norm, with a black-box search, and with an attack made
on another model. Where one of them does more harm, the model's gradients may be masked, and nothing may pass.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.perturbations.catalogue import StructureName, catalogue
from pytest_segrobust.perturbations.point import Point, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_segrobust.evidence.records import Measurement, RequirementResult

    Measure = Callable[[Sequence[Point]], list[Measurement]]

TOLERANCE = 0.01  # of mean DSC: what random starts and a few patients may differ by
RANDOM, BLACK_BOX, TRANSFER = "random perturbation", "square attack", "transfer attack"
TARGETED, FREE, SINGLE = "targeted ", "pgd", "fgsm"
STILL = "the same attack at radius 0"


@dataclass(frozen=True)
class Check:
    """One comparison: the mean score under the attack and under the other, and whether the attack did as much harm."""

    name: str
    held: bool
    attack: float
    other: float

    def words(self) -> str:
        """The comparison as a sentence's end."""
        if self.name.startswith(STILL):
            return f"{self.name} changes the mean score, which is {self.other:.3g} there"
        return f"mean score {self.attack:.3g} under the attack, {self.other:.3g} under {self.name}"


def attacks(point: Point) -> bool:
    """Whether a step of the point attacks the model."""
    return any(_is_attack(step) for step in point.steps)


def masking_checks(point: Point, measure: Measure, *, structures: Sequence[str], surrogate: bool) -> list[Check]:
    """Compare each attack of `point` with all that must not beat it; `measure` measures points on the same patients.

    The score is the mean over patients and structures (for a targeted attack its source and target) of DSC, or of the
    agreement with the clean prediction where cases have no label (whether they failed, where it is not scored). At radius
    0 it must be that without the attack; otherwise the other may be lower by TOLERANCE at most.
    """
    places = [place for place, step in enumerate(point.steps) if _is_attack(step)]
    pairs = {place: list(_pairs(point, place, surrogate=surrogate)) for place in places}
    points = dict.fromkeys([*(each for place in places for _, *pair in pairs[place] for each in pair), point])
    rows = measure(list(points))
    checks = []
    for place in places:
        named = [str(value) for name, value in point.steps[place].parameters if name in ("source", "target")]
        scores = {str(p): _score([m for m in rows if m.point == str(p)], named or structures) for p in points}
        still, without = (scores[str(each)] for each in pairs[place][0][1:])
        of_which = f", in place of {point.steps[place].name}" if len(places) > 1 else ""
        checks.append(Check(f"{STILL}{of_which}", still == without, scores[str(point)], still))
        for name, attack, other in pairs[place][1:]:
            found, harm = scores[str(attack)], scores[str(other)]
            checks.append(Check(name + of_which, bool(found <= harm + TOLERANCE), found, harm))
    return checks


def with_checks(result: RequirementResult, checks: Sequence[Check], notes: Sequence[str]) -> RequirementResult:
    """The result with its attack's self-checks; what would have passed, or is open, is invalid where one did not hold.

    A failure stays one: the limit was exceeded, whatever a better attack would have found.
    """
    search: dict[str, Any] = {**result.search, "attack_checks": [asdict(check) for check in checks]}
    broken = [check for check in checks if not check.held]
    warnings = [*notes, *(f"gradients masked? {check.words()}" for check in broken), *result.warnings]
    caveats = [*notes, *result.search.get("caveats", [])]
    changed = replace(result, search={**search, "caveats": caveats}, warnings=warnings)
    if not broken or result.verdict not in ("passed", "inconclusive"):
        return changed
    return replace(
        changed,
        verdict="invalid",
        reason=f"gradients masked? {broken[0].words()}, which should not be the stronger of the two; "
        f"the attack says nothing, otherwise: {result.reason}",
    )


def _is_attack(step: Step) -> bool:
    return catalogue()[step.name].attack


def _pairs(point: Point, place: int, *, surrogate: bool) -> Iterator[tuple[str, Point, Point]]:
    """An attack and what must not do more harm than it, at the same norm; first the attack at radius 0 and none at all."""
    step = point.steps[place]
    yield "radius 0", _with(point, place, _still(step)), Point((*point.steps[:place], *point.steps[place + 1 :]))
    against, words = point, ""
    if step.name.startswith(TARGETED):
        # What may choose its error freely can do more harm than an attack that is told which to make, and one that does not
        # reach its target may even improve a segmentation. But gradients that are masked for one target are masked for
        # all: let a gradient attack choose freely, too.
        against, words = _with(point, place, _untargeted(step, FREE)), ", both without a target"
    if step.name not in (SINGLE, RANDOM, BLACK_BOX, TRANSFER):
        yield f"{SINGLE}{words}", against, _with(point, place, _untargeted(step, SINGLE))
    if step.name != RANDOM:
        yield f"a {RANDOM}{words}", against, _with(point, place, _untargeted(step, RANDOM))
    if step.name not in (BLACK_BOX, RANDOM):
        yield f"a {BLACK_BOX}{words}", against, _with(point, place, _untargeted(step, BLACK_BOX))
    if surrogate and step.name not in (TRANSFER, RANDOM):
        yield f"a {TRANSFER}{words}", against, _with(point, place, _untargeted(step, TRANSFER))


def _untargeted(step: Step, name: str) -> Step:
    words = {p.name for p in catalogue()[step.name].parameters.values() if isinstance(p, StructureName)}
    return Step(name, tuple((key, value) for key, value in step.parameters if key not in words), step.on)


def _still(step: Step) -> Step:
    parameters = catalogue()[step.name].parameters
    values = ((key, value if isinstance(value, str) else parameters[key].identity) for key, value in step.parameters)  # type: ignore[union-attr]  # a number's parameter has one
    return replace(step, parameters=tuple(values))


def _with(point: Point, place: int, step: Step) -> Point:
    return Point((*point.steps[:place], step, *point.steps[place + 1 :]))


def _score(rows: Sequence[Measurement], structures: Sequence[str]) -> float:
    """The mean over patients of the mean over their cases and structures."""
    by_patient: dict[str, list[float]] = {}
    for m in rows:
        if structures and m.structure not in structures:
            continue
        survived = 1.0 if m.failure is None else 0.0
        value = m.scores.get("dsc", np.nan) if m.reference_voxels is not None else m.scores.get("agreement", survived)
        if np.isfinite(value):
            by_patient.setdefault(m.patient, []).append(value)
    return float(np.mean([np.mean(values) for values in by_patient.values()])) if by_patient else np.nan
