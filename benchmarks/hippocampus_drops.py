"""Write benchmarks/hippocampus_drops.csv: the DSC drop of each test volume under gaussian noise, mean of both structures.

    python benchmarks/hippocampus_drops.py --data Task04_Hippocampus

Three strengths, each within and beyond what a clinic meets; the network is that of examples/hippocampus. Scores of
volumes and nothing of their images: `verdicts.py` draws its "real" patients from them.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from hippocampus_job import arguments, volumes_in
from overhead import opened
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.verification.patients import MEAN, Cohort

SIGMAS = (0.05, 0.1, 0.2)
TABLE = Path(__file__).with_name("hippocampus_drops.csv")


def main() -> None:
    options = arguments(__doc__ or "")
    points = {f"sigma {sigma}": Point.of("gaussian noise", sigma=sigma) for sigma in SIGMAS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evaluation, store = opened(folder, volumes_in(options.data, options.volumes, folder / "data"))
        cohort = Cohort(evaluation.measure([CLEAN]), Measure("dsc", "drop"), "below")
        drops = {title: cohort.at(evaluation.measure([point]), MEAN) for title, point in points.items()}
        store.close()
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["volume", *drops])
        for row, volume in enumerate(next(iter(drops.values())).patients):
            writer.writerow([volume, *(f"{found.values[row]:.6f}" for found in drops.values())])


if __name__ == "__main__":
    main()
