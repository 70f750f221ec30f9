import pytest


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patient": "{name}"}, ["one of images, cases and decathlon", "none"]),
        ({"images": "*", "cases": "c.csv", "patient": "{name}"}, ["images and cases are given"]),
        ({"cases": "c.csv", "labels": "l", "patient": "p"}, ["labels goes with images"]),
        ({"decathlon": "."}, ["patient is missing"]),
    ],
)
def test_there_is_one_source(folder, refused, settings, words):
    refused(lambda: folder.open(**settings), words)


def test_excluded_cases_are_left_out_and_listed(folder):
    for name in ("a", "b", "c"):
        folder.pair(name)
    (folder.root / "labels/b.nii.gz").unlink()
    dataset = folder.open(**_pairs(), exclude={"b": "no reference"})

    dataset.check()
    assert [case.id for case in dataset.cases] == ["a", "c"]
    assert dataset.patients == ("a", "c")
    assert dataset.excluded == (("b", "no reference"),)


@pytest.mark.parametrize(
    ("exclude", "words"),
    [
        ({"hippocampus_01": "x"}, ["exclude", "hippocampus_01", "did you mean hippocampus_10?"]),
        ({"zzz": "x"}, ["exclude", "zzz", "there are hippocampus_10"]),
        ({"hippocampus_10": " "}, ["hippocampus_10", "no reason"]),
        ({"hippocampus_10": "x"}, ["no case is left"]),
    ],
)
def test_wrong_exclusions_are_refused(folder, refused, exclude, words):
    folder.pair("hippocampus_10")

    refused(lambda: folder.open(**_pairs(), exclude=exclude), words)


def test_two_files_of_one_name_are_refused(folder, refused):
    folder.pair("a")
    image = folder.root / "images/a.nii.gz"
    (folder.root / "images/a.nii").write_bytes(image.read_bytes())

    refused(lambda: folder.open(**{**_pairs(), "images": "images/*"}), ["2 cases have the id a", "a.nii.gz"])


def test_the_same_image_under_two_names_is_refused(folder, refused):
    folder.pair("a")
    (folder.root / "images/b.nii.gz").symlink_to(folder.root / "images/a.nii.gz")

    refused(folder.open, ["a and b are the same image", "count twice"])


def test_a_label_for_all_is_refused(folder, refused):
    folder.pair("a")
    folder.pair("b")

    refused(lambda: folder.open(**{**_pairs(), "labels": "labels/a.nii.gz"}), ["a and b share the label", "{name}"])


def test_an_image_that_is_its_own_label_is_refused(folder, refused):
    folder.pair("a")

    refused(lambda: folder.open(**{**_pairs(), "labels": "images/{name}.nii.gz"}), ["case a", "both image and label"])


def _pairs():
    return {"images": "images/*.nii.gz", "labels": "labels/{name}.nii.gz", "patient": "{name}"}
