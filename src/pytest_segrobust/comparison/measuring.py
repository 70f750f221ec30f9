"""Measuring a point with a run's own model that the run itself has not measured; its folder stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import EvidenceError
from ..run import Run, RunSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..evidence.records import Measurement, RequirementResult
    from ..perturbations.point import Point
    from ..requirements.spec import Spec
    from .measured import Measured
    from .opened import OpenedRun


def measuring(run: OpenedRun, specs: Mapping[str, Spec]) -> Callable[[RequirementResult], Measured]:
    """What measures points as the run did: for a result of it, a function of a point and a number of noise draws.

    Opens the model when it is needed first. The function raises EvidenceError where model, data, tool or machine are not
    those of the run any more.
    """
    opened: list[tuple[Run, object, object]] = []

    def measured(result: RequirementResult) -> Measured:
        def measure(point: Point, draws: int) -> list[list[Measurement]]:
            again = _again(run, specs)
            if not opened:
                opened.append((again, again.open_segmenter(), again.open_dataset()))
            _, segmenter, dataset = opened[0]
            evaluation = again.evaluation(segmenter, dataset, score_keys=frozenset(result.score_keys))  # type: ignore[arg-type]
            if evaluation.context != result.context:
                raise EvidenceError(
                    f"{run.name}: its model, data, tool or machine are not those of the run any more; run it again"
                )
            rows = evaluation.measure([point], realisations=draws)
            return [[row for row in rows if row.realisation == draw] for draw in sorted({r.realisation for r in rows})]

        return measure

    return measured


def _again(run: OpenedRun, specs: Mapping[str, Spec]) -> Run:
    spec = next((specs[digest] for digest in run.spec_hashes if digest in specs), None)
    if spec is None or "settings" not in run.run:
        raise EvidenceError(f"{run.name}: its requirement file is not at hand any more; nothing can be measured anew")
    return Run(RunSettings.from_json(run.run["settings"]), spec)
