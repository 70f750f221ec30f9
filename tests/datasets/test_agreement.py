import nibabel
import numpy as np
import pytest
from PIL import Image

AFFINE = np.array([[-0.8, 0, 0, 10], [0, 0.9, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1]], dtype=float)


def changed(**cells):
    affine = AFFINE.copy()
    for cell, value in cells.items():
        affine[int(cell[1]), int(cell[2])] = value
    return affine


def label(shape=(6, 5, 4)):
    array = np.zeros(shape, dtype=np.uint8)
    array[1:3] = 1
    return array


def test_files_of_one_grid_belong_together(folder):
    folder.pair("a")
    folder.scan("labels/a.nii.gz", label(), changed(c03=10.0005, c00=-0.8005))

    folder.open().check()


DIFFERENT = {
    "shape": (label((6, 5, 3)), AFFINE, ["shape 6 x 5 x 3 against 6 x 5 x 4"]),
    "turned shape": (label((5, 6, 4)), AFFINE, ["shape 5 x 6 x 4 against 6 x 5 x 4"]),
    "flat": (label((6, 5)), AFFINE, ["shape 6 x 5 against 6 x 5 x 4"]),
    "spacing": (label(), changed(c22=2.4), ["spacing 0.8 x 0.9 x 2.4 against 0.8 x 0.9 x 2.5 mm"]),
    "mirrored": (label(), changed(c00=0.8), ["orientation RAS against LAS"]),
    "moved": (label(), changed(c13=-19), ["origin (10, -19, 30) against (10, -20, 30) mm"]),
}


@pytest.mark.parametrize(("array", "affine", "words"), [pytest.param(*one, id=text) for text, one in DIFFERENT.items()])
def test_a_label_of_another_grid_is_refused_with_both_names(folder, refused, array, affine, words):
    image, _ = folder.pair("a")
    other = folder.scan("labels/a.nii.gz", array, affine)
    dataset = folder.open()

    refused(dataset.check, ["case a", str(image), str(other), *words])
    refused(lambda: dataset.read(dataset.cases[0]), [str(image), str(other), *words])


def test_directions_alone_may_differ(folder, refused):
    folder.pair("a", affine=np.eye(4))
    turn = np.eye(4)
    turn[:3, :3] = nibabel.eulerangles.euler2mat(0.05)
    folder.scan("labels/a.nii.gz", label(), turn)

    refused(folder.open().check, ["directions that differ by up to 0.05"])


def test_a_label_without_orientation_is_refused_where_the_image_has_one(folder, refused):
    folder.pair("a")
    unplaced = nibabel.Nifti1Image(label(), None)
    unplaced.header.set_zooms((0.8, 0.9, 2.5))
    nibabel.save(unplaced, folder.root / "labels/a.nii.gz")

    refused(folder.open().check, ["labels/a.nii.gz", "no orientation"])


def test_two_files_without_orientation_are_compared_by_shape_and_spacing(folder, refused):
    folder.pair("a")

    def unplace(path, length):
        scan = nibabel.Nifti1Image(np.asarray(nibabel.load(folder.root / path).dataobj), None)
        scan.header.set_zooms((length, 0.9, 2.5))
        nibabel.save(scan, folder.root / path)

    unplace("images/a.nii.gz", 0.8)
    unplace("labels/a.nii.gz", 0.8)
    folder.open().check()
    unplace("labels/a.nii.gz", 0.7)
    refused(folder.open().check, ["spacing 0.7 x 0.9 x 2.5"])


def test_a_picture_as_label_of_a_scan_is_refused(folder, refused):
    folder.scan("images/a.nii.gz", np.arange(36, dtype=np.float32).reshape(6, 6))
    (folder.root / "labels").mkdir()
    Image.fromarray(label((6, 6))).save(folder.root / "labels/a.png")
    dataset = folder.open(images="images/*.nii.gz", labels="labels/{name}.png", patient="{name}")

    refused(dataset.check, ["rows and columns", "labels/a.png"])


def test_channels_of_another_grid_are_refused(folder, refused):
    folder.scan("t1/a.nii.gz", np.arange(120, dtype=np.float32).reshape(6, 5, 4))
    folder.scan("t2/a.nii.gz", np.arange(120, dtype=np.float32).reshape(6, 5, 4), changed(c03=11))
    dataset = folder.open(images=["t1/*.nii.gz", "t2/{name}.nii.gz"], patient="{name}", channels=2)

    refused(dataset.check, ["t1/a.nii.gz", "t2/a.nii.gz", "origin"])


@pytest.mark.parametrize(
    ("shape", "settings", "words"),
    [
        ((6, 5, 4), {"channels": 2}, ["1 channel,", "the model takes 2"]),
        ((6, 5, 4, 3), {"channels": 2, "channel_axis": "last"}, ["3 channels", "the model takes 2"]),
        ((6, 5, 4, 3), {"channels": 3}, ["4 axes", "channel_axis"]),
    ],
)
def test_the_number_of_channels_is_the_models(folder, refused, shape, settings, words):
    folder.scan("images/a.nii.gz", np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    dataset = folder.open(images="images/*", patient="{name}", **settings)

    refused(dataset.check, ["case a", "images/a.nii.gz", *words])
    refused(lambda: dataset.read(dataset.cases[0]), ["case a", "images/a.nii.gz", *words])


def test_one_file_per_channel_holds_one_channel(folder, refused):
    folder.scan("t1/a.nii.gz", np.arange(120, dtype=np.float32).reshape(6, 5, 4))
    (folder.root / "t2").mkdir()
    Image.fromarray(np.zeros((6, 5, 3), dtype=np.uint8)).save(folder.root / "t2/a.png")
    dataset = folder.open(images=["t1/*.nii.gz", "t2/{name}.png"], patient="{name}", channels=2)

    refused(dataset.check, ["t2/a.png", "3 channels", "each of the 2 files"])


def test_a_label_with_channels_is_refused(folder, refused):
    folder.pair("a")
    folder.scan("labels/a.nii.gz", label((6, 5, 4, 2)))

    refused(folder.open().check, ["labels/a.nii.gz", "4 axes"])
