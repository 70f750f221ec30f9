"""Pictures show the worst cases by a fixed rule, and a control."""

from __future__ import annotations

import numpy as np

from pytest_segrobust import perturbations as p
from pytest_segrobust.evaluation.pictures import keep_pictures
from pytest_segrobust.evidence.records import CaseResult, RequirementResult


def result(evaluation, point, **values) -> RequirementResult:
    rows = evaluation.measure([point])
    cases = [
        CaseResult(row.case, row.patient, row.structure, 1.0, row.scores["dsc"], 1 - row.scores["dsc"], row.failure)
        for row in rows
    ]
    worst = {"parameters": point.to_json(), "text": str(point), "structure": "disc"}
    return RequirementResult("R-1", "s", "failed", comparison="below", limit=0.1, worst=worst, cases=cases, **values)


def test_worst_three_and_a_control_are_kept(evaluate):
    evaluation = evaluate()
    outcome = result(evaluation, p.gaussian_noise(sigma=0.5))

    keep_pictures(evaluation.store, evaluation, outcome)

    pictures = evaluation.store.pictures("R-1")
    ordered = sorted(outcome.cases, key=lambda case: (-case.value, case.case))
    assert [picture.case for picture in pictures[:3]] == [case.case for case in ordered[:3]]
    assert len(pictures) == 4
    assert "control" in pictures[3].about["note"]
    assert pictures[3].case not in [case.case for case in ordered[:3]]
    for picture in pictures:
        assert picture.arrays["clean"].shape == picture.arrays["prediction"].shape == (32, 32)
        assert not np.array_equal(picture.arrays["clean"], picture.arrays["perturbed"])


def test_failed_prediction_has_a_picture_without_outline(evaluate):
    evaluation = evaluate("not_a_number")

    keep_pictures(evaluation.store, evaluation, result(evaluation, p.gaussian_noise(sigma=0.5)))

    picture = evaluation.store.pictures("R-1")[0]
    assert "prediction" not in picture.arrays
    assert "NaN" in picture.about["note"]


def test_mirrored_image_keeps_no_clean_outline_that_lies_elsewhere(evaluate):
    evaluation = evaluate()

    keep_pictures(evaluation.store, evaluation, result(evaluation, p.flip(axis="rows")))

    assert "clean_prediction" not in evaluation.store.pictures("R-1")[0].arrays


def test_a_picture_of_unknown_pixel_size_has_no_millimetres(evaluate):
    evaluation = evaluate()
    outcome = result(evaluation, p.gaussian_noise(sigma=0.5))
    evaluation.dataset.unknown_spacing = (max(outcome.cases, key=lambda case: case.value).case,)

    keep_pictures(evaluation.store, evaluation, outcome)

    first, second, *_ = evaluation.store.pictures("R-1")
    assert first.about["spacing"] is None
    assert second.about["spacing"] == [1.5, 1.5]
