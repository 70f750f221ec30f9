"""Write benchmarks/search_grids.csv: the DSC drop of test volumes on exhaustive grids, the truth that searches are held to.

    OMP_NUM_THREADS=1 python benchmarks/search_grids.py --data Task04_Hippocampus --volumes 20 --processes 2

One row per grid point with its place in the domain (0 to 1 on each axis, in the search's own coordinates) and the drop of
each volume, mean of both structures; the network is that of examples/hippocampus. Scores of volumes and nothing of their
images: `search.py` searches on these surfaces. 20 volumes are 8520 forward passes, about 10 minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from hippocampus_job import EXAMPLE, SPEC
from pytest_segrobust.perturbations.point import CLEAN
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.requirements.spec import load
from pytest_segrobust.run import Run, RunSettings
from pytest_segrobust.verification.patients import MEAN, Cohort
from pytest_segrobust.verification.space import STEPS
from search import DOMAINS, TABLE, places, space_of


def drops_of(images: list[Path]) -> dict[tuple[str, str], np.ndarray]:
    """The drops of some volumes on all grids, by name of the domain and volume."""
    found: dict[tuple[str, str], np.ndarray] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("imagesTs", "labelsTs"):
            (folder / "data" / kind).mkdir(parents=True)
            for image in images:
                (folder / "data" / kind / image.name).symlink_to((image.parent.parent / kind / image.name).resolve())
        shutil.copy(EXAMPLE / "network.py", folder)
        spec = folder / "grid.segrobust.toml"
        spec.write_text("[[requirement]]".join(SPEC.split("[[requirement]]")[:2]), encoding="utf-8")
        settings = RunSettings(spec, (str(EXAMPLE / "weights.pt"),), report=folder, data_root=folder / "data")
        run = Run(settings, load(spec))
        evaluation = run.evaluation(run.open_segmenter(), run.open_dataset())
        cohort = Cohort(evaluation.measure([CLEAN]), Measure("dsc", "drop"), "below")
        for title, (domains, _) in DOMAINS.items():
            space = space_of(domains)
            points = [space.point(tuple(np.rint(np.array(place) * STEPS).tolist())) for place in places(title)]
            rows = [cohort.at(evaluation.measure([point]), MEAN) for point in points]
            for column, patient in enumerate(rows[0].patients):
                found[title, patient] = np.array([row.values[column] for row in rows])
            print(title, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Task04_Hippocampus with imagesTs and labelsTs")
    parser.add_argument("--volumes", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    images = sorted((options.data / "imagesTs").glob("*.nii.gz"))[: options.volumes]
    found: dict[tuple[str, str], np.ndarray] = {}
    with ProcessPoolExecutor(options.processes) as pool:
        for part in pool.map(drops_of, [images[i :: options.processes] for i in range(options.processes)]):
            found |= part
    volumes = sorted({volume for _, volume in found})
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["domain", "place", *volumes])
        for title in DOMAINS:
            for row, place in enumerate(places(title)):
                drops = (f"{found[title, volume][row]:.5f}" for volume in volumes)
                writer.writerow([title, " ".join(f"{x:.5g}" for x in place), *drops])


if __name__ == "__main__":
    main()
