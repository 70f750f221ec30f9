"""Volumes that a 2-D network is fed slice by slice: each is predicted by itself, and costs its own slices alone."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from pytest_segrobust import perturbations as p
from pytest_segrobust.datasets.dataset import open_dataset
from pytest_segrobust.evaluation import shown_predictions
from pytest_segrobust.evaluation.evaluation import Evaluation
from pytest_segrobust.models.segmenter import open_segmenter
from pytest_segrobust.perturbations.point import CLEAN
from pytest_segrobust.requirements.settings import DataSettings, ModelSettings, Window

SLICES = 5
NETWORKS = """
import torch


class Bright(torch.nn.Module):
    def forward(self, image):
        return torch.cat([0.5 - image, image - 0.5], 1)


class Drifting(torch.nn.Module):
    calls = 0

    def forward(self, image):
        self.calls += 1
        limit = 0.5 + 0.04 * self.calls
        return torch.cat([limit - image, image - limit], 1)
"""


@pytest.fixture
def evaluate(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    (tmp_path / "slice_networks.py").write_text(NETWORKS, encoding="utf-8")
    for number in range(7):
        x, y, z = np.mgrid[:16, :16, :SLICES]
        inside = (x - 8) ** 2 + (y - 7) ** 2 + (z - 2) ** 2 < 20 + 2 * number
        rng = np.random.default_rng(number)
        image = np.where(inside, 0.8, 0.2) + 0.05 * rng.standard_normal(inside.shape)
        for folder, array in (("images", image.astype(np.float32)), ("labels", inside.astype(np.uint8))):
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / folder / f"v{number}.nii.gz")

    def make(network="Bright", batch=4):
        settings = ModelSettings(classes={"ball": 1}, dimensions=2, batch_size=batch)
        data = DataSettings(
            images="images/*.nii.gz", labels="labels/{name}.nii.gz", patient="{name}", intensity=Window(window=(0, 1))
        )
        dataset = open_dataset(data, root=tmp_path, classes={"ball": 1}, channels=1)
        dataset.check()
        segmenter = open_segmenter([f"slice_networks:{network}"], settings, root=tmp_path, device="cpu")
        return Evaluation(segmenter, dataset, screening_patients=2)

    return make


def test_a_picture_costs_the_slices_of_its_own_volume(evaluate):
    evaluation = evaluate()
    evaluation.predict(evaluation.dataset.cases[3], CLEAN)
    assert evaluation.segmenter.forward_passes == SLICES


def test_screening_measures_as_many_patients_as_were_asked_for(evaluate):
    evaluation = evaluate(batch=6)
    evaluation.measure([p.gaussian_noise(sigma=0.2)], screening=True)
    assert evaluation.screening_patients == evaluation.patients[:2]
    assert evaluation.segmenter.forward_passes == 2 * SLICES


def test_numbers_do_not_depend_on_the_size_of_batches(evaluate):
    noise = p.gaussian_noise(sigma=0.3)
    few, many = evaluate(batch=2).measure([noise]), evaluate(batch=16).measure([noise])
    assert [(row.case, row.scores) for row in few] == [(row.case, row.scores) for row in many]
    assert len({row.scores["dsc"] for row in few}) > 1


def test_a_network_that_changes_as_it_goes_is_found(evaluate):
    assert evaluate().unsteady == ""
    assert "a second time" in evaluate("Drifting").unsteady


def test_a_picture_that_was_made_is_not_made_again_until_there_is_too_much_to_keep(evaluate):
    evaluation = evaluate()
    case, noise = evaluation.dataset.cases[0], p.gaussian_noise(sigma=0.2)
    first = evaluation.predict(case, noise)
    assert evaluation.predict(case, noise) is first
    assert evaluation.segmenter.forward_passes == SLICES
    assert evaluation.predict(case, noise, realisation=1) is not first
    assert evaluation.predict(case, noise, keep_uncertainty=True)[1].uncertainty is not None

    kept = shown_predictions.ShownPredictions(kept_bytes=int(3.5 * shown_predictions._bytes(first)))
    made = []
    for name in ("a", "b", "c", "d", "b", "a"):
        kept.get((name, "clean", 0, False), lambda name=name: made.append(name) or first)
    assert made == ["a", "b", "c", "d", "a"]
