import gzip
import hashlib
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from pytest_segrobust.errors import DataError


def test_a_sample_holds_what_its_contract_says(folder):
    folder.pair("a")
    dataset = folder.open()
    sample = dataset.read(dataset.cases[0])

    assert sample.case is dataset.cases[0]
    assert (sample.image.dtype, sample.image.shape) == (np.float32, (1, 6, 5, 4))
    assert (sample.label.dtype, sample.label.shape) == (np.int32, (6, 5, 4))
    assert sample.image.flags.c_contiguous
    assert sample.label.flags.c_contiguous
    assert sample.axes == ("L", "A", "S")
    np.testing.assert_allclose(sample.spacing, (0.8, 0.9, 2.5), rtol=1e-6)
    np.testing.assert_allclose(sample.affine[:3, 3], (10, -20, 30))
    np.testing.assert_allclose([sample.low, sample.high], np.percentile(sample.image, [0.5, 99.5])[:, None], rtol=1e-6)


def test_reference_has_a_mask_per_structure(folder):
    folder.pair("a")
    dataset = folder.open(classes={"anterior": 1, "whole": [1, 2]})
    sample = dataset.read(dataset.cases[0])
    reference = dataset.reference(sample)

    assert dataset.structures == tuple(reference) == ("anterior", "whole")
    np.testing.assert_array_equal(reference["anterior"], sample.label == 1)
    np.testing.assert_array_equal(reference["whole"], sample.label > 0)


def test_reading_twice_gives_equal_arrays_of_ones_own(folder):
    folder.pair("a")
    dataset = folder.open()
    first = dataset.read(dataset.cases[0])
    kept = first.image.copy(), first.label.copy()
    first.image[:] = 7
    first.label[:] = 7
    second = dataset.read(dataset.cases[0])

    np.testing.assert_array_equal(second.image, kept[0])
    np.testing.assert_array_equal(second.label, kept[1])
    assert second.image.flags.writeable


def test_small_data_sets_are_read_from_disk_once(folder, monkeypatch):
    from pytest_segrobust.datasets import dataset as module

    for name in "abc":
        folder.pair(name)
    dataset, read = folder.open(), []
    real = module.read_case
    monkeypatch.setattr(module, "read_case", lambda case, **settings: read.append(case.id) or real(case, **settings))
    for _ in range(3):
        for case in dataset.cases:
            dataset.read(case)

    assert read == ["a", "b", "c"]


def test_memory_does_not_grow_with_the_number_of_cases(folder):
    image = np.random.default_rng(0).integers(0, 1000, size=(32, 32, 32)).astype(np.float32)
    for number in range(24):
        folder.scan(f"images/{number:02}.nii.gz", image + number)
    one = image.nbytes
    dataset = folder.open(images="images/*", patient="{name}", kept_bytes=3 * one)
    dataset.read(dataset.cases[0])  # imports, compiled expressions

    tracemalloc.start()
    dataset.check()
    checked = tracemalloc.get_traced_memory()[1]
    for case in dataset.cases:
        dataset.read(case)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert checked < one  # headers alone
    assert held < 4 * one
    assert peak < 10 * one  # of 24


def test_hashes_are_of_the_files_named_below_the_data_folder(folder):
    image, label = folder.pair("a")
    dataset = folder.open()

    assert dataset.file_hashes(dataset.cases[0]) == {
        "images/a.nii.gz": hashlib.sha256(image.read_bytes()).hexdigest(),
        "labels/a.nii.gz": hashlib.sha256(label.read_bytes()).hexdigest(),
    }


def test_description_tells_settings_apart_that_change_samples(folder):
    folder.pair("a")
    pairs = {"images": "images/*.nii.gz", "labels": "labels/{name}.nii.gz", "patient": "{name}"}
    plain = folder.open(**pairs).description()

    assert plain == folder.open(**pairs).description()
    for other in ({"intensity": {"window": (0, 1)}}, {"label_values": {"anterior": 2}}, {"patient": "x"}):
        assert folder.open(**{**pairs, **other}).description() != plain


def test_problems_of_several_cases_are_one_line(folder, refused):
    for name in "abcdef":
        folder.pair(name)
    for name in "abcde":
        (folder.root / f"labels/{name}.nii.gz").unlink()

    text = refused(folder.open().check, ["5 of 6 cases", "case a: ", "case b: ", "case c: ", "and 2 more"])
    assert "case d" not in text


def test_flat_and_solid_cases_do_not_mix(folder, refused):
    folder.pair("a")
    folder.pair("b", shape=(6, 5))

    refused(folder.open().check, ["case b is 2-D while case a is 3-D"])


def test_an_empty_label_in_one_case_is_allowed(folder):
    folder.pair("b")
    folder.pair("a")
    folder.scan("labels/a.nii.gz", np.zeros((6, 5, 4), dtype=np.uint8))
    dataset = folder.open()
    dataset.check()

    assert not dataset.reference(dataset.read(dataset.cases[0]))["anterior"].any()


def test_labels_that_never_hold_a_structure_are_refused(folder, refused):
    for name in "ab":
        folder.pair(name)
        folder.scan(f"labels/{name}.nii.gz", np.full((6, 5, 4), 255, dtype=np.uint8))

    refused(folder.open().check, ["none of the 2 labels", "[255]", "anterior = [1]", "label_values"])


def test_labels_of_a_data_set_are_decoded_only_until_a_structure_is_found(folder, monkeypatch):
    from pytest_segrobust.datasets import dataset as module

    for name in "abc":
        folder.pair(name)
    dataset, decoded = folder.open(), []
    real = module.read_label
    monkeypatch.setattr(module, "read_label", lambda case: decoded.append(case.id) or real(case))
    dataset.check()

    assert decoded == ["a"]


def text_file(folder, image, label):
    image.write_text("hello")


def truncated(folder, image, label):
    image.write_bytes(image.read_bytes()[:-30])


def truncated_label(folder, image, label):
    label.write_bytes(label.read_bytes()[:-30])


def damaged_voxels(folder, image, label):
    content = bytearray(gzip.decompress(image.read_bytes()))
    image.write_bytes(gzip.compress(content)[:-8] + bytes(4) + len(content).to_bytes(4, "little"))


def other_shape(folder, image, label):
    folder.scan("labels/a.nii.gz", np.ones((6, 5, 3), dtype=np.uint8))


def other_affine(folder, image, label):
    folder.scan("labels/a.nii.gz", np.ones((6, 5, 4), dtype=np.uint8), np.eye(4))


def no_label(folder, image, label):
    label.unlink()


def label_is_a_folder(folder, image, label):
    label.unlink()
    label.mkdir()


def soft_label(folder, image, label):
    folder.scan("labels/a.nii.gz", np.full((6, 5, 4), 0.5, dtype=np.float32))


def not_a_number(folder, image, label):
    array = np.arange(120, dtype=np.float32).reshape(6, 5, 4)
    array[2, 2, :2] = np.nan
    folder.scan("images/a.nii.gz", array)


def beyond_float32(folder, image, label):
    folder.scan("images/a.nii.gz", np.arange(120, dtype=np.float64).reshape(6, 5, 4) * 1e40)


def constant(folder, image, label):
    folder.scan("images/a.nii.gz", np.full((6, 5, 4), 3, dtype=np.float32))


def four_axes(folder, image, label):
    folder.scan("images/a.nii.gz", np.ones((6, 5, 4, 2), dtype=np.float32))


BY_HEADER = {
    text_file: ["images/a.nii.gz", "cannot be read as NIfTI"],
    truncated: ["images/a.nii.gz", "truncated"],
    truncated_label: ["labels/a.nii.gz", "truncated"],
    other_shape: ["images/a.nii.gz", "labels/a.nii.gz", "shape"],
    other_affine: ["images/a.nii.gz", "labels/a.nii.gz", "spacing"],
    no_label: ["labels/a.nii.gz", "no such file"],
    label_is_a_folder: ["labels/a.nii.gz", "no such file"],
    four_axes: ["images/a.nii.gz", "channel_axis"],
}
BY_VOXELS = {
    damaged_voxels: ["images/a.nii.gz", "CRC"],
    soft_label: ["labels/a.nii.gz", "120 voxels hold no integer label", "0.5"],
    not_a_number: ["2 voxels are NaN"],
    beyond_float32: ["119 voxels are NaN or infinite"],
    constant: ["constant (3)"],
}


@pytest.mark.parametrize(("spoil", "words"), {**BY_HEADER, **BY_VOXELS}.items())
def test_no_bad_file_is_read(folder, refused, spoil, words):
    spoil(folder, *folder.pair("a"))
    dataset = folder.open()

    refused(lambda: dataset.read(dataset.cases[0]), ["case a: ", *words])


@pytest.mark.parametrize(("spoil", "words"), BY_HEADER.items())
def test_bad_files_are_found_by_their_headers(folder, refused, spoil, words):
    spoil(folder, *folder.pair("a"))

    refused(folder.open().check, ["case a: ", *words])


def test_a_failed_read_fails_again(folder):
    constant(folder, *folder.pair("a"))
    dataset = folder.open()
    for _ in range(2):
        with pytest.raises(DataError):
            dataset.read(dataset.cases[0])


def test_finding_the_cases_imports_no_decoder():
    program = (
        "import sys, pytest_segrobust.datasets.dataset as d; "
        "print([name for name in ('nibabel', 'nrrd', 'PIL', 'tifffile', 'torch', 'scipy', 'monai') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
