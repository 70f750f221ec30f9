import numpy as np
import pytest
import tifffile

from pytest_segrobust.datasets.reading import open_image, read_header


def ramp(shape, kind=np.uint16):
    return np.arange(np.prod(shape)).reshape(shape).astype(kind)


@pytest.mark.parametrize("name", ["a.tif", "a.tiff"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_greyscale_comes_back_rows_first(tmp_path, name, kind, compression):
    tifffile.imwrite(tmp_path / name, ramp((6, 9), kind), compression=compression)
    image = open_image(tmp_path / name)

    np.testing.assert_array_equal(image.load(), ramp((1, 6, 9)))
    assert (image.header.shape, image.header.channels) == ((6, 9), 1)
    assert (image.header.axes, image.header.spacing, image.header.spacing_known) == (("?", "?"), (1, 1), False)


@pytest.mark.parametrize(
    ("shape", "options", "arranged"),
    [
        ((6, 9, 3), {"photometric": "rgb"}, (3, 6, 9)),
        ((6, 9, 4), {"photometric": "rgb"}, (4, 6, 9)),
        ((3, 6, 9), {"photometric": "rgb", "planarconfig": "separate"}, (3, 6, 9)),
        ((2, 6, 9), {"imagej": True, "metadata": {"axes": "CYX"}}, (2, 6, 9)),
    ],
)
def test_samples_and_declared_channels_are_channels(tmp_path, shape, options, arranged):
    array = ramp(shape)
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    image = open_image(tmp_path / "a.tif")

    assert (image.header.channels, *image.header.shape) == arranged
    np.testing.assert_array_equal(image.load(), array if shape == arranged else np.moveaxis(array, -1, 0))


def test_pages_are_channels_only_where_the_settings_say_so(tmp_path, refused):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp((2, 6, 9)), photometric="minisblack")

    refused(lambda: read_header(path), [str(path), "stack of 2 pages", "channel_axis"])
    np.testing.assert_array_equal(open_image(path, "first").load(), ramp((2, 6, 9)))


@pytest.mark.parametrize(
    ("options", "spacing"),
    [
        ({"resolution": (254, 127), "resolutionunit": "INCH"}, (0.2, 0.1)),
        ({"resolution": (100, 50), "resolutionunit": "CENTIMETER"}, (0.2, 0.1)),
        ({"resolution": (10, 5), "imagej": True, "metadata": {"unit": "mm"}}, (0.2, 0.1)),
        ({"resolution": (0.01, 0.005), "imagej": True, "metadata": {"unit": "um"}}, (0.2, 0.1)),
        ({"resolution": (10, 5), "resolutionunit": "NONE"}, None),
    ],
)
def test_resolution_with_a_unit_becomes_spacing(tmp_path, options, spacing):
    tifffile.imwrite(tmp_path / "a.tif", ramp((6, 9)), **options)
    header = read_header(tmp_path / "a.tif")

    np.testing.assert_allclose(header.spacing, spacing or (1, 1), rtol=1e-5)
    assert header.spacing_known == (spacing is not None)


def test_volumes_and_complex_voxels_are_refused(tmp_path, refused):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp((2, 5, 6, 9)), photometric="minisblack")
    refused(lambda: read_header(path, "first"), ["2 x 5 x 6 x 9", "only 2-D"])

    tifffile.imwrite(path, ramp((6, 9), np.complex64))
    refused(lambda: read_header(path), ["complex64"])


def test_damaged_files_are_refused(tmp_path, refused):
    path = tmp_path / "a.tif"
    path.write_text("no picture")
    refused(lambda: read_header(path), [str(path), "cannot be read as TIFF"])

    tifffile.imwrite(path, ramp((60, 90)))
    content = path.read_bytes()
    path.write_bytes(content[:-4000])
    refused(lambda: open_image(path).load(), [str(path), "asks for 10800 bytes"])

    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 9999, (60, 90)).astype(np.uint16), compression="zlib")
    path.write_bytes(path.read_bytes()[:-4000])
    refused(lambda: open_image(path).load(), [str(path)])
