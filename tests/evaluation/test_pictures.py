"""Pictures show the worst cases by a fixed rule, and a control."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_segrobust import perturbations as p
from pytest_segrobust.evaluation.pictures import keep_pictures
from pytest_segrobust.evidence.records import CaseResult, CurvePoint, RequirementResult


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


def test_uncertainty_is_kept_beside_the_pictures_on_one_scale(evaluate):
    evaluation = evaluate(scores=["uncertainty"])
    point = p.gaussian_noise(sigma=0.5)
    outcome = result(evaluation, point)

    keep_pictures(evaluation.store, evaluation, outcome)

    pictures = evaluation.store.pictures("R-1")
    by_id = {case.id: case for case in evaluation.dataset.cases}
    for picture in pictures:
        _, prediction = evaluation.predict(by_id[picture.case], point, keep_uncertainty=True)
        np.testing.assert_allclose(picture.arrays["uncertainty"], prediction.uncertainty[0].numpy())
        assert picture.arrays["clean_uncertainty"].shape == picture.arrays["clean"].shape
        assert picture.about["uncertainty_map"] == evaluation.uncertainty["map"] == "predictive_entropy"
    shown = [picture.arrays[name].max() for picture in pictures for name in ("uncertainty", "clean_uncertainty")]
    (scale,) = {tuple(picture.about["uncertainty_range"]) for picture in pictures}
    assert scale == (0.0, pytest.approx(max(shown)))


def test_without_requirements_on_uncertainty_there_are_no_maps(evaluate):
    evaluation = evaluate()

    keep_pictures(evaluation.store, evaluation, result(evaluation, p.gaussian_noise(sigma=0.5)))

    for picture in evaluation.store.pictures("R-1"):
        assert not {"uncertainty", "clean_uncertainty"} & set(picture.arrays)
        assert "uncertainty_map" not in picture.about


def test_a_failed_prediction_has_no_map_and_the_clean_image_has_one(evaluate):
    evaluation = evaluate("not_a_number", scores=["uncertainty"])
    point = p.gaussian_noise(sigma=0.5)

    keep_pictures(evaluation.store, evaluation, result(evaluation, point))

    picture = evaluation.store.pictures("R-1")[0]
    assert "uncertainty" not in picture.arrays
    assert picture.about["uncertainty_range"][1] == pytest.approx(
        max(other.arrays["clean_uncertainty"].max() for other in evaluation.store.pictures("R-1"))
    )


def test_a_statistic_of_all_patients_shows_its_silent_failures_first(evaluate):
    evaluation = evaluate(scores=["uncertainty"])
    names = [case.id for case in evaluation.dataset.cases]
    scatter = [
        {"case": name, "patient": name, "uncertainty": 0.1 * number, "error": 0.9 - 0.1 * number, "failure": None}
        for number, name in enumerate(names)
    ]
    scatter[3] |= {"uncertainty": 0.01, "error": 0.55}  # sure and wrong
    shown = {"structure": "disc", "alarm": 0.05, "dsc_below": 0.5, "scatter": {"point": "", "cases": scatter}}
    outcome = result(evaluation, p.gaussian_noise(sigma=0.5))
    cases = [replace(case, value=0.0) for case in outcome.cases]
    outcome = replace(outcome, measure="Spearman correlation with error", uncertainty=shown, cases=cases)

    keep_pictures(evaluation.store, evaluation, outcome)

    pictures = evaluation.store.pictures("R-1")
    assert [picture.case for picture in pictures[:3]] == [names[0], names[3], names[1]]
    assert pictures[0].about["note"] == "worst 1 of 8, silent failure, error 0.900, uncertainty 0"
    assert pictures[1].about["note"] == "worst 2 of 8, silent failure, error 0.550, uncertainty 0.0100"
    assert pictures[2].about["note"] == "worst 3 of 8, error 0.800, uncertainty 0.100"
    assert pictures[3].about["note"].startswith("control, drawn by lot, error ")
    assert {picture.about["value"] for picture in pictures} == {None}


def test_the_map_of_a_structure_is_its_own_where_there_is_one_for_each(evaluate, monkeypatch):
    import torch

    evaluation = evaluate(scores=["uncertainty"])
    plain = evaluation.predict
    maps = torch.stack([torch.full((32, 32), 0.25), torch.full((32, 32), 0.5)])

    def predict(case, point, **options):
        image, said = plain(case, point, **options)
        return image, replace(said, masks=torch.cat([said.masks] * 2), uncertainty=maps)

    outcome = result(evaluation, p.gaussian_noise(sigma=0.5))
    outcome = replace(
        outcome,
        cases=[replace(case, structure="ring") for case in outcome.cases],
        worst={**outcome.worst, "structure": "ring"},
    )
    monkeypatch.setattr(evaluation, "predict", predict)
    monkeypatch.setattr(evaluation, "structures", ("disc", "ring"))
    keep_pictures(evaluation.store, evaluation, outcome)

    picture = evaluation.store.pictures("R-1")[0]
    assert (picture.arrays["uncertainty"] == 0.5).all()
    assert picture.about["uncertainty_range"] == [0.0, 0.5]


def test_the_first_picture_shows_the_perturbation_as_it_grows(evaluate):
    evaluation = evaluate()
    points = {severity: p.gaussian_noise(sigma=0.6 * severity) for severity in (0.2, 0.4, 0.6, 0.8, 1.0, 1.3)}
    curve = [
        CurvePoint(severity, str(point), point.to_json(), "disc", 0.1, (0.0, 0.2), 4)
        for severity, point in points.items()
    ]

    keep_pictures(evaluation.store, evaluation, result(evaluation, points[1.0], curve=curve))

    first, *others = evaluation.store.pictures("R-1")
    assert first.about["severities"] == [str(points[severity]) for severity in (0.4, 0.6, 1.0)]
    changes = [np.abs(first.arrays[f"severity_{k}"] - first.arrays["clean"]).mean() for k in (1, 2, 3)]
    assert 0 < changes[0] < changes[1] < changes[2]
    np.testing.assert_array_equal(first.arrays["severity_3"], first.arrays["perturbed"])
    assert not any("severities" in picture.about for picture in others)
