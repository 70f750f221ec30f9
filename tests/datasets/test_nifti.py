import gzip

import nibabel
import numpy as np
import pytest

from pytest_segrobust.datasets.reading import open_image, read_header
from pytest_segrobust.errors import DataError

RAS = np.diag([0.7, 0.8, 3.0, 1.0])


@pytest.fixture
def written(tmp_path):
    """Write an array as NIfTI, with fields of the header changed afterwards, byte by byte as a hostile writer would."""

    def write(array, affine=RAS, name="scan.nii.gz", kind=nibabel.Nifti1Image, units="mm", **fields):
        image = kind(array, affine)
        image.header.set_xyzt_units(units)
        content = bytearray(image.to_bytes())
        header = type(image.header)(bytes(content[: image.header.sizeof_hdr]), check=False)
        for key, value in fields.items():
            header[key] = value
        content[: image.header.sizeof_hdr] = header.binaryblock
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else bytes(content))
        return path

    return write


def ramp(shape=(4, 5, 6), kind=np.float32):
    return np.arange(np.prod(shape)).reshape(shape).astype(kind)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("number", [np.uint8, np.int16, np.float32, np.float64, ">f4", ">i2"])
def test_voxels_and_geometry_are_those_that_nibabel_reads(written, name, kind, number):
    path = written(ramp(kind=number), name=name, kind=kind)
    image = open_image(path)

    np.testing.assert_array_equal(image.load()[0], nibabel.load(path).get_fdata())
    assert image.header.shape == (4, 5, 6)
    assert image.header.axes == ("R", "A", "S")
    np.testing.assert_allclose(image.header.spacing, nibabel.load(path).header.get_zooms(), rtol=1e-6)
    np.testing.assert_allclose(image.header.affine, nibabel.load(path).affine)


def test_endings_in_capitals_are_endings(written, tmp_path):
    written(ramp()).rename(tmp_path / "SCAN.NII.GZ")

    assert open_image(tmp_path / "SCAN.NII.GZ").load().shape == (1, 4, 5, 6)


def test_the_scaling_slope_is_honoured(written):
    path = written(ramp(kind=np.int16), scl_slope=0.5, scl_inter=-1024)

    np.testing.assert_array_equal(open_image(path).load()[0], ramp() * 0.5 - 1024)


@pytest.mark.parametrize("slope", [0, np.nan])
def test_a_slope_that_says_nothing_is_ignored(written, slope):
    assert open_image(written(ramp(kind=np.int16), scl_slope=slope, scl_inter=7)).load().dtype == np.int16


@pytest.mark.parametrize(("unit", "millimetres"), [("meter", 1000), ("mm", 1), ("micron", 0.001), ("unknown", 1)])
def test_spacing_is_in_millimetres_whatever_the_unit(written, unit, millimetres):
    header = read_header(written(ramp(), units=unit))

    np.testing.assert_allclose(header.spacing, np.array([0.7, 0.8, 3.0]) * millimetres, rtol=1e-6)


def test_axes_follow_the_affine(written):
    affine = np.array([[0, 0, -2, 5], [0, -1, 0, 6], [3, 0, 0, 7], [0, 0, 0, 1]], dtype=float)
    header = read_header(written(ramp(), affine))

    assert header.axes == ("S", "P", "L")
    np.testing.assert_allclose(header.spacing, (3, 1, 2))


def test_a_sheared_affine_is_fine_whichever_slice_distance_the_file_states(written):
    affine = np.array([[1, 0, 0, 0], [0, 1, 1.5, 0], [0, 0, 5, 0], [0, 0, 0, 1]], dtype=float)
    step = np.hypot(1.5, 5)
    for stated in (step, 5):
        header = read_header(written(ramp(), affine, pixdim=[1, 1, 1, stated, 0, 0, 0, 0]))

        np.testing.assert_allclose(header.spacing, (1, 1, step), rtol=1e-6)
        assert header.axes == ("R", "A", "S")


def test_a_file_that_says_nothing_of_its_place_has_no_axes(written):
    header = read_header(written(ramp(), qform_code=0, sform_code=0))

    assert header.axes == ("?", "?", "?")
    np.testing.assert_allclose(header.spacing, (0.7, 0.8, 3.0), rtol=1e-6)
    assert not header.oriented


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 1, 1)])
def test_a_flat_scan_is_two_dimensional(written, shape):
    image = open_image(written(ramp(shape)))

    assert image.header.shape == (4, 5)
    assert image.header.axes == ("R", "A")
    assert len(image.header.spacing) == 2
    assert image.header.affine.shape == (4, 4)
    np.testing.assert_array_equal(image.load(), ramp((1, 4, 5)))


def test_a_fourth_axis_of_length_one_is_no_channel_axis(written):
    assert open_image(written(ramp((4, 5, 6, 1)))).load().shape == (1, 4, 5, 6)


@pytest.mark.parametrize(
    ("shape", "axis", "arranged"),
    [
        ((4, 5, 6, 2), "last", (2, 4, 5, 6)),
        ((2, 4, 5, 6), "first", (2, 4, 5, 6)),
        ((4, 5, 6, 1, 2), "last", (2, 4, 5, 6)),
        ((4, 5, 1, 2), "last", (2, 4, 5)),
        ((4, 5, 2), "last", (2, 4, 5)),
    ],
)
def test_channels_lie_where_the_settings_say(written, shape, axis, arranged):
    array = ramp(shape)
    image = open_image(written(array), axis)

    assert (image.header.channels, *image.header.shape) == arranged
    expected = np.moveaxis(array, {"last": -1, "first": 0}[axis], 0).reshape(arranged)
    np.testing.assert_array_equal(image.load(), expected)


def test_bytes_after_the_voxels_and_several_gzip_members_are_fine(written):
    path = written(ramp())
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:200]) + gzip.compress(content[200:]))
    np.testing.assert_array_equal(open_image(path).load()[0], ramp())
    path.write_bytes(gzip.compress(content + bytes(100)))
    np.testing.assert_array_equal(open_image(path).load()[0], ramp())


def test_agrees_with_simpleitk_on_spacing_and_place(written):
    itk = pytest.importorskip("SimpleITK")
    turned = nibabel.affines.from_matvec(
        nibabel.eulerangles.euler2mat(0.3, 0.2, 0.1) @ np.diag([0.7, 0.8, 3]), [5, -6, 7]
    )
    path = written(ramp(), turned)
    image, header = itk.ReadImage(str(path)), read_header(path)

    np.testing.assert_allclose(header.spacing, image.GetSpacing(), rtol=1e-5)
    corner = np.array(image.TransformIndexToPhysicalPoint((3, 4, 5))) * (-1, -1, 1)  # LPS to RAS
    np.testing.assert_allclose((header.affine @ [3, 4, 5, 1])[:3], corner, atol=1e-4)


BAD = {
    "zero spacing": ({"pixdim": [1, 0, 1, 1, 0, 0, 0, 0]}, ["spacing 0 x 1 x 1 mm", "above 0"]),
    "negative spacing": ({"pixdim": [1, 1, -1, 1, 0, 0, 0, 0]}, ["spacing 1 x -1 x 1 mm"]),
    "spacing that is no number": ({"pixdim": [1, 1, 1, np.nan, 0, 0, 0, 0]}, ["spacing 1 x 1 x nan mm"]),
    "affine that is no number": ({"srow_x": [np.nan, 0, 0, 0]}, ["affine", "not numbers"]),
    "affine without extent": ({"srow_z": [0, 0, 0, 0]}, ["spacing", "above 0"]),
    "pixdim against affine": ({"pixdim": [1, 1, 1, 1, 0, 0, 0, 0]}, ["two spacings", "1 x 1 x 1", "0.7 x 0.8 x 3"]),
    "unknown unit": ({"xyzt_units": 5}, ["unknown unit"]),
    "complex voxels": ({"datatype": 32}, ["colour or complex"]),
    "colour voxels": ({"datatype": 128}, ["colour or complex"]),
    "unknown voxels": ({"datatype": 77}, ["cannot be read as NIfTI"]),
    "no axes": ({"dim": [0, 1, 1, 1, 1, 1, 1, 1]}, ["0 axes"]),
    "one axis": ({"dim": [1, 120, 1, 1, 1, 1, 1, 1]}, ["shape 120", "too few axes"]),
    "empty axis": ({"dim": [3, 4, 0, 6, 1, 1, 1, 1]}, ["4 x 0 x 6", "no voxels"]),
    "negative axis": ({"dim": [3, 4, -5, 6, 1, 1, 1, 1]}, ["no voxels"]),
    "too many axes": ({"dim": [4, 4, 5, 3, 2, 1, 1, 1]}, ["4 axes (4 x 5 x 3 x 2)", "channel_axis"]),
    "header of a pair": ({"magic": b"ni1"}, [".hdr/.img"]),
    "voxels behind the end": ({"vox_offset": 1e6}, ["damaged"]),
    "voxels nowhere": ({"vox_offset": np.nan}, ["byte nan"]),
    "voxels before the file": ({"vox_offset": -400}, ["byte -400"]),
    "huge": ({"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]}, ["asks for", "cannot hold"]),
}


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize(("fields", "words"), [pytest.param(*bad, id=text) for text, bad in BAD.items()])
def test_bad_headers_are_refused(written, refused, name, fields, words):
    path = written(ramp(), name=name, **fields)
    refused(lambda: read_header(path), [str(path), *words])


def test_an_affine_that_folds_space_is_refused(written, refused):
    path = written(ramp(), srow_x=[0.7, 0.8, 0, 0], srow_y=[0, 0, 0, 0], srow_z=[0, 0, 3, 0])

    refused(lambda: read_header(path), ["folds two axes"])


def test_a_huge_nifti2_header_is_refused_before_memory_is_taken(written, refused):
    sizes = [4, 2**40, 2**40, 2**40, 1, 1, 1, 1]
    path = written(ramp(), kind=nibabel.Nifti2Image, dim=sizes)

    refused(lambda: read_header(path), ["asks for", "cannot hold"])


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_truncated_files_are_refused_by_their_header_alone(written, refused, name, share):
    path = written(np.random.default_rng(0).normal(size=(20, 20, 20)), name=name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    refused(lambda: read_header(path), [str(path)])


def test_a_flipped_bit_in_packed_voxels_is_refused(written, refused):
    path = written(np.random.default_rng(0).normal(size=(20, 20, 20)))
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # the checksum
    path.write_bytes(content)

    refused(open_image(path).load, [str(path), "CRC"])


@pytest.mark.parametrize(
    "content",
    [b"", b"hello, I am no image", gzip.compress(b"neither am I"), gzip.compress(b"")],
    ids=["empty", "text", "packed text", "packed nothing"],  # gzip's bytes hold the time, ids may not
)
def test_other_files_are_refused(tmp_path, refused, content):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(content)

    refused(lambda: read_header(path), [str(path)])


def test_random_headers_end_in_a_data_error_or_a_sound_header(written):
    path = written(ramp(), name="scan.nii")
    content, generator, sound = path.read_bytes(), np.random.default_rng(5), 0
    for _ in range(300):
        broken = bytearray(content)
        for place in generator.integers(4, 348, size=6):
            broken[place] = generator.integers(256)
        path.write_bytes(broken)
        try:
            image = open_image(path)
            array = image.load()
        except DataError:
            continue
        sound += 1
        assert array.shape == (image.header.channels, *image.header.shape)
        assert min(image.header.spacing) > 0
    assert 0 < sound < 300
