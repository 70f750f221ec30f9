"""A small project for tests of the whole: bright discs in 2-D images, and networks that find them well or badly."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# Imported before any `pytester` fixture: it forgets modules imported during a test, and these load once per process.
import matplotlib.figure  # noqa: F401
import nibabel
import numpy as np
import pytest
import scipy.special  # noqa: F401
import torch  # noqa: F401

import pytest_segrobust.requirements.spec  # noqa: F401

SHARED_DATA = Path(os.environ.get("SEGROBUST_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))

NETWORKS = '''
import torch


class Discs(torch.nn.Module):
    """Finds what is brighter than one half after a little smoothing."""

    def forward(self, x):
        x = torch.nn.functional.avg_pool2d(x, 5, 1, 2)
        return 20 * torch.cat([0.5 - x, x - 0.5], 1)


class Background(torch.nn.Module):
    """Sees nothing anywhere."""

    def forward(self, x):
        return torch.cat([x * 0 + 1, x * 0 - 1], 1)


class Vanishing(Discs):
    """Sees nothing as soon as the image is noisy."""

    def forward(self, x):
        rough = (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3), keepdim=True) > 0.06
        return super().forward(x) * torch.where(rough, 0.0, 1.0) + torch.where(rough, 1.0, 0.0) * torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1)


class NotANumber(Discs):
    """Returns NaN as soon as the image is noisy."""

    def forward(self, x):
        rough = (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3), keepdim=True) > 0.06
        return torch.where(rough, torch.nan, super().forward(x))


class Crashing(Discs):
    """Raises on the image with a spot."""

    def forward(self, x):
        if (x.amax(dim=(1, 2, 3)) > 3).any():
            raise RuntimeError("this scanner is unknown")
        return super().forward(x)


class Misshapen(Discs):
    """Returns half of the image."""

    def forward(self, x):
        return super().forward(x)[..., ::2]


def discs():
    return Discs()


def background():
    return Background()


def vanishing():
    return Vanishing()


def not_a_number():
    return NotANumber()


def crashing():
    return Crashing()


def misshapen():
    return Misshapen()
'''

SETTINGS = """
[model]
classes = { disc = 1 }
batch_size = 4

[data]
images = "images/*.nii.gz"
labels = "labels/{name}.nii.gz"
patient = "{name}"
intensity = { window = [0.0, 1.0] }
"""

REQUIREMENTS = """
[[requirement]]
id = "NOISE-1"
statement = "DSC drop under gaussian noise with sigma <= 0.1 is below 20 %"
risks = ["H-3"]

[[requirement]]
id = "NOISE-2"
statement = "DSC drop under gaussian noise with sigma <= 2 is below 5 %"
gate = true  # far beyond any clinic, so it would not count otherwise

[[requirement]]
id = "CLEAN-1"
statement = "DSC is at least 0.9"
tags = ["floor"]
"""


class Project:
    """A folder with images, labels, networks and a spec, and pytest to run in it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path

    def spec(self, requirements: str = REQUIREMENTS, settings: str = SETTINGS) -> Path:
        path = self.path / "segrobust.toml"
        path.write_text(settings + requirements, encoding="utf-8")
        return path

    def run(self, *arguments: str, model: str | None = "networks:discs", **options: Any) -> pytest.RunResult:
        """`pytest segrobust.toml` in a process of its own, in the smoke profile."""
        given = [] if model is None else [f"--segrobust-model={model}"]
        profile = (
            [] if any("segrobust-profile" in argument for argument in arguments) else ["--segrobust-profile=smoke"]
        )
        return self.pytester.runpytest_subprocess("-p", "no:cacheprovider", *given, *profile, *arguments, **options)

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.path / "segrobust-report" / "report.json").read_text(encoding="utf-8")))

    @property
    def verdicts(self) -> dict[str, str]:
        return {entry["id"]: entry["verdict"] for entry in self.report["requirements"]}

    def result(self, identifier: str) -> dict[str, Any]:
        return next(entry for entry in self.report["requirements"] if entry["id"] == identifier)


def write_discs(folder: Path, patients: int = 8, size: int = 32) -> None:
    """Images of one bright disc each, of another size and place per patient, with their labels."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    rows, columns = np.mgrid[:size, :size]
    for patient in range(patients):
        centre = rng.uniform(0.4, 0.6, 2) * size
        radius = rng.uniform(0.2, 0.3) * size
        disc = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
        image = (0.1 + 0.8 * disc + 0.02 * rng.standard_normal(disc.shape)).astype(np.float32)
        if patient == 3:
            image[0, 0] = 5  # the spot that the crashing network cannot bear
        name = f"patient_{patient:02d}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(image, np.diag([1.5, 1.5, 1, 1])), folder / "images" / name)
        nibabel.save(nibabel.Nifti1Image(disc.astype(np.uint8), np.diag([1.5, 1.5, 1, 1])), folder / "labels" / name)


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """A project with eight patients, six networks and three requirements."""
    made = Project(pytester)
    write_discs(made.path)
    (made.path / "networks.py").write_text(NETWORKS, encoding="utf-8")
    made.spec()
    return made


@pytest.fixture(scope="session")
def hippocampus() -> Path:
    """The Decathlon's hippocampus volumes, where they are."""
    folder = SHARED_DATA / "hippocampus"
    if not folder.is_dir():
        pytest.skip(f"no hippocampus volumes in {SHARED_DATA.name}/hippocampus (set SEGROBUST_SHARED_DATA)")
    return folder
