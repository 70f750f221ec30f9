"""Scores of one structure: which are there, what they are invariant to, and that every shortcut is exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.metrics import reference as references
from pytest_segrobust.metrics.catalogue import DIAGONAL, METRICS
from pytest_segrobust.metrics.policy import failed_scores
from pytest_segrobust.metrics.reference import prepare_reference
from pytest_segrobust.metrics.scoring import score

WITHOUT_SURFACES = ["dsc", "iou", "over_segmentation", "under_segmentation", "volume_bias", "volume_error"]


def blobs(seed: int, shape: tuple[int, ...] = (18, 22, 14), threshold: float = 0.4) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return np.asarray(smooth > threshold * smooth.std())


def values(
    prediction: np.ndarray, reference: np.ndarray, spacing: tuple[float, ...], tolerances: tuple[float, ...] = (1, 2.5)
) -> dict[str, float]:
    found = score(prediction, prepare_reference(reference, spacing), tolerances=tolerances).values
    return {key: value for key, value in found.items() if key != DIAGONAL}  # which is the image's, not the masks'


pairs = st.lists(st.integers(1, 6), min_size=2, max_size=3).flatmap(
    lambda shape: st.tuples(
        *[hnp.arrays(bool, tuple(shape))] * 2, st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 2.5])] * len(shape))
    )
)
Pair = tuple[np.ndarray, np.ndarray, tuple[float, ...]]


def test_a_perfect_prediction_scores_the_best_of_every_metric() -> None:
    mask = blobs(1)
    perfect = score(mask, prepare_reference(mask, (1, 1, 2)), tolerances=(0,), clean_prediction=mask.copy())
    best = {("nsd@0" if key == "nsd" else key): metric.best for key, metric in METRICS.items()}
    assert {key: value for key, value in perfect.values.items() if key != DIAGONAL} == best
    assert perfect.failure is None
    assert perfect.reference_voxels == perfect.predicted_voxels == mask.sum()


def test_by_default_everything_is_scored_that_the_arguments_allow() -> None:
    prediction, prepared = blobs(1), prepare_reference(blobs(2), (1, 1, 1))
    assert set(score(prediction, prepared).values) == {*WITHOUT_SURFACES, "hd95", DIAGONAL}
    everything = score(prediction, prepared, tolerances=(1, 0.25), clean_prediction=prediction).values
    assert set(everything) == {*WITHOUT_SURFACES, "hd95", DIAGONAL, "nsd@1", "nsd@0.25", "agreement"}


@pytest.mark.parametrize("asked", [["dsc"], ["hd95"], ["nsd"], ["iou", "agreement"], []])
@pytest.mark.parametrize("predicted", [0, 1])
def test_only_the_metrics_asked_for_are_scored(asked: list[str], predicted: int) -> None:
    prediction = blobs(1) & bool(predicted)
    keys = {"nsd@1" if key == "nsd" else key for key in asked}
    prepared = prepare_reference(blobs(2), (1, 1, 1))
    subset = score(prediction, prepared, tolerances=(1,), clean_prediction=blobs(3), metrics=asked)
    whole = score(prediction, prepared, tolerances=(1,), clean_prediction=blobs(3))
    assert subset.values == {key: whole.values[key] for key in keys | ({DIAGONAL} if "hd95" in keys else set())}
    assert (subset.failure, subset.predicted_voxels) == (whole.failure, whole.predicted_voxels)


def test_surfaces_are_left_alone_where_nobody_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a surface was made")

    monkeypatch.setattr(references, "surface_of", refuse)
    monkeypatch.setattr(references, "distance_field", refuse)
    score(blobs(1), prepare_reference(blobs(2), (1, 1, 1)), metrics=WITHOUT_SURFACES)
    with pytest.raises(AssertionError, match="a surface was made"):
        score(blobs(1), prepare_reference(blobs(2), (1, 1, 1)), metrics=["hd95"])


@settings(max_examples=120, deadline=None)
@given(pairs)
def test_dsc_iou_os_us_and_volume_are_consistent(pair: Pair) -> None:
    prediction, reference, spacing = pair
    assume(prediction.any() and reference.any())
    found = values(prediction, reference, spacing)
    assert found["iou"] + found["over_segmentation"] + found["under_segmentation"] == pytest.approx(1)
    assert found["dsc"] == pytest.approx(2 * found["iou"] / (1 + found["iou"]))
    assert found["dsc"] == pytest.approx(2 * (prediction & reference).sum() / (prediction.sum() + reference.sum()))
    assert found["volume_error"] == abs(found["volume_bias"])
    assert found["nsd@1"] <= found["nsd@2.5"]


@settings(max_examples=120, deadline=None)
@given(pairs)
def test_swapping_prediction_and_reference_keeps_the_symmetric_metrics(pair: Pair) -> None:
    prediction, reference, spacing = pair
    assume(prediction.any() and reference.any())
    there, back = values(prediction, reference, spacing), values(reference, prediction, spacing)
    for key in ("dsc", "iou", "hd95", "nsd@1", "nsd@2.5"):
        assert there[key] == pytest.approx(back[key], rel=1e-12)
    assert there["over_segmentation"] == back["under_segmentation"]


@settings(max_examples=120, deadline=None)
@given(pairs)
def test_no_distance_in_an_image_exceeds_what_a_missed_structure_scores(pair: Pair) -> None:
    prediction, reference, spacing = pair
    assume(reference.any())
    missed = values(np.zeros_like(reference), reference, spacing)
    found = values(prediction, reference, spacing)
    assert found["hd95"] <= missed["hd95"]
    assert found["nsd@1"] >= missed["nsd@1"]


@settings(max_examples=80, deadline=None)
@given(pairs, st.data())
def test_padding_and_so_cropping_changes_nothing_but_the_image(pair: Pair, data: st.DataObject) -> None:
    prediction, reference, spacing = pair
    assume(prediction.any() and reference.any())
    assume(all(length > 1 for length in reference.shape))
    margins = [data.draw(st.tuples(st.integers(0, 4), st.integers(0, 4))) for _ in reference.shape]
    padded = values(np.pad(prediction, margins), np.pad(reference, margins), spacing)
    assert padded == pytest.approx(values(prediction, reference, spacing), rel=1e-12)


@settings(max_examples=80, deadline=None)
@given(pairs, st.data())
def test_turning_the_axes_with_their_spacing_changes_nothing(pair: Pair, data: st.DataObject) -> None:
    prediction, reference, spacing = pair
    assume(prediction.any() and reference.any())
    order = data.draw(st.permutations(range(reference.ndim)))
    flips = tuple(slice(None, None, data.draw(st.sampled_from([1, -1]))) for _ in order)
    turned = values(
        prediction.transpose(order)[flips], reference.transpose(order)[flips], tuple(spacing[axis] for axis in order)
    )
    assert turned == pytest.approx(values(prediction, reference, spacing), rel=1e-12)


def test_translation_changes_nothing() -> None:
    prediction, reference = (np.pad(blobs(seed), 6) for seed in (4, 5))
    moved = [np.roll(mask, (3, -5, 6), (0, 1, 2)) for mask in (prediction, reference)]
    assert values(*moved, (1, 2, 0.7)) == pytest.approx(values(prediction, reference, (1, 2, 0.7)), rel=1e-12)


def test_distances_scale_with_the_spacing() -> None:
    prediction, reference = blobs(4), blobs(5)
    once, thrice = values(prediction, reference, (1, 2, 0.5)), values(prediction, reference, (3, 6, 1.5), (3, 7.5))
    assert thrice["hd95"] == pytest.approx(3 * once["hd95"])
    assert (thrice["nsd@3"], thrice["nsd@7.5"]) == (once["nsd@1"], once["nsd@2.5"])
    assert thrice["dsc"] == once["dsc"]


def test_a_volume_of_a_clinic_s_size_scores_as_its_crop_does() -> None:
    # 384 x 384 x 150, 22 million voxels: about 40 ms, where a distance transform of the whole takes seconds.
    box = (slice(40, 58), slice(300, 322), slice(100, 114))
    shape, spacing = (384, 384, 150), (0.7, 0.7, 1.5)
    prediction, reference = np.zeros(shape, bool), np.zeros(shape, bool)
    prediction[box], reference[box] = blobs(6), blobs(7)
    assert values(prediction, reference, spacing) == pytest.approx(values(prediction[box], reference[box], spacing))


def test_masks_in_any_memory_order_score_the_same() -> None:
    prediction, reference = blobs(6), blobs(7)
    strided = np.repeat(prediction, 2, axis=1)[:, ::2]
    for same in (np.asfortranarray(prediction), strided):
        assert values(same, np.asfortranarray(reference), (1, 1, 3)) == values(prediction, reference, (1, 1, 3))


def test_scoring_changes_neither_mask() -> None:
    prediction, reference = blobs(6), blobs(7)
    prediction.setflags(write=False)
    reference.setflags(write=False)
    before = prepare_reference(reference, (1, 1, 1))
    first = score(prediction, before, tolerances=(1,))
    score(blobs(8), before, tolerances=(1,))
    assert score(prediction, before, tolerances=(1,)) == first


# No label, and agreement


def test_without_a_label_only_agreement_is_scored() -> None:
    prediction, clean = blobs(1), blobs(2)
    scored = score(prediction, None, tolerances=(1,), clean_prediction=clean)
    expected = 2 * (prediction & clean).sum() / (prediction.sum() + clean.sum())
    assert scored.values == {"agreement": pytest.approx(expected)}
    assert (scored.reference_voxels, scored.predicted_voxels, scored.failure) == (None, prediction.sum(), None)


def test_without_label_and_clean_prediction_nothing_is_scored_but_the_volume_is_known() -> None:
    scored = score(blobs(1), None)
    assert (scored.values, scored.predicted_voxels) == ({}, blobs(1).sum())


@pytest.mark.parametrize("labelled", [True, False])
def test_agreement_with_a_clean_prediction_that_failed_is_0(labelled: bool) -> None:
    reference = prepare_reference(blobs(2), (1, 1, 1)) if labelled else None
    scored = score(blobs(1), reference, clean_prediction=None, metrics=["agreement"])
    assert scored.values == {"agreement": 0}


def test_a_structure_that_only_the_clean_prediction_has_is_lost() -> None:
    nothing = np.zeros((18, 22, 14), bool)
    assert score(nothing, None, clean_prediction=blobs(1)).failure == "lost"
    assert score(nothing, None, clean_prediction=blobs(1)).values == {"agreement": 0}
    assert score(nothing, None, clean_prediction=nothing).failure is None


def test_a_structure_that_only_the_perturbed_prediction_has_is_invented_where_there_is_no_label() -> None:
    nothing = np.zeros((18, 22, 14), bool)
    invented = score(blobs(1), None, clean_prediction=nothing)
    assert (invented.failure, invented.values) == ("invented", {"agreement": 0})


def test_the_label_says_whether_a_structure_is_missed_even_where_the_clean_prediction_had_it() -> None:
    nothing = np.zeros((18, 22, 14), bool)
    labelled, unlabelled = prepare_reference(blobs(2), (1, 1, 1)), prepare_reference(nothing, (1, 1, 1))
    assert score(nothing, labelled, clean_prediction=blobs(1)).failure == "missed"
    assert score(nothing, unlabelled, clean_prediction=blobs(1)).failure is None


# What programmers get wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prediction": blobs(1).astype(np.uint8)}, "the prediction must be a numpy array of bool"),
        ({"prediction": blobs(1).astype(float)}, "the prediction must be a numpy array of bool"),
        ({"prediction": blobs(1)[1:]}, r"the prediction has shape \(17, 22, 14\)"),
        ({"prediction": blobs(1)[None]}, r"the prediction has shape \(1, 18, 22, 14\)"),
        ({"clean_prediction": blobs(1)[1:]}, "the clean prediction has shape"),
        ({"clean_prediction": blobs(1).astype(int)}, "the clean prediction must be a numpy array of bool"),
        ({"metrics": ["dice"]}, r"unknown metrics \['dice'\]; the catalogue has"),
        ({"metrics": ["nsd@2"]}, "unknown metrics"),
        ({"metrics": ["nsd"]}, "NSD is asked for without a tolerance"),
        ({"tolerances": (-1,)}, "must be finite and not negative"),
        ({"tolerances": (math.nan,)}, "must be finite and not negative"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(**{"prediction": blobs(1), "reference": prepare_reference(blobs(2), (1, 1, 1)), **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize("mask", [blobs(1), np.zeros((18, 22, 14), bool)])
def test_beside_hd95_stands_the_diagonal_whatever_was_predicted(mask: np.ndarray) -> None:
    reference = prepare_reference(blobs(2), (1, 1, 2))
    expected = np.sqrt(18**2 + 22**2 + 28**2)
    assert score(mask, reference).values[DIAGONAL] == pytest.approx(expected)
    assert failed_scores("crashed: x", reference).values[DIAGONAL] == pytest.approx(expected)
    assert DIAGONAL not in score(mask, reference, metrics=["dsc"]).values
