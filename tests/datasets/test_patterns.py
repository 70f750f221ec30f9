import pytest


def test_name_is_the_file_name_without_ending(folder):
    folder.pair("liver.01")
    (case,) = folder.open().cases

    assert (case.id, case.patient) == ("liver.01", "liver.01")
    assert case.label == folder.root / "labels/liver.01.nii.gz"
    assert case.metadata == {}


def test_placeholders_of_images_serve_labels_patient_and_metadata(folder):
    for site, patient, piece in [("a", "p1", "1"), ("a", "p1", "2"), ("b", "p2", "1")]:
        folder.scan(f"{site}/{patient}/t1_{piece}.nii.gz", _image())
    dataset = folder.open(
        images="{site}/{patient}/t1_{slice}.nii.gz",
        labels="{site}/truth/{patient}-{slice}.nii.gz",
        patient="{site}{patient}",
    )

    assert [case.id for case in dataset.cases] == ["a/p1/t1_1", "a/p1/t1_2", "b/p2/t1_1"]
    assert dataset.patients == ("ap1", "bp2")
    assert dataset.cases[1].label == folder.root / "a/truth/p1-2.nii.gz"
    assert dataset.cases[1].metadata == {"site": "a", "slice": "2"}


def test_name_in_the_pattern_is_the_part_it_matches(folder):
    for channel in (0, 1):
        folder.scan(f"imagesTs/case_7_000{channel}.nii.gz", _image())
    (case,) = folder.open(
        images=["imagesTs/{name}_0000.nii.gz", "imagesTs/{name}_0001.nii.gz"],
        labels="labelsTs/{name}.nii.gz",
        patient="{name}",
        channels=2,
    ).cases

    assert case.id == "case_7"
    assert [path.name for path in case.images] == ["case_7_0000.nii.gz", "case_7_0001.nii.gz"]


def test_a_repeated_placeholder_matches_the_same_text(folder):
    folder.scan("p1/p1_t1.nii.gz", _image())
    folder.scan("p2/p1_t1.nii.gz", _image())

    assert folder.open(images="{patient}/{patient}_t1.nii.gz", patient="{patient}").patients == ("p1",)


def test_stars_in_folders_make_the_path_the_id(folder):
    for patient in ("p2", "p1"):
        folder.scan(f"data/{patient}/t1.nii.gz", _image())

    assert [c.id for c in folder.open(images="data/*/t1.nii.gz", patient="x").cases] == ["p1/t1", "p2/t1"]
    assert [c.id for c in folder.open(images="**/t1.nii.gz", patient="x").cases] == ["data/p1/t1", "data/p2/t1"]


def test_a_star_in_labels_stands_for_one_file(folder, refused):
    folder.scan("p1/t1.nii.gz", _image())
    folder.scan("p1/manual_seg.nii.gz", _image())
    settings = {"images": "{patient}/t1.nii.gz", "labels": "{patient}/*_seg.nii.gz", "patient": "{patient}"}

    assert folder.open(**settings).cases[0].label == folder.root / "p1/manual_seg.nii.gz"

    folder.scan("p1/second_seg.nii.gz", _image())
    refused(lambda: folder.open(**settings), ["labels", "2 files", "p1/manual_seg.nii.gz"])


def test_a_file_name_that_can_be_read_in_two_ways_is_refused(folder, refused):
    folder.scan("sub_01_005.nii.gz", _image())

    refused(
        lambda: folder.open(images="{patient}_{slice}.nii.gz", patient="{patient}"),
        ["sub_01_005.nii.gz", "two ways", '"sub_01"', '"sub"'],
    )
    assert folder.open(images="{a}_{b}_{slice}.nii.gz", patient="{a}_{b}").patients == ("sub_01",)


@pytest.mark.parametrize("prefix", ["./", "", "sub/../", "{root}/"])
def test_patterns_may_be_absolute_or_lead_through_other_folders(folder, prefix):
    (folder.root / "sub").mkdir()
    folder.pair("a[1]")
    prefix = prefix.format(root=folder.root)
    dataset = folder.open(images=f"{prefix}images//*.nii.gz", labels=prefix + "labels/{name}.nii.gz", patient="{name}")

    dataset.check()
    assert [case.id for case in dataset.cases] == ["a[1]"]


def test_links_are_followed(folder):
    folder.pair("a")
    (folder.root / "linked").symlink_to(folder.root / "images")

    folder.open(images="linked/*.nii.gz", labels="labels/{name}.nii.gz", patient="{name}").check()


def test_resource_forks_of_copied_folders_are_no_cases(folder):
    folder.pair("a")
    (folder.root / "images/._a.nii.gz").write_bytes(b"Mac OS X")

    assert [case.id for case in folder.open().cases] == ["a"]


def test_no_match_says_the_absolute_pattern(folder, refused):
    refused(folder.open, ["matches no file", str(folder.root / "images/*.nii.gz")])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"labels": "labels/{nmae}.nii.gz"}, ["labels", "{nmae}", "{name}"]),
        ({"patient": "{patient}"}, ["patient", "{patient}", "{name}"]),
        ({"patient": "{name"}, ["patient", "brace"]),
        ({"images": "images/{a b}.nii.gz"}, ["images", "brace"]),
        ({"patient": None}, ["patient is missing"]),
        ({"patient": " "}, ["patient is missing"]),
    ],
)
def test_wrong_placeholders_are_refused(folder, refused, settings, words):
    folder.pair("a")
    everything = {"images": "images/*.nii.gz", "labels": "labels/{name}.nii.gz", "patient": "{name}"}

    refused(lambda: folder.open(**{**everything, **settings}), words)


def _image():
    import numpy as np

    return np.arange(60, dtype=np.float32).reshape(5, 4, 3)
