"""Measuring a verdict's worst point again, from nothing but the report folder, and comparing with what was stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import EvidenceError
from .evidence.worst_cases import worst_first
from .metrics.uncertainty.catalogue import MEASURES
from .perturbations.point import CLEAN, Point
from .run import Run, RunSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np

    from .datasets.case import Case
    from .evaluation.evaluation import Evaluation
    from .evidence.records import Measurement, RequirementResult

WORST = 5


@dataclass(frozen=True)
class Replay:
    """What came of it: lines to print, and whether every number was the stored one."""

    lines: list[str]
    same: bool


def replay(directory: Path, requirement: str, *, cases: Sequence[str] = (), save: Path | None = None) -> Replay:
    """Measure the worst point of a requirement on some of its cases again.

    Raises:
        EvidenceError: no such run, requirement or case, or the requirement has no worst point.
    """
    from .evidence.store import Store
    from .requirements.spec import load

    with Store.open(directory / "run.sqlite") as store:
        run = store.run()
        result = store.results().get(requirement)
        if result is None:
            known = ", ".join(store.results())
            raise EvidenceError(f"{directory}: no requirement {requirement}; it has {known or 'none'}")
        if result.worst is None or "settings" not in run:
            raise EvidenceError(f"{requirement} is {result.verdict.replace('_', ' ')}: there is no point to replay")
        settings = RunSettings.from_json(run["settings"])
        again = Run(settings, load(settings.spec))
        scored = frozenset(result.score_keys)
        evaluation = again.evaluation(again.open_segmenter(), again.open_dataset(), score_keys=scored)
        point = Point.from_json(result.worst["parameters"])
        lines = [f"{requirement}: {result.statement}", f"at {point}", *_differences(run, result, again, evaluation)]
        stored = {(row.case, row.structure): row for row in store.find(result.context, str(point), 0)}
        same = True
        for case in _chosen(result, evaluation, cases):
            for row in evaluation.measure_case(case, point):
                before = stored.get((row.case, row.structure))
                equal = before is not None and _equal(before, row)
                same = same and equal
                lines.append(_line(row, before, result.measure, equal=equal))
            if save is not None:
                lines += [f"  wrote {path}" for path in _save(evaluation, case, point, save)]
    lines.append("the same numbers as stored" if same else "NOT the same numbers as stored")
    return Replay(lines, same)


def _differences(
    run: dict[str, object], result: RequirementResult, again: Run, evaluation: Evaluation
) -> Iterator[str]:
    if result.context == evaluation.context:
        return
    specs = {entry["sha256"] for entry in run.get("specs", [])}  # type: ignore[attr-defined]
    model: list[str] = run.get("model", {}).get("sha256", [])  # type: ignore[attr-defined]
    found = False
    if again.spec.sha256 not in specs:
        found = True
        yield "note: the spec has changed since the run"
    if list(evaluation.segmenter.sha256) != model:
        found = True
        yield "note: the model is not the one that was verified"
    if evaluation.data_sha256 != run.get("data", {}).get("sha256"):  # type: ignore[attr-defined]
        found = True
        yield "note: the data have changed since the run"
    if not found:
        yield "note: the tool, torch, the device or the model's code differ from the run's"


def _chosen(result: RequirementResult, evaluation: Evaluation, names: Sequence[str]) -> list[Case]:
    by_id = {case.id: case for case in evaluation.dataset.cases}
    unknown = [name for name in names if name not in by_id]
    if unknown:
        raise EvidenceError(f"no case is called {unknown[0]}; there are {len(by_id)}, such as {next(iter(by_id))}")
    if not names:
        names = [case.case for case in worst_first(result)][:WORST]
    return [by_id[name] for name in names]


def _equal(before: Measurement, now: Measurement) -> bool:
    """Whether failure, every score and every reason why there is none are the same, none missing and none new."""
    return (
        before.failure == now.failure
        and before.undefined == now.undefined
        and before.scores.keys() == now.scores.keys()
        and not any(_differs(value, now.scores[key]) for key, value in before.scores.items())
    )


def _differs(before: float, now: float) -> bool:
    return before != now and not (math.isnan(before) and math.isnan(now))


def _line(row: Measurement, before: Measurement | None, measure: str, *, equal: bool) -> str:
    was = "not stored" if before is None else "as stored" if equal else f"differs, {_stored(before, row, measure)}"
    return f"  {row.case}, {row.structure}: {_short(row, measure)} ({was})"


def _stored(before: Measurement, now: Measurement, measure: str) -> str:
    """What was stored, and the keys of which there is a score, or a reason for none, on one side alone or another one."""
    words = [f"stored: {_short(before, measure)}"]
    for said, one, other in (("missing now", before, now), ("not stored", now, before)):
        if keys := sorted(one.scores.keys() - other.scores.keys()):
            words.append(f"{said}: {', '.join(keys)}")
    changed = [key for key, value in before.scores.items() if key in now.scores and _differs(value, now.scores[key])]
    unlike = sorted(
        k for k in before.undefined.keys() | now.undefined.keys() if before.undefined.get(k) != now.undefined.get(k)
    )
    if other_keys := [key for key in (*changed, *unlike) if key not in _shown(before, measure)]:
        words.append(f"not the same: {', '.join(other_keys)}")
    return "; ".join(words)


def _shown(row: Measurement, measure: str) -> list[str]:
    """The scores that are printed: those of masks, and of uncertainty where it was scored the measure's own, too."""
    own = {key for key, known in MEASURES.items() if known.name in measure}
    return [key for key in row.scores if key in ("dsc", "hd95", "agreement", "uncertainty") or key in own]


def _short(row: Measurement, measure: str) -> str:
    scores = ", ".join(f"{key} {row.scores[key]:.4f}" for key in _shown(row, measure))
    why = "".join(f", no {key}: {reason}" for key, reason in row.undefined.items() if MEASURES[key].name in measure)
    return f"{scores}{why}{f' [{row.failure}]' if row.failure else ''}"


def _save(evaluation: Evaluation, case: Case, point: Point, folder: Path) -> Iterator[Path]:
    import nibabel
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    clean, before = evaluation.predict(case, CLEAN)
    image, after = evaluation.predict(case, point)

    def write(name: str, array: np.ndarray) -> Path:
        path = folder / f"{case.id.replace('/', '_')}_{name}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(array, image.sample.affine), path)  # type: ignore[no-untyped-call]
        return path

    yield write("clean", np.moveaxis(clean.image.cpu().numpy(), 0, -1).squeeze())
    yield write("perturbed", np.moveaxis(image.image.cpu().numpy(), 0, -1).squeeze())
    if image.label is not None:
        yield write("reference", image.label.astype(np.int16))
    for name, prediction in (("prediction_clean", before), ("prediction_perturbed", after)):
        if prediction.masks is not None:
            labels = np.zeros(prediction.masks.shape[1:], np.int16)
            for number, mask in enumerate(prediction.masks.cpu().numpy(), start=1):
                labels[mask] = number
            yield write(name, labels)
