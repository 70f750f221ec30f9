"""An evaluation of the discs network in this process, on eight small images."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pytest_segrobust.datasets.dataset import open_dataset
from pytest_segrobust.evaluation.evaluation import Evaluation
from pytest_segrobust.evidence.store import Store
from pytest_segrobust.models.segmenter import open_segmenter
from pytest_segrobust.requirements.settings import DataSettings, ModelSettings, Window

specification = importlib.util.spec_from_file_location("small_project", Path(__file__).parents[1] / "conftest.py")
small_project = importlib.util.module_from_spec(specification)
specification.loader.exec_module(small_project)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("discs")
    small_project.write_discs(made)
    (made / "networks.py").write_text(small_project.NETWORKS, encoding="utf-8")
    return made


@pytest.fixture
def evaluate(folder, tmp_path):
    """A function that opens an evaluation; what is not said is as in the small project."""

    def make(
        model: str = "discs",
        *,
        stored: bool = True,
        scores=(),
        screening_patients: int = 3,
        seed: int = 0,
        batch: int = 3,
    ):
        settings = DataSettings(
            images="images/*.nii.gz", labels="labels/{name}.nii.gz", patient="{name}", intensity=Window(window=(0, 1))
        )
        path = tmp_path / "run.sqlite"
        store = (Store.open(path) if path.exists() else Store.create(path, {})) if stored else None
        return Evaluation(
            open_segmenter(
                [f"networks:{model}"], ModelSettings(classes={"disc": 1}, batch_size=batch), root=folder, device="cpu"
            ),
            open_dataset(settings, root=folder, classes={"disc": 1}, channels=1),
            store=store,
            score_keys=frozenset(scores),
            screening_patients=screening_patients,
            seed=seed,
        )

    return make
