import numpy as np
import pytest

from pytest_segrobust.datasets.labels import as_labels, masks_of, structure_values


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.uint32, np.int64, np.float32, np.float64, ">i2"])
def test_integers_of_any_type_become_int32(kind):
    labels = as_labels(np.asfortranarray(np.array([[0, 1, 1], [1, 0, 0]], dtype=kind)))

    assert labels.dtype == np.int32
    assert labels.flags.c_contiguous
    assert labels.tolist() == [[0, 1, 1], [1, 0, 0]]


def test_the_rounding_of_a_scaling_slope_is_no_fraction():
    assert as_labels(np.array([1.9999999, 0.00000001])).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (np.array([0, 0.5, 1, 0.25]), ["2 voxels hold no integer", "0.5"]),
        (np.array([0, np.nan], dtype=np.float32), ["1 voxels hold no integer", "nan"]),
        (np.array([0, np.inf]), ["no integer"]),
        (np.array([0, 2**31], dtype=np.int64), ["2147483648"]),
        (np.array([0, 1e12]), ["label values"]),
    ],
)
def test_values_that_are_no_labels_are_refused(refused, stored, words):
    refused(lambda: as_labels(stored), words)


def test_a_list_of_values_is_their_union():
    values = structure_values({"whole": [1, 2], "core": 2}, {}, labelled=True)
    masks = masks_of(np.array([0, 1, 2, 3]), values)

    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "whole": [False, True, True, False],
        "core": [False, False, True, False],
    }
    assert all(mask.dtype == bool for mask in masks.values())


def test_label_values_go_before_channels():
    classes = {"liver": 0, "tumour": 1}

    assert structure_values(classes, {"liver": 255, "tumour": [7, 9]}, labelled=True) == {
        "liver": (255,),
        "tumour": (7, 9),
    }


@pytest.mark.parametrize(
    ("classes", "label_values", "words"),
    [
        ({"liver": 0}, {}, ["liver", "background", "label_values"]),
        ({"liver": 1}, {"lver": 3}, ["lver", "did you mean liver?"]),
        ({"liver": []}, {}, ["liver", "no value"]),
    ],
)
def test_structures_without_a_sound_value_are_refused(refused, classes, label_values, words):
    refused(lambda: structure_values(classes, label_values, labelled=True), words)


def test_channel_0_is_fine_where_nothing_is_labelled():
    assert structure_values({"liver": 0}, {}, labelled=False) == {"liver": (0,)}
