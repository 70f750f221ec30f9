"""Measuring a verdict's worst point again, from nothing but the report folder, and comparing with what was stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import EvidenceError
from .evaluation.context import tool_source_hash
from .evaluation.counterexample import HASHED, draw_overlay, file_stem, identity, save_volumes, unlike
from .evaluation.pictures import WORST, picture_of
from .evidence.provenance import environment
from .evidence.worst_cases import worst_first
from .metrics.uncertainty.catalogue import MEASURES
from .perturbations.point import Point
from .run import Run, RunSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from .datasets.case import Case
    from .evaluation.evaluation import Evaluation
    from .evidence.records import Measurement, RequirementResult


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
        examples = {each["case"]: each for each in result.worst.get("counterexamples", [])}
        stored = {(row.case, row.structure): row for row in store.find(result.context, str(point), 0)}
        same = bits = True
        for case in _chosen(result, evaluation, cases):
            for row in evaluation.measure_case(case, point):
                before = stored.get((row.case, row.structure))
                equal = before is not None and _equal(before, row)
                same = same and equal
                lines.append(_line(row, before, result.measure, equal=equal))
            words, alike = _bits(evaluation, case, point, examples.get(case.id))
            lines.append(f"  {case.id}: {words}")
            bits = bits and alike
            if save is not None:
                lines += [f"  wrote {path}" for path in _save(evaluation, result, case, save)]
        if not (same and bits) and result.context == evaluation.context:
            lines += _software(run, evaluation, certain=False)  # what the context does not cover, such as the processor
    if same and not bits:
        lines.append("the same scores as stored, and NOT the same counterexample bit for bit")
    else:
        lines.append("the same numbers as stored" if same else "NOT the same numbers as stored")
    return Replay(lines, same and bits)


def _differences(
    run: Mapping[str, Any], result: RequirementResult, again: Run, evaluation: Evaluation
) -> Iterator[str]:
    if result.context == evaluation.context:
        return
    specs = {entry["sha256"] for entry in run.get("specs", [])}
    model: list[str] = run.get("model", {}).get("sha256", [])
    found = False
    if again.spec.sha256 not in specs:
        found = True
        yield "note: the spec has changed since the run"
    if list(evaluation.segmenter.sha256) != model:
        found = True
        yield "note: the model is not the one that was verified"
    if evaluation.data_sha256 != run.get("data", {}).get("sha256"):
        found = True
        yield "note: the data have changed since the run"
    yield from _software(run, evaluation, certain=not found)


def _software(run: Mapping[str, Any], evaluation: Evaluation, *, certain: bool) -> Iterator[str]:
    """What of the machine and its software is not as in the run, by name."""
    was, now = run.get("environment") or {}, environment()
    changed = [
        f"{key} {was[key]} then, {now[key]} now"
        for key in ("python", "os", "cpu")
        if was.get(key, now[key]) != now[key]
    ]
    before, after = was.get("packages") or {}, now["packages"]
    changed += [
        f"{name} {version} then, {after.get(name, 'absent')} now"
        for name, version in before.items()
        if after.get(name) != version
    ]
    device = str(evaluation.segmenter.device)
    if run.get("device") not in (None, device):
        changed.append(f"device {run['device']} then, {device} now")
    if run.get("tool_sha256") not in (None, tool_source_hash()):
        changed.append("this tool's own source")
    if changed:
        yield f"note: not as in the run: {'; '.join(changed)}"
    elif certain:
        yield "note: the model's code or its settings differ from the run's"


def _bits(evaluation: Evaluation, case: Case, point: Point, stored: Mapping[str, Any] | None) -> tuple[str, bool]:
    """Whether the counterexample is the stored one bit for bit, in words and as a truth; one not stored differs in nothing."""
    if not stored:
        return "the run kept no hash of this case, so that the scores alone were compared", True
    image, prediction = evaluation.predict(case, point, keep_uncertainty="uncertainty_sha256" in stored)
    now = identity(image, prediction)
    compared = [words for key, words in HASHED.items() if key in stored and key in now]
    other = unlike(stored, now)
    if other:
        return f"NOT bit for bit as in the run: {' and '.join(other)}", False
    return f"{', '.join(compared)}: bit for bit as in the run ({str(stored['image_sha256'])[:12]})", True


def _save(evaluation: Evaluation, result: RequirementResult, case: Case, folder: Path) -> Iterator[Path]:
    point = Point.from_json((result.worst or {})["parameters"])
    yield from save_volumes(evaluation, case, point, folder)
    yield draw_overlay(*picture_of(evaluation, result, case), folder / f"{file_stem(case.id)}_overlay.png")


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
