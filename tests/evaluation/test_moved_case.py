"""Movement end to end: a perfect segmenter loses nothing, one that does not look where it is loses much."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from pytest_segrobust import perturbations as p
from pytest_segrobust.datasets.dataset import open_dataset
from pytest_segrobust.evaluation.evaluation import Evaluation
from pytest_segrobust.evaluation.moved_case import MovedCase
from pytest_segrobust.metrics.catalogue import CEILING, IN_VIEW, IN_VIEW_FAILURE, OUT_OF_VIEW
from pytest_segrobust.models.segmenter import open_segmenter
from pytest_segrobust.perturbations.point import CLEAN
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Options, Range, Requirement
from pytest_segrobust.requirements.settings import DataSettings, ModelSettings, Window
from pytest_segrobust.verification.patients import Cohort
from pytest_segrobust.verification.profiles import PROFILES
from pytest_segrobust.verification.verify import verify

NETWORKS = '''
import torch


class Perfect(torch.nn.Module):
    """The image shows the structure itself: what is more than half of it is it."""

    def forward(self, x):
        return torch.cat([0.5 - x, x - 0.5], 1)


class Remembering(torch.nn.Module):
    """Always says a disc in the middle, whatever the image shows."""

    def forward(self, x):
        rows, columns = x.shape[-2:]
        y, z = torch.meshgrid(torch.arange(rows) - rows / 2, torch.arange(columns) - columns / 2, indexing="ij")
        found = ((y + 4) ** 2 + (z - 2) ** 2 < 49).float().expand_as(x)
        return torch.cat([0.5 - found, found - 0.5], 1)


def perfect():
    return Perfect()


def remembering():
    return Remembering()
'''
SIZE, SPACING = 40, (1.0, 1.5)
MOVES = [
    p.rotation(angle=7),
    p.rotation(angle=-30),
    p.scale(factor=1.3),
    p.scale(factor=0.8),
    p.translation(distance=4.3),
    p.translation(distance=9, axis="rows"),
    p.shear(angle=8),
    p.elastic_deformation(displacement=4),
    p.gradient_warp(displacement=3),
    p.resampling(factor=1.4),
    p.resampling(factor=0.75),
    p.field_of_view(share=0.15),
    p.field_of_view(share=0.1) | p.flip(axis="columns"),
    p.flip(axis="columns"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six patients, each a disc near (-4, 2) from the middle; patient 5's reaches the upper edge."""
    made = tmp_path_factory.mktemp("moving")
    (made / "networks.py").write_text(NETWORKS, encoding="utf-8")
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for kind in ("images", "labels"):
        (made / kind).mkdir()
    for patient in range(6):
        centre, radius = ((6, 20), 5) if patient == 5 else ((16 + patient % 3, 22 - patient % 2), 7)
        disc = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
        for kind in ("images", "labels"):
            values = disc.astype(np.float32 if kind == "images" else np.uint8)
            if kind == "images":
                values[0, 0] = 1e-6  # an image that is its own label could not pass
            image = nibabel.Nifti1Image(values, np.diag([*SPACING, 1, 1]))
            nibabel.save(image, made / kind / f"patient_{patient}.nii.gz")
    return made


@pytest.fixture
def evaluation(folder):
    def make(model: str = "perfect", scores=("hd95", "nsd@2", "agreement")) -> Evaluation:
        settings = DataSettings(
            images="images/*.nii.gz", labels="labels/{name}.nii.gz", patient="{name}", intensity=Window(window=(0, 1))
        )
        segmenter = open_segmenter(
            [f"networks:{model}"], ModelSettings(classes={"disc": 1}, batch_size=2), root=folder, device="cpu"
        )
        dataset = open_dataset(settings, root=folder, classes={"disc": 1}, channels=1)
        return Evaluation(segmenter, dataset, score_keys=frozenset(scores), screening_patients=3)

    return make


def drops(evaluation, point, measure=None) -> np.ndarray:
    cohort = Cohort(evaluation.measure([CLEAN]), measure or Measure("dsc", "drop"), "below")
    return cohort.at(evaluation.measure([point]), "disc").values


@pytest.mark.parametrize("point", MOVES, ids=str)
def test_a_perfect_segmenter_loses_nothing_wherever_the_image_goes(evaluation, point):
    rows = evaluation().measure([point])
    assert {row.failure for row in rows} == {None}
    for row in rows:
        assert row.scores["dsc"] == 1
        assert row.scores["hd95"] == 0
        assert row.scores["nsd@2"] == 1
        assert row.scores["agreement"] == 1
    assert drops(evaluation(), point).max() <= 0
    assert drops(evaluation(), point, Measure("hd95", "increase")).max() <= 0


def test_two_interpolations_cost_even_a_perfect_segmenter_a_little(evaluation):
    """The image is interpolated twice and thresholded once, the label decided twice."""
    point = p.rotation(angle=5) | p.translation(distance=3) | p.flip(axis="rows")
    assert 0 < drops(evaluation(), point).max() < 0.03


@pytest.mark.parametrize(
    "point", [p.rotation(angle=-60), p.translation(distance=9, axis="columns"), p.flip(axis="rows")], ids=str
)
def test_a_segmenter_that_does_not_look_where_the_structure_is_fails(evaluation, point):
    assert drops(evaluation("remembering"), point)[:5].mean() > 0.2


def test_what_comes_from_outside_the_image_counts_neither_for_nor_against(evaluation):
    """The remembering network paints its disc over air that was shifted in; only what it paints in view counts."""
    shifted = p.translation(
        distance=20, axis="rows"
    )  # rows below 20 are air: the painted disc's rows 9 to 22 mostly are
    rows = evaluation("remembering").measure([shifted])
    prepared, prediction = evaluation("remembering").predict(evaluation().dataset.cases[0], shifted)
    view = prepared.movement.view.numpy()
    painted = prediction.masks[0].numpy()
    assert 0 < (painted & view).sum() < 0.3 * painted.sum()
    row = next(row for row in rows if row.case == prepared.sample.case.id)
    assert row.predicted_voxels == (painted & view).sum()
    assert row.reference_voxels == (prepared.label == 1).sum()


def test_the_clean_prediction_is_scored_again_on_the_part_that_is_still_seen(evaluation):
    """Seven of patient 5's ten rows leave: the clean score that its drop is compared with is that of the others."""
    up = p.translation(distance=-8, axis="rows")
    remembering = evaluation("remembering")
    row = next(row for row in remembering.measure([up]) if row.case == "patient_5")
    case = next(case for case in remembering.dataset.cases if case.id == "patient_5")
    clean, prediction = remembering.predict(case, CLEAN)
    seen = np.zeros((SIZE, SIZE), bool)
    seen[8:] = True
    mask, reference = prediction.masks[0].numpy() & seen, (clean.label == 1) & seen
    expected = 2 * (mask & reference).sum() / (mask.sum() + reference.sum())
    assert row.scores[IN_VIEW + "dsc"] == pytest.approx(expected)
    assert row.scores[IN_VIEW + "hd95"] > 0
    assert CEILING + "dsc" in row.scores
    other = next(row for row in remembering.measure([p.flip(axis="rows")]) if row.case == "patient_5")
    assert not {key for key in other.scores if ":" in key}


def test_a_clean_prediction_without_the_structure_in_view_had_failed_there(evaluation, folder):
    """Only the lower rim of patient 5's disc is left, of which the remembering network knows nothing."""
    down = p.translation(distance=-9, axis="rows")
    row = next(row for row in evaluation("remembering").measure([down]) if row.case == "patient_5")
    assert IN_VIEW_FAILURE not in row.scores  # its own disc is still there, in the wrong place
    assert row.scores[IN_VIEW + "dsc"] < 0.3
    cut = p.field_of_view(share=0.25)  # the rim at row 10, the painted disc's rows 10 to 22
    row = next(row for row in evaluation("remembering").measure([cut]) if row.case == "patient_5")
    assert row.reference_voxels > 0


def test_ceilings_are_perfect_for_whole_voxels_and_below_for_others(evaluation):
    def ceilings(point):
        return [row.scores[CEILING + "dsc"] for row in evaluation().measure([point])]

    assert ceilings(p.translation(distance=3, axis="rows")) == [1.0] * 6
    assert ceilings(p.rotation(angle=180)) == [1.0] * 6
    assert all(0.9 < ceiling <= 1 for ceiling in ceilings(p.rotation(angle=7)))
    assert min(ceilings(p.rotation(angle=7))) < 1
    coarse = evaluation().measure([p.resampling(factor=3)])
    assert all(row.scores[CEILING + "dsc"] < 0.97 for row in coarse)
    assert all(row.scores[CEILING + "hd95"] > 0 for row in coarse)
    assert all(row.scores[CEILING + "agreement"] == row.scores[CEILING + "dsc"] for row in coarse)


def test_a_structure_that_left_the_image_is_said_and_never_left_out(evaluation):
    gone = p.translation(distance=-12, axis="rows")  # patient 5's disc ends at row 10
    rows = evaluation().measure([gone])
    left = {row.case: row.scores.get(OUT_OF_VIEW) for row in rows}
    assert left == {f"patient_{i}": (1.0 if i == 5 else None) for i in range(6)}

    requirement = Requirement(
        id="R",
        measure=Measure("dsc", "drop"),
        comparison="below",
        limit=0.5,
        domains=(Domain("translation", (Range("distance", -12, 0), Options("axis", ("rows",)))),),
    )
    found = verify(requirement, evaluation(), decision=DecisionSettings(), budget=PROFILES["smoke"], seed=0)
    assert found.verdict == "invalid"
    assert "case patient_5: nothing of disc is left in the image" in found.reason
    assert "state a milder range" in found.reason


def test_moved_spacing_is_that_of_the_distances(evaluation):
    """A clean error in mm is about the same in mm on voxels of another size."""
    remembering = evaluation("remembering")
    clean, coarse = (
        np.array([row.scores["hd95"] for row in remembering.measure([point])])
        for point in (CLEAN, p.resampling(factor=0.5))
    )
    # The network remembers voxels: on voxels half as long its disc is half as large, so only orders can be compared.
    assert 0 < coarse.max() < 4 * clean.max()
    prepared, _ = remembering.predict(remembering.dataset.cases[0], p.resampling(factor=2))
    assert prepared.spacing == pytest.approx((2.0, 3.0))
    moved = MovedCase(remembering.dataset, prepared, prepared.movement, None)
    assert moved.references["disc"].spacing == pytest.approx((2.0, 3.0))


@pytest.mark.parametrize(("model", "verdict"), [("perfect", "passed"), ("remembering", "failed")])
def test_a_requirement_of_movement_is_decided_and_says_what_was_compared(evaluation, model, verdict):
    requirement = Requirement(
        id="R",
        measure=Measure("dsc", "drop"),
        comparison="below",
        limit=0.05,
        domains=(Domain("translation", (Range("distance", -6.5, 9.3), Options("axis", ("columns",)))),),
    )
    found = verify(requirement, evaluation(model), decision=DecisionSettings(), budget=PROFILES["smoke"], seed=0)
    assert found.verdict == verdict
    assert any("6 cases are compared" in warning and "stays in view" in warning for warning in found.warnings)


def test_a_structure_that_the_way_back_loses_has_no_ceiling(tmp_path: Path) -> None:
    """Eight voxels become one, which interpolation back spreads too thin: a ceiling of 0 would excuse any model."""
    label = np.zeros((12, 12, 12), np.uint8)
    label[4:6, 4:6, 4:6] = 1
    for folder, values in (("images", label.astype(np.float32)), ("labels", label)):
        (tmp_path / folder).mkdir()
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / folder / "a.nii.gz")
    (tmp_path / "networks.py").write_text(NETWORKS, encoding="utf-8")
    data = DataSettings(
        images="images/*.nii.gz", labels="labels/{name}.nii.gz", patient="{name}", intensity=Window(window=(0, 1))
    )
    segmenter = open_segmenter(["networks:perfect"], ModelSettings(classes={"disc": 1}), root=tmp_path, device="cpu")
    evaluation = Evaluation(segmenter, open_dataset(data, root=tmp_path, classes={"disc": 1}, channels=1))

    milder, (row,) = evaluation.measure([p.resampling(factor=1.2)]), evaluation.measure([p.resampling(factor=2)])
    assert CEILING + "dsc" in milder[0].scores
    assert (row.reference_voxels, row.failure) == (1, None)
    assert not [key for key in row.scores if key.startswith(CEILING)]
