"""A counterexample is known by its bits, and written so that others can look at it."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest
from PIL import Image

from pytest_segrobust import perturbations as p
from pytest_segrobust.evaluation.counterexample import array_sha256, draw_overlay, identity, save_volumes, unlike
from pytest_segrobust.evaluation.pictures import keep_pictures, picture_of
from pytest_segrobust.evidence.records import CaseResult, RequirementResult

POINT = p.gaussian_noise(sigma=0.5)


def result(evaluation) -> RequirementResult:
    cases = [
        CaseResult(row.case, row.patient, row.structure, 1.0, row.scores["dsc"], 1 - row.scores["dsc"], row.failure)
        for row in evaluation.measure([POINT])
    ]
    worst = {"parameters": POINT.to_json(), "text": str(POINT), "structure": "disc"}
    return RequirementResult("R-1", "s", "failed", comparison="below", limit=0.1, worst=worst, cases=cases)


def test_type_shape_and_every_value_are_in_the_hash():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    nearly = array.copy()
    nearly[1, 2] = np.nextafter(nearly[1, 2], np.float32(9))
    others = [array.reshape(3, 2), array.astype(np.float64), nearly, -array]

    assert array_sha256(np.asfortranarray(array)) == array_sha256(array.astype(">f4")) == array_sha256(array)
    assert len({array_sha256(each) for each in [array, *others]}) == 5


def test_result_keeps_the_bits_of_the_worst_three_and_of_the_control(evaluate):
    evaluation = evaluate()

    kept = keep_pictures(evaluation.store, evaluation, result(evaluation))

    examples = kept.worst["counterexamples"]
    assert [each["case"] for each in examples] == [each.case for each in evaluation.store.pictures("R-1")]
    assert len(examples) == 4
    assert RequirementResult.from_json(kept.to_json()).worst == kept.worst
    again = evaluate(stored=False)
    for each in examples:
        case = next(case for case in again.dataset.cases if case.id == each["case"])
        assert unlike(each, identity(*again.predict(case, POINT))) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [({"seed": 1}, ["the perturbed image", "the prediction"]), ({"model": "background"}, ["the prediction"])],
)
def test_what_differs_is_told(evaluate, options, said):
    here, there = evaluate(stored=False), evaluate(stored=False, **options)
    case = here.dataset.cases[0]

    assert unlike(identity(*here.predict(case, POINT)), identity(*there.predict(case, POINT))) == said


def test_files_hold_the_arrays_in_the_images_own_space(evaluate, tmp_path):
    evaluation = evaluate(stored=False)
    case = evaluation.dataset.cases[2]
    image, prediction = evaluation.predict(case, POINT)

    written = {path.name.partition("patient_02_")[2]: path for path in save_volumes(evaluation, case, POINT, tmp_path)}

    assert set(written) == {
        f"{name}.nii.gz" for name in ("clean", "perturbed", "reference", "prediction_clean", "prediction_perturbed")
    }
    perturbed = nibabel.load(written["perturbed.nii.gz"])
    assert np.array_equal(perturbed.get_fdata(dtype=np.float32), image.image[0].numpy())
    assert np.allclose(perturbed.affine, image.sample.affine)
    predicted = nibabel.load(written["prediction_perturbed.nii.gz"]).get_fdata()
    assert np.array_equal(predicted == 1, prediction.masks[0].numpy())


def test_uncertainty_is_written_where_it_is_scored(evaluate, tmp_path):
    evaluation = evaluate(stored=False, scores=("uncertainty",))

    names = [path.name for path in save_volumes(evaluation, evaluation.dataset.cases[0], POINT, tmp_path)]

    assert "patient_00_uncertainty_clean.nii.gz" in names
    values = nibabel.load(tmp_path / "patient_00_uncertainty_perturbed.nii.gz").get_fdata()
    assert values.shape == (32, 32)
    assert values.max() > 0


def test_overlay_is_a_picture_of_any_case_the_same_each_time(evaluate, tmp_path):
    evaluation = evaluate(stored=False, scores=("uncertainty",))
    outcome = replace(result(evaluation), cases=[])

    first, second = (
        draw_overlay(*picture_of(evaluation, outcome, evaluation.dataset.cases[4]), tmp_path / f"{number}.png")
        for number in range(2)
    )

    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert picture.size[0] > 3 * picture.size[1]  # clean, perturbed, and their uncertainties
