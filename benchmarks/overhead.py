"""What a run costs besides its forward passes: wall time over forward time in one process, and where the rest goes.

    python benchmarks/overhead.py --data Task04_Hippocampus

DSC, HD95 and NSD of both structures, every volume at five strengths of noise. Seconds of a shared machine mean little;
the ratio is of two times of the same process.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hippocampus_job import EXAMPLE, SIGMAS, SPEC, arguments, volumes_in
from pytest_segrobust.evidence.store import Store
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.spec import load
from pytest_segrobust.run import Run, RunSettings

if TYPE_CHECKING:
    from pytest_segrobust.evaluation.evaluation import Evaluation

PLACES = {
    "reading images and labels": ("dataset.py", "read"),
    "perturbing": ("application.py", "perturb"),
    "preprocessing": ("segmenter.py", "prepare"),
    "padding and stacking": ("padding.py", "stacked"),
    "forward passes": ("forward.py", "member_scores"),
    "masks from outputs": ("reading.py", "_reading"),
    "metrics": ("scoring.py", "rows"),
    "store": ("store.py", "_write"),
    "hashing the data": ("dataset.py", "file_hashes"),
}


def opened(folder: Path, data: Path) -> tuple[Evaluation, Store]:
    """A fresh evaluation with a fresh store."""
    spec = EXAMPLE / "benchmark.segrobust.toml"
    spec.write_text(SPEC, encoding="utf-8")
    try:
        settings = RunSettings(spec, (str(EXAMPLE / "weights.pt"),), report=folder, data_root=data)
        store = Store.create(folder / f"{time.monotonic_ns()}.sqlite", {})
        run = Run(settings, load(spec), store)
        return run.evaluation(run.open_segmenter(), run.open_dataset()), store
    finally:
        spec.unlink()


def main() -> None:
    options = arguments(__doc__ or "")
    points = [CLEAN, *(Point.of("gaussian noise", sigma=sigma) for sigma in SIGMAS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = volumes_in(options.data, options.volumes, folder / "data")
        start = time.perf_counter()
        evaluation, store = opened(folder, data)
        opening = time.perf_counter() - start
        start = time.perf_counter()
        rows = evaluation.measure(points)
        wall = time.perf_counter() - start
        forward = evaluation.segmenter.forward_seconds
        store.close()
        print(f"{len(rows)} rows: {options.volumes} volumes x {len(points)} points x 2 structures")
        print(
            f"evaluation loop: wall / forward = {wall / forward:.2f} (with opening: {(wall + opening) / forward:.2f})"
        )

        evaluation, store = opened(folder, data)
        profile = cProfile.Profile()
        profile.runcall(evaluation.measure, points)
        store.close()
        statistics = pstats.Stats(profile)
        total = statistics.total_tt  # type: ignore[attr-defined]
        for what, (file, function) in PLACES.items():
            spent = sum(
                timing[3]
                for (path, _, called), timing in statistics.stats.items()  # type: ignore[attr-defined]
                if Path(path).name == file and called == function and "pytest_segrobust" in path
            )
            print(f"  {what:28s} {spent / total:6.1%} of the profiled time")

        whole_run(folder, data)


def whole_run(folder: Path, data: Path) -> None:
    """The example's own requirements decided by pytest in one process, from its start to its report."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", str(EXAMPLE / "segrobust.toml"), "-q", "-p", "no:cacheprovider",
         f"--segrobust-model={EXAMPLE / 'weights.pt'}", f"--segrobust-data={data}",
         f"--segrobust-report={folder / 'report'}"],
        check=False, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wall = time.perf_counter() - start
    report = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    ratio = wall / report["cost"]["forward_seconds"]
    print(
        f"whole run of the example, {len(report['requirements'])} requirements: wall / forward = {ratio:.2f}", end=" "
    )
    print(f"({report['cost']['forward_passes']} forward passes)")


if __name__ == "__main__":
    main()
