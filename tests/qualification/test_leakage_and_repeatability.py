"""What scores well and must not pass: images that give their label away, and models that depend on more than the image."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from pytest_segrobust.datasets.leakage import leaks
from pytest_segrobust.perturbations.point import CLEAN
from pytest_segrobust.qualification.battery import SIGMA, UNSTEADY
from pytest_segrobust.qualification.bench import Bench
from pytest_segrobust.qualification.repeatability import disturbances


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, seed=4)


def test_one_image_that_is_its_label_is_named(bench: Bench) -> None:
    dataset = bench.dataset("few")
    case = dataset.cases[2]
    label = nibabel.load(case.label)
    greys = np.array([-3.0, 7.5, 2.0])[np.asarray(label.dataobj)]
    nibabel.save(nibabel.Nifti1Image(greys, label.affine), case.images[0])

    assert list(leaks(dataset)) == [case.id]


@pytest.mark.parametrize("model", UNSTEADY)
def test_models_that_score_well_in_fixed_tiles_are_seen_and_do_not_pass(bench: Bench, model: str) -> None:
    """But for what torch draws: the tool seeds it for each case, so that its numbers repeat, and warns."""
    found = bench.verify("organs", model, "DSC")
    assert found.verdict == ("passed" if model == "RandomByTorch" else "invalid")
    assert found.estimate > 0.85
    expected = UNSTEADY[model][2]
    kinds = {each.kind for each in disturbances(bench.evaluation("organs", model, "DSC"), (CLEAN, SIGMA))}
    assert expected in kinds


def test_a_model_that_reads_images_that_are_the_label_does_not_pass_though_it_scores_well(bench: Bench) -> None:
    found = bench.verify("copied", "ReadsTheCopy", "DSC")
    assert found.verdict == "invalid"
    assert found.estimate > 0.85
    assert "the image of 3 of 3 cases looked at" in found.reason
    assert "is its own label" in found.reason
    assert len(list(leaks(bench.dataset("copied")))) == 20


@pytest.mark.parametrize("model", ["Organs", "Mirrored", "NaNOnSome", "Soft"])
def test_nothing_is_said_of_models_that_see_the_image_alone(bench: Bench, model: str) -> None:
    assert not list(disturbances(bench.evaluation("organs", model, "DSC"), (CLEAN, SIGMA)))


def test_the_words_name_a_case_and_the_point(bench: Bench) -> None:
    (found,) = disturbances(bench.evaluation("organs", "BatchDependent", "DSC"), (SIGMA,), cases=2)
    assert found.words == (
        f"2 cases, such as {found.cases[0]}, are predicted otherwise alone in its batch at gaussian noise(sigma=0.05)"
    )
