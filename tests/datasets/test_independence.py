"""Test and training data: what is the same is found under any disguise, and what is not the same is let be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from pytest_segrobust.datasets.fingerprint import Fingerprint, fingerprint
from pytest_segrobust.datasets.independence import ALIKE, NOT_CHECKED, compared, independence
from pytest_segrobust.datasets.training_list import shared_list, training_fingerprints
from pytest_segrobust.errors import DataError
from pytest_segrobust.requirements.settings import DataSettings

SHARED = Path(os.environ.get("SEGROBUST_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
HIPPOCAMPUS = SHARED / "hippocampus"


def blob(seed: int, shape=(20, 24, 16)) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, 2)
    return np.round(1000 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.int16)


@pytest.fixture
def site(folder):
    """Four test cases, and a folder of training images to fill."""
    for number in range(4):
        folder.scan(f"images/test_{number}.nii.gz", blob(number), np.eye(4))
    folder.scan("train/other_1.nii.gz", blob(11), np.eye(4))
    folder.scan("train/other_2.nii.gz", blob(12), np.eye(4))
    return folder


def checked(site, train="train/*.nii.gz", **options):
    settings = {"images": "images/*.nii.gz", "patient": "{name}", "train": train, **options}
    return independence(site.open(**settings))


def test_what_is_apart_is_called_disjoint(site):
    said = checked(site)

    assert (said["state"], said["findings"], said["blocks"]) == ("disjoint", [], False)
    assert "4 test images against 2 training entries" in said["words"]


def test_without_a_list_it_is_said_that_nothing_was_checked(site):
    said = checked(site, train=None)

    assert (said["state"], said["words"], said["blocks"]) == ("not_checked", NOT_CHECKED, False)


def test_a_list_that_cannot_be_read_is_not_passed_over(site):
    said = checked(site, train="nowhere/*.nii.gz")

    assert said["state"] == "not_checked"
    assert said["blocks"]
    assert "[data] train matches no file" in said["words"]


@pytest.mark.parametrize(
    ("name", "change", "how"),
    [
        ("test_0", lambda image: blob(99), "patient id"),
        ("copy", lambda image: image, "file hash"),
        ("rescaled", lambda image: (image * 0.37 + 5).astype(np.float32), "voxel hash"),
        ("gamma", lambda image: ((image / 1000) ** 0.7).astype(np.float64), "voxel hash"),
        ("noisy", lambda image: image + np.random.default_rng(0).normal(0, 30, image.shape), "near-duplicate"),
        ("smooth", lambda image: ndimage.gaussian_filter(image.astype(float), 0.8), "near-duplicate"),
        ("resampled", lambda image: ndimage.zoom(image.astype(float), 1.3, order=1), "near-duplicate"),
        ("cropped", lambda image: image[1:, :-1], "near-duplicate"),
    ],
)
def test_the_same_scan_is_found_under_a_disguise(site, name, change, how):
    site.scan(f"train/{name}.nii.gz", change(blob(0)), np.eye(4))

    said = checked(site)

    assert [(found["test_case"], found["train_case"], found["how"]) for found in said["findings"]] == [
        ("test_0", name, how)
    ]
    assert said["blocks"]
    assert said["state"] == ("near_duplicates" if how == "near-duplicate" else "overlap")
    assert "test_0" in said["words"]


def test_the_same_scan_stored_in_another_orientation_has_the_same_voxels(site):
    turned = np.flip(np.moveaxis(blob(1), 0, 1), 1)  # to rows that run to the left
    affine = np.array([[0, -1, 0, 19], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float)
    site.scan("train/turned.nii.gz", turned, affine)
    assert "".join(nibabel.aff2axcodes(affine)) == "ALS"

    assert [found["how"] for found in checked(site)["findings"]] == ["voxel hash"]


def test_a_report_lists_a_few_findings_of_a_case_and_counts_all(site):
    for number in range(8):
        site.scan(f"train/copy_{number}.nii.gz", blob(0), np.eye(4))

    said = checked(site)

    assert len(said["findings"]) == 5
    assert said["counts"]["file hash"] == 8


def test_a_reason_lets_an_overlap_pass_and_is_told(site):
    site.scan("train/copy.nii.gz", blob(0), np.eye(4))

    said = checked(site, overlap="the phantom is in both")

    assert (said["state"], said["blocks"], said["allowed"]) == ("overlap", False, "the phantom is in both")
    assert "stated as allowed: the phantom is in both" in said["words"]


def test_a_table_may_name_patients_alone(site):
    (site.root / "train.csv").write_text("patient\ntest_2\nsomebody\n", encoding="utf-8")

    said = checked(site, train="train.csv")

    assert [(found["test_case"], found["how"]) for found in said["findings"]] == [("test_2", "patient id")]
    assert said["compared_by"] == ["patient id"]


def test_a_table_without_patients_says_what_it_cannot_show(site):
    (site.root / "train.csv").write_text("image\ntrain/other_1.nii.gz\n", encoding="utf-8")

    said = checked(site, train="train.csv")

    assert said["state"] == "disjoint"
    assert "names no patients" in said["words"]


def test_a_shared_list_finds_the_same_and_names_nobody(site):
    site.scan("train/copy.nii.gz", blob(0), np.eye(4))
    site.scan("train/noisy.nii.gz", blob(1) + np.random.default_rng(0).normal(0, 30, blob(1).shape), np.eye(4))
    site.scan("train/test_2.nii.gz", blob(77), np.eye(4))
    settings = DataSettings(images="images/*.nii.gz", patient="{name}", train="train/*.nii.gz")
    text = json.dumps(shared_list(training_fingerprints(settings, site.root)))
    (site.root / "shared.json").write_text(text, encoding="utf-8")

    said = checked(site, train="shared.json")

    assert {(found["test_case"], found["how"]) for found in said["findings"]} == {
        ("test_0", "file hash"),
        ("test_1", "near-duplicate"),
        ("test_2", "patient id"),
    }
    for name in ("other_1", "copy", "noisy", "test_2", "train/"):
        assert name not in text
    assert fingerprint(site.root / "train/copy.nii.gz", patient="x").file not in text


def test_two_lists_of_the_same_images_have_nothing_in_common_but_thumbnails():
    one = Fingerprint("a", "patient", "f" * 64, "v" * 64)
    first, second = shared_list([one]), shared_list([one])

    assert not set(first["images"][0].values()) - {3} & set(second["images"][0].values()) - {3}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "name\nx\n", "t.csv:1: image, patient: the first line needs one of these columns"),
        ("t.csv", "image,patient\n", "t.csv:2: image, patient: the training list is empty"),
        ("t.csv", "image\nno.nii.gz\n", "t.csv:2: image: "),
        ("t.json", "{", "t.json:1: not JSON"),
        ("t.json", "{}", "t.json:1: kind: must be"),
        ("t.json", '{"kind": "segrobust fingerprints", "salt": "x", "images": []}', "t.json:1: salt, images: must be"),
        (
            "t.json",
            '{"kind": "segrobust fingerprints", "salt": "0123456789abcdef", "images": [{"thumbnail": "AA=="}]}',
            "t.json: images, entry 1: thumbnail: is not",
        ),
        (
            "t.json",
            '{"kind": "segrobust fingerprints", "salt": "0123456789abcdef", "images": [{}]}',
            "t.json: images, entry 1: holds none of",
        ),
    ],
)
def test_a_mistake_in_a_training_list_is_one_line_with_file_line_and_key(tmp_path, name, text, said):
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(DataError) as caught:
        training_fingerprints(DataSettings(train=name), tmp_path)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_that_are_all_alike_are_told_apart_and_a_copy_is_still_found(tmp_path):
    """As brains in one template's space are: a fixed limit alone would call every pair a duplicate."""
    common = ndimage.zoom(blob(0).astype(float), 2, order=1)
    people = []
    for number in range(20):
        own = ndimage.gaussian_filter(np.random.default_rng(number).normal(size=common.shape), 4)
        people.append(common + 30 * own / own.std())
    prints = []
    for number, image in enumerate(people):
        nibabel.save(nibabel.Nifti1Image(image.astype(np.float32), np.eye(4)), tmp_path / f"{number}.nii")
        prints.append(fingerprint(tmp_path / f"{number}.nii", patient=str(number)))
    patterns = np.array([each.pattern for each in prints])
    assert np.median(patterns[:8] @ patterns[8:].T) > ALIKE

    tests = [(each.name, each) for each in prints[:8]]
    assert compared(tests, prints[8:])["state"] == "disjoint"

    noisy = people[3] + np.random.default_rng(9).normal(0, 20, common.shape)
    nibabel.save(nibabel.Nifti1Image(noisy.astype(np.float32), np.eye(4)), tmp_path / "copy.nii")
    copy = fingerprint(tmp_path / "copy.nii", patient="x")
    assert [found["test_case"] for found in compared(tests, [*prints[8:], copy])["findings"]] == ["3.nii"]


@pytest.mark.skipif(
    not HIPPOCAMPUS.is_dir(), reason=f"the hippocampus volumes are not at {HIPPOCAMPUS} (SEGROBUST_SHARED_DATA)"
)
def test_no_pair_of_6000_real_volumes_is_a_false_alarm():
    def of(section):
        return [fingerprint(path, patient=path.name) for path in sorted((HIPPOCAMPUS / section).glob("*.nii.gz"))]

    tests, training = of("imagesTs"), of("imagesTr")
    correlations = np.array([each.pattern for each in tests]) @ np.array([each.pattern for each in training]).T

    assert correlations.shape == (60, 100)
    assert correlations.max() < ALIKE - 0.05  # 0.776, measured
    assert compared([(each.name, each) for each in tests], training)["state"] == "disjoint"
