"""What each perturbation costs, as a share of the hippocampus network's forward pass of the same case.

    python benchmarks/perturbations.py --data Task04_Hippocampus --volumes 8

Each volume goes through each perturbation at five severities up to the end of its plausible range, as in a run, where a
case's random field is drawn once for all of them. Times are of one process; the ratio is what can be compared.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from hippocampus_job import arguments, volumes_in
from overhead import opened
from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.evaluation.preparation import prepare
from pytest_segrobust.perturbations import towards_identity
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, Perturbation, catalogue
from pytest_segrobust.perturbations.point import CLEAN, Point

LIMIT = 0.10
SEVERITIES = (0.2, 0.4, 0.6, 0.8, 1.0)


def severest(perturbation: Perturbation) -> Point:
    """The end of the plausible range that is farther from the identity, of the first alternative."""
    values: dict[str, float | str] = {}
    for parameter in perturbation.alternatives[0]:
        if isinstance(parameter, Choice):
            values[parameter.name] = parameter.options[0]
        elif isinstance(parameter, Parameter) and parameter.plausible is not None:
            start = parameter.to_coordinate(parameter.identity)
            values[parameter.name] = max(parameter.plausible, key=lambda end: abs(parameter.to_coordinate(end) - start))
    return Point.of(perturbation.name, **values)


def main() -> None:
    options = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        data = volumes_in(options.data, options.volumes, Path(name) / "data")
        evaluation, store = opened(Path(name), data)
        dataset, segmenter = evaluation.dataset, evaluation.segmenter

        def run(point: Point) -> float:
            """Seconds for one point on all volumes, reading left out: cases are kept after the first time."""
            start = time.perf_counter()
            for case in dataset.cases:
                prepare(dataset, case, point, device="cpu", realisation=0, seed=0)
            return time.perf_counter() - start

        for _ in range(2):
            evaluation.measure([CLEAN])
        passes = []
        images = [torch.from_numpy(dataset.read(case).image) for case in dataset.cases]
        for _ in range(5):
            before = segmenter.forward_seconds
            segmenter.predict(images, [dataset.read(case).spacing for case in dataset.cases])
            passes.append(segmenter.forward_seconds - before)
        forward = sorted(passes)[len(passes) // 2] / len(images)
        reading = min(run(CLEAN) for _ in range(5)) / len(images)

        found = []
        for perturbation in catalogue().values():
            if perturbation.attack:
                continue
            point = severest(perturbation)
            try:
                times = [run(towards_identity(point, severity)) for severity in SEVERITIES]
            except PerturbationError as error:
                print(f"{perturbation.name}: {error}")
                continue
            each = sum(times) / len(times) / len(images) - reading
            found.append((each / forward, perturbation.name, point))
        store.close()
    print(f"| perturbation | share of the forward pass | above {LIMIT:.0%} |")
    print("|---|---|---|")
    for ratio, _, point in sorted(found, key=lambda row: row[:2]):
        print(f"| {point} | {ratio:.1%} | {'yes' if ratio > LIMIT else ''} |")


if __name__ == "__main__":
    main()
