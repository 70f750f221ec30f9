"""Overlap: closed forms, the identities between the metrics, and two independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.metrics.overlap import Confusion, confusion, dsc, iou, over_segmentation, under_segmentation

counts = st.builds(Confusion, *[st.integers(0, 10**9)] * 3)
pairs = st.lists(st.integers(1, 6), min_size=2, max_size=3).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(bool, tuple(shape))] * 2)
)


def square(start: int, stop: int) -> np.ndarray:
    mask = np.zeros((12, 12), bool)
    mask[2:6, start:stop] = True
    return mask


def test_a_square_shifted_by_a_quarter_of_its_side_has_known_overlap() -> None:
    shifted = confusion(square(3, 7), square(2, 6))
    assert shifted == Confusion(true_positive=12, false_positive=4, false_negative=4)
    assert dsc(shifted) == 24 / 32
    assert iou(shifted) == 12 / 20
    assert over_segmentation(shifted) == 4 / 20
    assert under_segmentation(shifted) == 4 / 20


def test_a_prediction_that_holds_the_reference_only_over_segments() -> None:
    larger = confusion(square(2, 10), square(2, 6))
    assert (over_segmentation(larger), under_segmentation(larger), iou(larger)) == (0.5, 0, 0.5)


def test_disjoint_masks_split_into_over_and_under_segmentation() -> None:
    apart = confusion(square(0, 2), square(6, 12))
    assert (dsc(apart), iou(apart)) == (0, 0)
    assert (over_segmentation(apart), under_segmentation(apart)) == (8 / 32, 24 / 32)


@given(counts)
def test_iou_and_over_and_under_segmentation_add_up_to_one(some: Confusion) -> None:
    assume(some.union)
    assert iou(some) + over_segmentation(some) + under_segmentation(some) == pytest.approx(1, abs=1e-15)


@given(counts)
def test_dsc_and_iou_are_two_forms_of_one_number(some: Confusion) -> None:
    assume(some.union)
    assert dsc(some) == pytest.approx(2 * iou(some) / (1 + iou(some)), rel=1e-12)


@given(pairs)
def test_swapping_the_masks_swaps_over_and_under_segmentation(pair: tuple[np.ndarray, np.ndarray]) -> None:
    there, back = confusion(*pair), confusion(*pair[::-1])
    assume(there.union)
    assert (dsc(there), iou(there)) == (dsc(back), iou(back))
    assert over_segmentation(there) == under_segmentation(back)


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_simpleitk_finds_the_same_overlap(pair: tuple[np.ndarray, np.ndarray]) -> None:
    sitk = pytest.importorskip("SimpleITK")
    prediction, reference = pair
    assume(prediction.any() and reference.any())  # its numbers for an empty mask are infinite
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (reference, prediction)))
    ours = confusion(prediction, reference)
    assert dsc(ours) == pytest.approx(measures.GetDiceCoefficient(1), rel=1e-9)
    assert iou(ours) == pytest.approx(measures.GetJaccardCoefficient(1), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_monai_finds_the_same_dsc(pair: tuple[np.ndarray, np.ndarray]) -> None:
    import torch
    from monai.metrics.meandice import compute_dice

    prediction, reference = pair
    assume(reference.any())  # it drops empty references
    theirs = compute_dice(*(torch.from_numpy(mask)[None, None] for mask in pair), include_background=True)
    assert dsc(confusion(prediction, reference)) == pytest.approx(float(theirs), rel=1e-6)


def test_two_empty_masks_have_no_overlap_without_a_policy() -> None:
    empty = confusion(square(2, 2), square(2, 2))
    for metric in (dsc, iou, over_segmentation, under_segmentation):
        with pytest.raises(ValueError, match="both masks are empty"):
            metric(empty)


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (np.ones((12, 12)), "numpy array of bool, not an array of float64"),
        (np.ones((12, 12), np.uint8), "numpy array of bool, not an array of uint8"),
        ([[True]], "numpy array of bool, not list"),
        (np.ones((12, 11), bool), r"the prediction has shape \(12, 11\), .* \(12, 12\)"),
        (np.ones((1, 12, 12), bool), r"the prediction has shape \(1, 12, 12\)"),
        (np.ones((0, 12), bool), r"shape \(0, 12\) holds no voxels"),
    ],
)
def test_what_is_no_mask_of_the_reference_s_shape_is_refused(prediction: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion(prediction, square(2, 6))
