"""The policy for empty masks and failures, cell by cell, and that its tables say the same as the code."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pytest_segrobust.metrics import policy
from pytest_segrobust.metrics.catalogue import METRICS
from pytest_segrobust.metrics.policy import POLICY, Scores, failed_scores
from pytest_segrobust.metrics.reference import Reference, prepare_reference
from pytest_segrobust.metrics.scoring import score

SHAPE, SPACING = (10, 20, 5), (1.0, 0.5, 4.0)
DIAGONAL = math.sqrt(10**2 + 10**2 + 20**2)
EMPTY = np.zeros(SHAPE, bool)
EIGHT = EMPTY.copy()
EIGHT[2:4, 2:4, 2:4] = True
EIGHT.setflags(write=False)
EMPTY.setflags(write=False)

TABLE = {
    "both empty": (1, 1, 0, 1, 0, 0, 0, 0, 1, None),
    "missed": (0, 0, DIAGONAL, 0, 0, 1, -1, 1, 0, "missed"),
    "false detection": (0, 0, DIAGONAL, 0, 1, 0, 8, 8, 0, "false detection"),
    "failed": (0, 0, DIAGONAL, 0, 1, 1, -1, (1000 - 8) / 8, 0, "NaN in 12 % of voxels"),
}
COLUMNS = [
    "dsc", "iou", "hd95", "nsd@2", "over_segmentation", "under_segmentation", "volume_bias", "volume_error", "agreement",
    "failure",
]  # fmt: skip


def reference(mask: np.ndarray) -> Reference:
    return prepare_reference(mask, SPACING)


def in_situation(situation: str) -> Scores:
    match situation:
        case "both empty":
            return score(EMPTY, reference(EMPTY), tolerances=(2,), clean_prediction=EMPTY)
        case "missed":
            return score(EMPTY, reference(EIGHT), tolerances=(2,), clean_prediction=EIGHT)
        case "false detection":
            return score(EIGHT, reference(EMPTY), tolerances=(2,), clean_prediction=EMPTY)
        case _:
            return failed_scores("NaN in 12 % of voxels", reference(EIGHT), tolerances=(2,))


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("situation", TABLE)
def test_every_cell_of_the_table(situation: str, column: str) -> None:
    scores = in_situation(situation)
    found = scores.failure if column == "failure" else scores.values[column]
    expected = TABLE[situation][COLUMNS.index(column)]  # type: ignore[index]
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("situation", TABLE)
def test_every_situation_has_every_metric_and_all_are_finite_floats(situation: str) -> None:
    found = in_situation(situation).values
    assert set(found) == {*COLUMNS, "diagonal_mm"} - {"failure"}
    assert all(type(value) is float and math.isfinite(value) for value in found.values())


def test_voxels_are_counted_and_a_failed_case_has_no_prediction() -> None:
    counts = {name: (in_situation(name).reference_voxels, in_situation(name).predicted_voxels) for name in TABLE}
    assert counts == {"both empty": (0, 0), "missed": (8, 0), "false detection": (0, 8), "failed": (8, None)}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("labelled", [True, False])
def test_no_answer_scores_worse_than_a_failed_case(seed: int, labelled: bool) -> None:
    rng = np.random.default_rng(seed)
    prediction = rng.random(SHAPE) < rng.random() ** 3
    prepared = reference(EIGHT if labelled else EMPTY)
    answered = score(prediction, prepared, tolerances=(2,), clean_prediction=EIGHT).values
    failed = failed_scores("crashed: ValueError", prepared, tolerances=(2,)).values
    for key, metric in METRICS.items():
        of = "nsd@2" if key == "nsd" else key
        if metric.better == "higher":
            assert failed[of] <= answered[of]
        if metric.better == "lower":
            assert failed[of] >= answered[of]


def test_the_catalogue_s_worst_value_is_what_a_failed_case_scores() -> None:
    for key, metric in METRICS.items():
        assert POLICY["failed"][key] == ("worst error" if key == "volume_error" else metric.worst)
        if metric.worst != "diagonal" and metric.better == "lower":
            assert in_situation("failed").values[key] >= metric.worst


def test_a_failed_case_without_a_label_has_the_worst_agreement_alone() -> None:
    assert failed_scores("crashed: OSError", None, tolerances=(1,)) == Scores(
        {"agreement": 0.0}, "crashed: OSError", None, None
    )


def test_a_failed_case_scores_what_is_asked_for_and_nothing_else() -> None:
    assert failed_scores("shape (1, 2)", reference(EIGHT), metrics=["dsc", "hd95"]).values == {
        "dsc": 0,
        "hd95": DIAGONAL,
        "diagonal_mm": DIAGONAL,
    }
    assert failed_scores("shape (1, 2)", reference(EIGHT), metrics=["dsc"]).values == {"dsc": 0}
    with pytest.raises(ValueError, match="unknown metrics"):
        failed_scores("shape (1, 2)", reference(EIGHT), metrics=["DSC"])


def test_the_diagonal_is_the_image_s_whatever_the_structure_s_size() -> None:
    small = EMPTY.copy()
    small[0, 0, 0] = True
    for mask in (small, EIGHT, ~EMPTY):
        assert score(EMPTY, reference(mask)).values["hd95"] == pytest.approx(DIAGONAL)


# The tables that people read


def rendered() -> list[str]:
    """The table as it must stand in the docstring and in docs/metrics.md."""
    lines = []
    for situation, name in {
        "both empty": "both empty",
        "missed": "only the prediction empty",
        "false detection": "only the reference empty",
        "failed": "the model failed",
    }.items():
        cells = TABLE[situation]
        words = {8: "predicted voxels", DIAGONAL: "diagonal", (1000 - 8) / 8: "worst", None: ""}
        plain = [str(words.get(cell, cell)) for cell in cells]
        plain[-1] = "its text" if situation == "failed" else plain[-1]
        assert plain[0] == plain[1]  # one column for DSC and IoU
        lines.append(f"| {name} | " + " | ".join(plain[1:]) + " |")
    return [line.replace("|  |", "| |") for line in lines]


@pytest.mark.parametrize("where", ["docstring", "docs/metrics.md"])
def test_the_written_table_is_the_tested_one(where: str) -> None:
    if where == "docstring":
        text = policy.__doc__ or ""
    else:
        text = (Path(__file__).parents[2] / where).read_text(encoding="utf-8")
    for line in rendered():
        assert line in text.splitlines()
