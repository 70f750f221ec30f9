"""Measuring a verdict's worst point again, from nothing but the report folder, and comparing with what was stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import EvidenceError
from .evidence.worst_cases import worst_first
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
                lines.append(_line(row, before, equal=equal))
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
    return before.failure == now.failure and all(
        math.isclose(value, now.scores[key], rel_tol=0, abs_tol=0)
        for key, value in before.scores.items()
        if key in now.scores
    )


def _line(row: Measurement, before: Measurement | None, *, equal: bool) -> str:
    scores = ", ".join(f"{key} {value:.4f}" for key, value in row.scores.items() if key in ("dsc", "hd95", "agreement"))
    was = "not stored" if before is None else "as stored" if equal else f"stored: {_short(before)}"
    failure = f" [{row.failure}]" if row.failure else ""
    return f"  {row.case}, {row.structure}: {scores}{failure} ({was})"


def _short(row: Measurement) -> str:
    return ", ".join(f"{key} {value:.4f}" for key, value in row.scores.items() if key in ("dsc", "hd95", "agreement"))


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
