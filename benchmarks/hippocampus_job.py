"""The job that the benchmarks share: the hippocampus network on the test volumes at several strengths of noise."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hippocampus"
SIGMAS = (0.02, 0.04, 0.06, 0.08, 0.1)
TOLERANCE = 1.0  # mm, of NSD

SPEC = """
[model]
network = "network:build_unet"
preprocess = "network:preprocess"
window = [48, 64, 48]
classes = { anterior = 1, posterior = 2 }

[data]
images = "imagesTs/*.nii.gz"
labels = "labelsTs/{name}.nii.gz"
patient = "{name}"

[[requirement]]
id = "DSC"
statement = "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %"

[[requirement]]
id = "HD95"
statement = "HD95 increase under gaussian noise with sigma <= 0.1 is below 2 mm"

[[requirement]]
id = "NSD"
statement = "NSD drop at 1 mm under gaussian noise with sigma <= 0.1 is below 10 %"
"""


def arguments(description: str) -> argparse.Namespace:
    """--data, the folder of the Decathlon's Task04, and --volumes, how many of its test volumes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="Task04_Hippocampus with imagesTs and labelsTs")
    parser.add_argument("--volumes", type=int, default=60)
    return parser.parse_args()


def volumes_in(data: Path, count: int, folder: Path) -> Path:
    """A folder with links to the first test volumes, so that both sides of a comparison see the same ones."""
    for kind in ("imagesTs", "labelsTs"):
        (folder / kind).mkdir(parents=True)
    for image in sorted((data / "imagesTs").glob("*.nii.gz"))[:count]:
        (folder / "imagesTs" / image.name).symlink_to(image.resolve())
        (folder / "labelsTs" / image.name).symlink_to((data / "labelsTs" / image.name).resolve())
    return folder
