import bz2
import gzip
import importlib.util
import tracemalloc
from pathlib import Path

import nrrd
import numpy as np
import pytest

from pytest_segrobust.datasets.reading import open_image, read_header

LPS = {"space": "left-posterior-superior", "space directions": np.diag([-0.5, 0.75, 2.0]), "space origin": [1, 2, 3]}


def ramp(shape=(4, 5, 6), kind=np.int16):
    return np.arange(np.prod(shape)).reshape(shape).astype(kind)


@pytest.fixture
def written(tmp_path):
    def write(array, header, **options):
        path = tmp_path / "scan.nrrd"
        nrrd.write(str(path), array, header, **options)
        return path

    return write


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64])
def test_voxels_come_back_whatever_the_encoding(written, encoding, kind):
    path = written(ramp(kind=kind), {**LPS, "encoding": encoding})
    image = open_image(path)

    np.testing.assert_array_equal(image.load()[0], ramp())
    assert image.load().dtype == kind


def test_directions_become_spacing_axes_and_a_matrix_to_ras(written):
    header = read_header(written(ramp(), LPS))

    assert header.spacing == (0.5, 0.75, 2.0)
    assert header.axes == ("R", "P", "S")
    np.testing.assert_allclose(header.affine, [[0.5, 0, 0, -1], [0, -0.75, 0, -2], [0, 0, 2, 3], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("space", "axes"),
    [
        ("left-posterior-superior", "LPS"),
        ("LPS", "LPS"),
        ("right-anterior-superior", "RAS"),
        ("RAS", "RAS"),
        ("left-anterior-superior", "LAS"),
        ("scanner-xyz", "???"),
    ],
)
def test_axes_are_named_in_the_space_of_the_file(written, space, axes):
    path = written(ramp(), {"space": space, "space directions": np.eye(3), "space origin": [0, 0, 0]})

    assert "".join(read_header(path).axes) == axes


def test_agrees_with_simpleitk_on_spacing_and_place(written):
    itk = pytest.importorskip("SimpleITK")
    directions = np.array([[0.6, 0.1, 0], [-0.1, 0.7, 0.2], [0.1, -0.4, 2]])
    path = written(ramp(), {**LPS, "space directions": directions})
    image, header = itk.ReadImage(str(path)), read_header(path)

    np.testing.assert_allclose(header.spacing, image.GetSpacing())
    np.testing.assert_allclose(header.affine[:3, 3] * (-1, -1, 1), image.GetOrigin())
    np.testing.assert_allclose(header.affine[:3, 2] * (-1, -1, 1), directions[2])
    np.testing.assert_array_equal(open_image(path).load()[0], itk.GetArrayFromImage(image).T)


def test_spacings_without_directions_have_no_axes(written):
    header = read_header(written(ramp((4, 5)), {"spacings": [0.5, 0.25]}))

    assert (header.spacing, header.axes, header.spacing_known) == ((0.5, 0.25), ("?", "?"), True)


def test_no_spacing_at_all_is_1_and_unknown(written):
    header = read_header(written(ramp(), {}))

    assert (header.spacing, header.spacing_known) == ((1, 1, 1), False)


def test_units_other_than_mm_are_converted(written):
    assert read_header(written(ramp(), {**LPS, "space units": ["cm"] * 3})).spacing == (5, 7.5, 20)


@pytest.mark.parametrize(("position", "name"), [(0, "first"), (3, "last")])
def test_the_file_says_itself_which_axis_holds_channels(written, position, name):
    array = np.moveaxis(ramp((3, 4, 5, 6)), 0, position)
    directions = np.insert(LPS["space directions"], position, np.nan, axis=0)
    path = written(array, {**LPS, "space directions": directions, "kinds": np.insert(["domain"] * 3, position, "list")})

    for axis in (None, name):
        image = open_image(path, axis)
        assert (image.header.channels, image.header.shape) == (3, (4, 5, 6))
        assert image.header.spacing == (0.5, 0.75, 2)
        np.testing.assert_array_equal(image.load(), ramp((3, 4, 5, 6)))


def test_kinds_alone_say_which_axis_holds_channels(written):
    image = open_image(
        written(ramp((3, 4, 5)), {"kinds": ["RGB-color", "domain", "domain"], "spacings": [np.nan, 2, 3]})
    )

    assert (image.header.channels, image.header.shape, image.header.spacing) == (3, (4, 5), (2, 3))


BAD = {
    "undeclared axis": ({}, (3, 4, 5, 6), ["4 axes", "channel_axis"]),
    "axis in the middle": ({"kinds": ["domain", "list", "domain"]}, (3, 4, 5), ["axes [1]"]),
    "zero spacing": ({"spacings": [0, 1, 1]}, (3, 4, 5), ["spacing 0 x 1 x 1"]),
    "negative spacing": ({"spacings": [1, -1, 1]}, (3, 4, 5), ["-1", "above 0"]),
    "folded": ({**LPS, "space directions": np.ones((3, 3))}, (3, 4, 5), ["folds"]),
    "unknown unit": ({**LPS, "space units": ["parsec"] * 3}, (3, 4, 5), ["parsec"]),
}


@pytest.mark.parametrize(("header", "shape", "words"), [pytest.param(*bad, id=text) for text, bad in BAD.items()])
def test_bad_headers_are_refused(written, refused, header, shape, words):
    path = written(ramp(shape), header)

    refused(lambda: read_header(path), [str(path), *words])


def test_settings_that_contradict_the_file_are_refused(written, refused):
    path = written(ramp((3, 4, 5, 6)), {"kinds": ["RGB-color", "domain", "domain", "domain"]})

    refused(lambda: read_header(path, "last"), [str(path), "first axis", '"last"'])


def test_voxels_in_another_file_are_refused(tmp_path, refused):
    nrrd.write(str(tmp_path / "scan.nhdr"), ramp(), LPS)
    path = (tmp_path / "scan.nhdr").rename(tmp_path / "scan.nrrd")

    refused(lambda: read_header(path), [str(path), "in another file"])


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
def test_a_header_that_asks_for_more_than_the_file_holds_is_refused(written, refused, encoding):
    path = written(ramp(), {**LPS, "encoding": encoding})
    path.write_bytes(path.read_bytes().replace(b"sizes: 4 5 6", b"sizes: 40000 50000 60000"))

    refused(lambda: read_header(path), [str(path), "0000000000"])


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_a_bomb_is_unpacked_no_further_than_the_voxels(written, encoding, pack):
    path = written(ramp(), {**LPS, "encoding": encoding})
    head = path.read_bytes().split(b"\n\n")[0]
    path.write_bytes(head + b"\n\n" + pack(ramp().tobytes(order="F") + bytes(30_000_000)))

    tracemalloc.start()
    array = open_image(path).load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    np.testing.assert_array_equal(array[0], ramp())
    assert peak < 5_000_000


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_truncated_voxels_are_refused_by_the_header_alone(written, refused, encoding):
    path = written(np.random.default_rng(0).normal(size=(20, 20, 20)), {**LPS, "encoding": encoding})
    path.write_bytes(path.read_bytes()[:-3000])

    refused(lambda: read_header(path), [str(path)])


def test_a_flipped_bit_in_packed_voxels_is_refused(written, refused):
    path = written(np.random.default_rng(0).normal(size=(20, 20, 20)), {**LPS, "encoding": "gzip"})
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # the checksum
    path.write_bytes(content)

    refused(open_image(path).load, [str(path), "CRC"])


def test_bytes_skipped_before_the_voxels_are_refused(written, refused):
    path = written(ramp(), {**LPS, "encoding": "raw"})
    path.write_bytes(path.read_bytes().replace(b"encoding: raw", b"encoding: raw\nbyte skip: -1"))

    refused(lambda: read_header(path), [str(path), "skips bytes"])


@pytest.mark.parametrize("content", [b"", b"no image", b"NRRD0004\nsizes: x\n\n", b"NRRD0004\n\n"])
def test_other_files_are_refused(tmp_path, refused, content):
    path = tmp_path / "scan.nrrd"
    path.write_bytes(content)

    refused(lambda: read_header(path), [str(path), "NRRD"])


@pytest.mark.skipif(
    importlib.util.find_spec("slicerio") is None, reason="the package slicerio, with its chest CT, is not installed"
)
def test_the_chest_ct_of_slicerio_and_its_segmentation_belong_together(folder):
    import slicerio

    data = Path(slicerio.__file__).parent / "data"
    dataset = folder.open(
        images=f"{data}/CTChest4.nrrd",
        labels=f"{data}/Segmentation.seg.nrrd",
        patient="{name}",
        intensity={"window": (-1000, 400)},
        classes={"lungs": [5, 6], "ribs": 1},
    )
    dataset.check()
    sample = dataset.read(dataset.cases[0])

    assert sample.image.shape == (1, 128, 128, 34)
    np.testing.assert_allclose(sample.spacing, (3.047, 3.047, 10), atol=1e-3)
    assert sample.axes == ("R", "A", "S")
    reference = dataset.reference(sample)
    assert sample.image[0][reference["lungs"]].mean() < -500  # HU: lungs are mostly air, ribs are bone
    assert sample.image[0][reference["ribs"]].mean() > 0
