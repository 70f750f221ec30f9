"""A catalogue of perturbations for the tests of sentences, with every kind of parameter that there can be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from pytest_segrobust.perturbations.catalogue import Choice, Parameter, Perturbation, StructureName

if TYPE_CHECKING:
    from pathlib import Path


def _perturbation(name, *alternatives, **more):
    return Perturbation(name, f"{name} of the tests", alternatives, apply=lambda *_: None, **more)


@pytest.fixture(scope="session")
def perturbations() -> dict[str, Perturbation]:
    """Alternatives, units, identities at 0, at 1 and at infinity, choices alone and beside numbers, synonyms."""
    found = (
        _perturbation(
            "gaussian noise",
            (Parameter("sigma", 0, 0, 10, plausible=(0, 0.2), source="a survey"),),
            (Parameter("snr", math.inf, -20, math.inf, unit="dB", scale="decibel", plausible=(10, 40)),),
            random=True,
        ),
        _perturbation("gamma", (Parameter("gamma", 1, 0.1, 10, scale="log", plausible=(0.7, 1.5)),)),
        _perturbation("gaussian blur", (Parameter("sigma", 0, 0, 50, unit="mm"),), synonyms=("blur",)),
        _perturbation("brightness", (Parameter("factor", 1, 0.01, 100),), (Parameter("shift", 0, -1, 1),)),
        _perturbation("flip", (Choice("axis", ("left-right", "anterior-posterior", "rows")),), local=False),
        _perturbation(
            "motion",
            (
                Parameter("rotation", 0, 0, 180, unit="deg"),
                Parameter("translation", 0, 0, 100, unit="mm"),
                Choice("kind", ("sudden", "slow drift")),
            ),
            local=False,
        ),
        _perturbation(
            "targeted pgd",
            (StructureName("source"), StructureName("target"), Parameter("epsilon", 0, 0, 1)),
            (StructureName("source"), StructureName("target"), Parameter("radius", 0, 0, 1000)),
            attack=True,
        ),
        _perturbation("pgd", (Parameter("epsilon", 0, 0, 1),), attack=True),
        _perturbation("salt and pepper noise", (Parameter("density", 0, 0, 1),)),
        _perturbation(
            "ghosting", (Choice("direction", ("rows", "columns")),), (Choice("strength", ("weak", "strong")),)
        ),
    )
    return {perturbation.name: perturbation for perturbation in found}


BASE = """\
[model]
classes = { anterior = 1, posterior = 2 }

[data]
images = "imagesTs/*.nii.gz"
labels = "labelsTs/{name}.nii.gz"
patient = "{name}"
"""


@pytest.fixture
def spec_file(tmp_path):
    """Writes a requirement file: the usual tables and what comes after them, or a whole text of one's own."""

    def write(more: str = "", *, base: str = BASE) -> Path:
        path = tmp_path / "segrobust.toml"
        path.write_text(f"{base}\n{more}", encoding="utf-8")
        return path

    return write
