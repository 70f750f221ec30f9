import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pytest_segrobust.datasets.reading import open_image, read_header


def ramp(shape, kind=np.uint8):
    return (np.arange(np.prod(shape)) % np.iinfo(kind).max).reshape(shape).astype(kind)


def encoded(columns, rows_count, *, depth, colour, rows):
    """A PNG file by its specification; every row starts with its filter, 0."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows_count, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("depth", "row"), [(1, 0b01000000), (2, 0b00011011), (4, 0x01), (8, 0x01)])
def test_values_of_few_bits_are_not_stretched(tmp_path, depth, row):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(2, 1, depth=depth, colour=0, rows=bytes([0, row, 2]) if depth == 8 else bytes([0, row])))
    expected = {1: [0, 1], 2: [0, 1], 4: [0, 1], 8: [1, 2]}[depth]

    assert open_image(path, label=True).load()[0, 0].astype(int).tolist() == expected


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_greyscale_comes_back_rows_first(tmp_path, kind):
    Image.fromarray(ramp((6, 9), kind)).save(tmp_path / "a.png")
    image = open_image(tmp_path / "a.png")

    np.testing.assert_array_equal(image.load(), ramp((1, 6, 9), kind))
    assert (image.header.shape, image.header.channels) == ((6, 9), 1)
    assert (image.header.axes, image.header.spacing, image.header.spacing_known) == (("?", "?"), (1, 1), False)
    assert image.header.affine.shape == (4, 4)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_are_channels(tmp_path, channels):
    array = ramp((6, 9, channels))
    Image.fromarray(array).save(tmp_path / "a.png")
    image = open_image(tmp_path / "a.png")

    assert (image.header.channels, image.header.shape) == (channels, (6, 9))
    np.testing.assert_array_equal(image.load(), np.moveaxis(array, -1, 0))


def test_physical_size_becomes_spacing_of_rows_and_columns(tmp_path):
    Image.fromarray(ramp((6, 9))).save(tmp_path / "a.png", dpi=(254, 127))
    header = read_header(tmp_path / "a.png")

    np.testing.assert_allclose(header.spacing, (0.2, 0.1), rtol=1e-3)
    np.testing.assert_allclose(np.diag(header.affine)[:2], header.spacing)
    assert header.spacing_known


@pytest.mark.parametrize("dpi", [72, 96])
def test_density_of_a_screen_is_no_physical_size(tmp_path, dpi):
    Image.fromarray(ramp((6, 9))).save(tmp_path / "a.png", dpi=(dpi, dpi))
    header = read_header(tmp_path / "a.png")

    assert (header.spacing, header.spacing_known) == ((1.0, 1.0), False)


def test_a_palette_holds_labels_but_no_image(tmp_path, refused):
    picture = Image.fromarray(ramp((6, 9)) % 3).convert("P")
    picture.putdata((ramp((6, 9)) % 3).ravel().tolist())
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "a.png")

    np.testing.assert_array_equal(open_image(tmp_path / "a.png", label=True).load()[0], ramp((6, 9)) % 3)
    refused(lambda: read_header(tmp_path / "a.png"), [str(tmp_path / "a.png"), "palette"])


def test_16_bit_colour_is_refused_because_decoders_keep_8_bits(tmp_path, refused):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(2, 1, depth=16, colour=2, rows=bytes(13)))

    refused(lambda: read_header(path), [str(path), "16 bits per colour"])


def test_a_header_that_asks_for_more_than_the_file_holds_is_refused(tmp_path, refused):
    path = tmp_path / "a.png"
    Image.fromarray(ramp((6, 9))).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = (10_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)

    refused(lambda: read_header(path), [str(path), "asks for 100000000 bytes"])


def test_unreadable_pictures_are_refused(tmp_path, refused):
    path = tmp_path / "a.png"
    path.write_text("no picture")
    refused(lambda: read_header(path), [str(path), "cannot be read as PNG"])

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    refused(open_image(path).load, [str(path), "truncated"])

    Image.fromarray(ramp((6, 9))).save(path, format="BMP")
    refused(lambda: read_header(path), [str(path), "cannot be read as PNG"])


def test_pictures_with_their_labels_are_cases(folder):
    for name in ("images", "labels"):
        (folder.root / name).mkdir()
    label = np.zeros((6, 9), dtype=np.uint8)
    label[2:4] = 255
    Image.fromarray(ramp((6, 9, 3))).save(folder.root / "images/a.png")
    Image.fromarray(label).save(folder.root / "labels/a.png")
    dataset = folder.open(
        images="images/*.png",
        labels="labels/{name}.png",
        patient="{name}",
        label_values={"polyp": 255},
        classes={"polyp": 1},
        channels=3,
    )
    dataset.check()
    sample = dataset.read(dataset.cases[0])

    assert sample.image.shape == (3, 6, 9)
    assert sample.image.dtype == np.float32
    assert dataset.reference(sample)["polyp"].sum() == 18
