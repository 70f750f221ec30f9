"""What one slice costs each family: time and memory, measured with the plugin's own inference.

    python cost.py --data hippocampus

Every family in a process of its own, one thread, the same volume, the best of several predictions: memory is what the
process grew by at most while it predicted. Seconds are this machine's; what says something are the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from families import FAMILIES, spec_path, write_specs

REPEATS = 5


def cost(data: Path, repeats: int = REPEATS) -> dict[str, Any]:
    """By family: milliseconds a slice, times the deterministic network, megabytes, parameters and the size of the weights."""
    found = {family: _in_its_own_process(family, data, repeats) for family in FAMILIES}
    one = found["deterministic"]["ms_per_slice"]
    return {family: {**each, "times": round(each["ms_per_slice"] / one, 2)} for family, each in found.items()}


def _in_its_own_process(family: str, data: Path, repeats: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--data", str(data), "--family", family, "--repeats", str(repeats)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    out = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout  # noqa: S603  own command
    measured: dict[str, Any] = json.loads(out.splitlines()[-1])
    return measured


def measured(family: str, data: Path, repeats: int) -> dict[str, Any]:
    """One family, in this process."""
    import torch

    from pytest_segrobust.perturbations.point import CLEAN
    from pytest_segrobust.requirements.spec import load
    from pytest_segrobust.run import Run, RunSettings

    torch.set_num_threads(1)
    weights = FAMILIES[family].files()
    spec = spec_path(family, "attacks")
    run = Run(RunSettings(spec, tuple(map(str, weights)), Path(), data), load(spec))
    segmenter, dataset = run.open_segmenter(), run.open_dataset()
    sample = dataset.read(dataset.cases[0])
    image = torch.from_numpy(sample.image)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        segmenter.predict([image], [sample.spacing], keep_uncertainty=True, keys=[str(CLEAN)])
        seconds.append(time.perf_counter() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kilobytes on Linux
    return {
        "ms_per_slice": round(1000 * min(seconds) / image.shape[-1], 3),
        "memory_mb": round(grown / 1024, 1),
        "parameters": sum(segmenter.description()["parameters"]),
        "weights_kb": round(sum(path.stat().st_size for path in weights) / 1000),
        "passes": FAMILIES[family].passes,
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with imagesTs and labelsTs")
    parser.add_argument("--family", choices=FAMILIES, help="this family alone, in this process")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="predictions, the best of which counts")
    arguments = parser.parse_args()
    write_specs()
    data, repeats = arguments.data.resolve(), arguments.repeats
    print(json.dumps(measured(arguments.family, data, repeats) if arguments.family else cost(data, repeats)))


if __name__ == "__main__":
    main()
