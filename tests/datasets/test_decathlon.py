import json

import numpy as np
import pytest


@pytest.fixture
def task(folder):
    for name in ("x_1", "x_2"):
        folder.pair(name)

    def write(listing):
        text = listing if isinstance(listing, str) else json.dumps(listing)
        (folder.root / "dataset.json").write_text(text)
        return folder

    return write


LISTING = {
    "modality": {"0": "MRI"},
    "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
    "training": [{"image": f"./images/{n}.nii.gz", "label": f"./labels/{n}.nii.gz"} for n in ("x_2", "x_1")],
    "test": ["./images/x_2.nii.gz"],
}


@pytest.mark.parametrize("where", [".", "dataset.json"])
def test_the_training_section_is_read_as_it_is(task, where):
    dataset = task(LISTING).open(decathlon=where, patient="{name}")
    dataset.check()

    assert [case.id for case in dataset.cases] == ["x_1", "x_2"]
    assert dataset.has_labels
    assert dataset.read(dataset.cases[0]).label.max() == 2


def test_the_test_section_has_no_labels(task):
    dataset = task(LISTING).open(decathlon=".", section="test", patient="{name}")
    dataset.check()

    assert not dataset.has_labels
    assert dataset.reference(dataset.read(dataset.cases[0])) is None


def test_several_modalities_lie_on_the_last_axis(task, folder):
    array = np.random.default_rng(0).normal(size=(6, 5, 4, 3)).astype(np.float32)
    folder.scan("images/x_1.nii.gz", array)
    modality = {"0": "FLAIR", "1": "T1w", "2": "T2w"}
    listing = {"modality": modality, "training": [{"image": "images/x_1.nii.gz", "label": "labels/x_1.nii.gz"}]}
    dataset = task(listing).open(decathlon=".", patient="{name}", channels=3)

    dataset.check()
    np.testing.assert_array_equal(dataset.read(dataset.cases[0]).image, np.moveaxis(array, -1, 0))


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        ("{", ["dataset.json", "not JSON"]),
        ("[" * 100_000, ["dataset.json", "not JSON"]),
        ([1], ["dataset.json", "not a listing"]),
        ({"channel_names": {}, "numTraining": 3}, ["dataset.json", '"training"', "[data] images"]),
        ({"training": []}, ['"training"']),
        ({"training": [{"label": "a"}]}, ["entry 1"]),
        ({"training": [3]}, ["entry 1"]),
        ({"training": [{"image": "a.nii.gz", "label": 3}]}, ["entry 1"]),
        ({"training": ["a.nii.gz", {"image": "b.nii.gz", "label": "c.nii.gz"}]}, ["case a", "no label"]),
        ({"training": ["a.nii.gz", "b/a.nii.gz"]}, ["id a"]),
    ],
)
def test_bad_listings_are_refused(task, refused, listing, words):
    refused(lambda: task(listing).open(decathlon=".", patient="{name}"), words)


def test_a_missing_folder_is_named(folder, refused):
    refused(lambda: folder.open(decathlon="Task04", patient="{name}"), [str(folder.root / "Task04"), "No such file"])
