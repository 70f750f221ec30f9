"""The chest CT demo: its virtual cohort, its network, its spec."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "chest_ct"
MODULES = ("scan", "cohort", "network", "train")


@pytest.fixture
def scan(example):
    pytest.importorskip("slicerio", reason="the chest CT is part of the package slicerio, which is not installed")
    return example("scan").read()


def test_the_right_lung_lies_right_of_the_left_lung_and_is_full_of_air(scan):
    right, left = (np.argwhere(lung)[:, 0].mean() for lung in scan.lungs)
    assert scan.affine[0, 0] > 0  # the first axis runs to the patient's right
    assert right > left + 20
    assert [round(float(np.median(scan.image[lung])), -2) for lung in scan.lungs] == [-900, -900]
    assert not (scan.lungs[0] & scan.lungs[1]).any()


def test_a_segmentation_of_a_part_of_the_image_is_placed_by_its_origin(example):
    mask = np.ones((2, 1, 3), dtype=bool)
    image = {"space directions": np.diag([-3.0, -3.0, 10.0]), "space origin": np.array([190.0, 210.0, -340.0])}
    part = {**image, "space origin": np.array([190.0 - 2 * 3, 210.0 - 3, -340.0 + 10])}
    whole = example("scan").placed(mask, part, (5, 4, 6), image)
    expected = np.zeros((5, 4, 6), dtype=bool)
    expected[2:4, 1:2, 1:4] = True
    np.testing.assert_array_equal(whole, expected)


def test_a_segmentation_outside_the_image_is_refused(example):
    image = {"space directions": np.eye(3), "space origin": np.zeros(3)}
    with pytest.raises(ValueError, match="does not lie on the grid"):
        example("scan").placed(
            np.ones((2, 2, 2), dtype=bool), {**image, "space origin": np.full(3, -1.0)}, (4, 4, 4), image
        )


def test_one_seed_is_one_patient(example, scan):
    cohort = example("cohort")
    first, again, other = (cohort.virtual_patient(scan, seed) for seed in (1000, 1000, 1001))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.label, two.label)
    assert any((one.label != two.label).any() for one, two in zip(first, other, strict=True))


def test_labels_move_with_the_image(example, scan):
    """Lungs are dark and their surroundings are not: a label that stayed behind would cover both."""
    for seed in range(1000, 1004):
        for piece in example("cohort").virtual_patient(scan, seed):
            dark = piece.image < -500
            body_side = np.abs(piece.image.astype(int)) < 200  # soft tissue
            for lung in (1, 2):
                inside = piece.label == lung
                assert inside.sum() > 300
                assert dark[inside].mean() > 0.85
                assert body_side[inside].mean() < 0.12


def test_the_original_labels_would_not_fit_the_deformed_images(example, scan):
    """The check above can fail: with the labels left where the scan has them, soft tissue lies under them."""
    piece = example("cohort").virtual_patient(scan, 1001)[1]
    unmoved = scan.lungs[:, :, :, piece.level].any(axis=0)
    assert (piece.image[unmoved] < -500).mean() < (piece.image[piece.label > 0] < -500).mean() - 0.05


def test_the_demo_never_shows_a_patient_of_the_training(example):
    cohort = example("cohort")
    assert not set(cohort.TRAINING_SEEDS) & set(cohort.TEST_SEEDS)
    assert example("train").TRAINING_SEEDS == cohort.TRAINING_SEEDS


def test_the_folder_holds_what_its_table_says(example, scan, tmp_path):
    import nibabel

    assert example("cohort").write(tmp_path, range(1000, 1002)) == 8
    rows = list(csv.DictReader((tmp_path / "cases.csv").open(encoding="utf-8")))
    assert [row["patient"] for row in rows] == ["virtual1000"] * 4 + ["virtual1001"] * 4
    assert len({row["id"] for row in rows}) == 8
    for row in rows:
        image, label = (nibabel.load(tmp_path / row[name]) for name in ("image", "label"))
        np.testing.assert_allclose(image.affine, label.affine)
        np.testing.assert_allclose(image.header.get_zooms(), (3.04687595, 3.04687595, 10), rtol=1e-5)
        assert image.shape == label.shape == (128, 128, 1)
        assert set(np.unique(label.dataobj)) == {0, 1, 2}
        assert image.affine[2, 3] == pytest.approx(-340.25 + 10 * int(row["slice"]))


def test_the_package_reads_the_cohort(example, scan, tmp_path):
    from pytest_segrobust.datasets.dataset import open_dataset
    from pytest_segrobust.requirements import spec

    example("cohort").write(tmp_path, range(1000, 1001))
    settings = spec.load(FOLDER / "segrobust.toml")
    opened = open_dataset(
        settings.data, root=tmp_path, classes=settings.model.classes, channels=settings.model.channels
    )
    opened.check()
    sample = opened.read(opened.cases[0])
    assert sample.image.shape == (1, 128, 128)
    assert sample.axes == ("R", "A")
    assert (sample.low.tolist(), sample.high.tolist()) == ([-1000], [400])


def test_weights_are_small_and_hold_nothing_but_tensors():
    import torch

    path = FOLDER / "weights.pt"
    assert path.stat().st_size < 500_000
    assert all(isinstance(value, torch.Tensor) for value in torch.load(path, weights_only=True).values())


def test_the_network_finds_both_lungs_of_new_virtual_patients(example, scan):
    import torch

    network = example("network").build_unet()
    network.load_state_dict(torch.load(FOLDER / "weights.pt", weights_only=True))
    network.eval()
    images, labels = example("train").slices(range(1000, 1004))
    with torch.inference_mode():
        found = network(images).argmax(dim=1)
    for lung in (1, 2):
        overlap = ((found == lung) & (labels == lung)).sum()
        assert 2 * overlap / ((found == lung).sum() + (labels == lung).sum()) > 0.95


def test_preprocessing_maps_the_window_to_0_and_1(example):
    import torch

    hounsfield = torch.tensor([[[-2000.0, -1000.0], [-300.0, 3000.0]]])
    assert example("network").preprocess(hounsfield, (3.0, 3.0)).tolist() == [[[0.0, 0.0], [0.5, 1.0]]]


def test_the_spec_asks_for_the_mix_that_its_readme_promises():
    from pytest_segrobust.requirements import spec

    requirements = {requirement.id: requirement for requirement in spec.load(FOLDER / "segrobust.toml").requirements}
    assert len(requirements) >= 6
    assert requirements["CT-004"].structure == requirements["CT-004"].domains[0].on == "left lung"
    assert requirements["CT-006"].patients == 0.95  # 24 patients cannot show it: 0.95 ** 24 > 0.05
    assert 0.95 ** len(range(1000, 1024)) > 0.05


@pytest.mark.slow
def test_the_demo_shows_each_verdict(example, scan, tmp_path):
    """One requirement of each verdict in the smallest profile; `make demo` holds the whole table to its README."""
    cohort, expected = example("cohort"), example("expected")
    cohort.write(tmp_path / "cohort", cohort.TEST_SEEDS)
    options = {
        "model": "weights.pt",
        "data": tmp_path / "cohort",
        "report": tmp_path / "report",
        "profile": "smoke",
    }
    chosen = ("CT-001", "CT-003", "CT-006", "CT-007")
    command = [sys.executable, "-m", "pytest", "segrobust.toml", "-q", "-p", "no:cacheprovider"]
    command += ["-k", " or ".join(chosen), *(f"--segrobust-{name}={value}" for name, value in options.items())]
    run = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert (report["data"]["n_cases"], report["data"]["n_patients"]) == (96, 24)
    results = {entry["id"]: entry for entry in report["requirements"]}
    assert {key: results[key]["verdict"] for key in chosen} == {key: expected.EXPECTED[key] for key in chosen}
    assert {entry["verdict"] for key, entry in results.items() if key not in chosen} == {"not_run"}
    assert 0 < results["CT-003"]["breaking_point"]["severity"] < 1
