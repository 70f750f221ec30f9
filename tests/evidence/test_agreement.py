"""Agreement of volumes: against numbers worked out by hand, a patient counting once."""

from __future__ import annotations

import pytest

from pytest_segrobust.evidence.agreement import agreement
from pytest_segrobust.evidence.records import CaseResult, RequirementResult


def result(references, predictions, *, patients=None, clean=None, point="gamma(gamma=2)"):
    cases = [f"c{k}" for k in range(len(references))]
    return RequirementResult(
        "R",
        "s",
        "passed",
        cases=[CaseResult(c, p, "liver", None, None, None) for c, p in zip(cases, patients or cases, strict=True)],
        volumes={
            "structure": "liver",
            "point": point,
            "reference": references,
            "clean": clean or references,
            "predicted": predictions,
        },
    )


def test_bias_and_limits_are_those_of_bland_and_altman():
    sizes = {f"c{k}": 500.0 for k in range(4)}  # mm³: half a mL
    found = agreement([result([100, 200, 300, 400], [90, 190, 310, 380])], {"voxel_size": sizes, "dimensions": 3})

    clean, worst = found
    assert (clean["requirement"], clean["bias"], clean["limits"]) == (None, 0.0, [0.0, 0.0])
    assert (worst["requirement"], worst["unit"], worst["n_patients"]) == ("R", "mL", 4)
    differences = [-5.0, -5.0, 5.0, -10.0]
    mean = sum(differences) / 4
    deviation = (sum((d - mean) ** 2 for d in differences) / 3) ** 0.5
    assert worst["bias"] == pytest.approx(mean)
    assert worst["limits"] == pytest.approx([mean - 1.96 * deviation, mean + 1.96 * deviation])
    assert worst["bias_percent"] == pytest.approx((-10 - 5 + 10 / 3 - 5) / 4)
    assert worst["by_size"] == [], "too few for groups"


def test_cases_of_a_patient_count_once_and_those_without_a_prediction_are_named():
    found = agreement([result([100, 300, 200, 50], [110, 310, None, 50], patients=["a", "a", "b", "c"])], {})[1]

    assert found["unit"] == "voxels", "no size of a voxel is known"
    assert found["n_patients"] == 2
    assert found["bias"] == pytest.approx((10 + 0) / 2)
    assert found["without_prediction"] == ["c2"]


def test_cases_without_a_label_are_left_out_and_areas_are_square_millimetres():
    found = agreement([result([None, 10, 20], [5, 12, 22])], {"dimensions": 2, "voxel_size": {"c1": 4.0, "c2": 4.0}})[1]

    assert (found["unit"], found["n_patients"], found["bias"]) == ("mm²", 2, 8.0)


def test_groups_go_from_small_to_large_and_hold_every_patient():
    references = [60, 10, 50, 20, 40, 30, 70]
    found = agreement([result(references, [r + r / 10 for r in references])], {})[1]["by_size"]

    assert [group["n_patients"] for group in found] == [2, 3, 2]
    assert [(group["smallest"], group["largest"]) for group in found] == [(10, 20), (30, 50), (60, 70)]
    assert [group["bias"] for group in found] == pytest.approx([1.5, 4.0, 6.5])


def test_an_empty_reference_has_no_percent():
    found = agreement([result([0, 10], [5, 10])], {})[1]

    assert found["bias_percent"] == 0.0
    assert found["bias"] == 2.5
