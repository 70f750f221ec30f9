"""All measures of a case's voxels at once: an oracle, its opposite, nothing to tell apart, and the plain formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pytest_segrobust.metrics.uncertainty import scoring
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.metrics.uncertainty.chance import CHANCE
from pytest_segrobust.metrics.uncertainty.region import dilated, error_band
from pytest_segrobust.metrics.uncertainty.scoring import (
    CALIBRATION,
    VOXEL_KEYS,
    Limits,
    VoxelScores,
    failed_voxels,
    no_voxels,
    score_voxels,
)

BY_DATA = ("error_aupr", "ause", "ue_dice", "pavpu", "qu_brats")
Scene = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def scene(seed: int = 0, shape: tuple[int, ...] = (36, 32)) -> Scene:
    """Uncertainty, probability, prediction, reference."""
    rng = np.random.default_rng(seed)
    middle = np.array([length / 2 for length in shape]).reshape(-1, *(1,) * len(shape))
    radius = np.sqrt(((np.indices(shape) - middle) ** 2).sum(axis=0)) / (min(shape) / 3)
    p = 1 / (1 + np.exp(-6 * (1 - radius - gaussian_filter(rng.normal(size=shape), 1.5))))
    return p * (1 - p) + 0.02 * rng.random(shape), p, p > 0.5, radius < 1


def scored(u: np.ndarray, p: np.ndarray, prediction: np.ndarray, reference: np.ndarray, **limits: float) -> VoxelScores:
    spacing = (1.0,) * u.ndim
    return score_voxels(
        u,
        p,
        prediction,
        reference,
        band=error_band(prediction, reference, spacing),
        near=dilated(prediction | reference, spacing),
        limits=Limits(**{"threshold": 0.2, "highest": 0.25, **limits}),
    )


def brute(u: np.ndarray, p: np.ndarray, prediction: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Written out again, voxel by voxel where that is the definition."""
    spacing = (1.0,) * u.ndim
    band, near = error_band(prediction, reference, spacing), dilated(prediction | reference, spacing)
    wrong = prediction != reference
    bad, good = u[band & wrong], u[band & ~wrong]
    found = {
        "error_auroc": float(np.mean((bad[:, None] > good) + 0.5 * (bad[:, None] == good))),
        "gap": float(bad.mean() - good.mean()),
        "ue_dice": 2 * (bad > 0.2).sum() / ((u[band] > 0.2).sum() + bad.size),
    }
    order = np.argsort(u[band], kind="stable")
    errors = wrong[band][order]
    kept = np.array([errors[:k].mean() for k in range(1, errors.size + 1)])
    best = np.array([np.sort(errors)[:k].mean() for k in range(1, errors.size + 1)])
    found["ause"] = float((kept - best).mean())
    precision = [wrong[band][order[::-1]][: k + 1].mean() for k in np.flatnonzero(errors[::-1])]
    found["error_aupr"] = float(np.mean(precision))
    confidence = np.where(prediction, p, 1 - p)[near]
    right = ~wrong[near]
    gaps = []
    for at in range(20):
        mine = (confidence > at / 20) & (confidence <= (at + 1) / 20)
        if mine.any():
            gaps.append((mine.sum(), abs(confidence[mine].mean() - right[mine].mean())))
    found["ece"] = float(sum(n * gap for n, gap in gaps) / near.sum())
    found["ace"] = float(np.mean([gap for _, gap in gaps]))
    y, q = reference[near], p[near]
    found["brier"] = float(
        np.mean([(one - true) ** 2 + ((1 - one) - (1 - true)) ** 2 for one, true in zip(q, y, strict=True)])
    )
    found["nll"] = float(np.mean([-math.log(one if true else 1 - one) for one, true in zip(q, y, strict=True)]))
    sure = u <= 0.2
    before = 2 * (prediction & reference).sum() / (prediction.sum() + reference.sum())
    after = 2 * (prediction & reference & sure).sum() / ((prediction & sure).sum() + (reference & sure).sum())
    found["delta_dsc"] = float(after - before)
    found["removed_right"] = float((prediction & reference & ~sure).sum() / (prediction & reference).sum())
    found["removed_wrong"] = float((wrong & ~sure).sum() / wrong.sum())
    found["uncertainty_wrong"], found["uncertainty_right"] = float(bad.mean()), float(good.mean())
    return found


@pytest.mark.parametrize("shape", [(36, 32), (14, 16, 12)])
@pytest.mark.parametrize("seed", [0, 1])
def test_each_measure_is_its_plain_formula(seed: int, shape: tuple[int, ...]) -> None:
    parts = scene(seed, shape)
    found, expected = scored(*parts), brute(*parts)
    assert not found.undefined
    measured = {key for key in found.values if not key.startswith(CHANCE)}
    assert measured - set(expected) == {"pavpu", "qu_brats"}
    assert set(found.values) - measured == {f"{CHANCE}{key}" for key in BY_DATA}
    assert {key: found.values[key] for key in expected} == pytest.approx(expected, abs=1e-9)


def test_patches_lie_as_they_do_in_the_image_whatever_the_crop() -> None:
    u, p, prediction, reference = scene(2)
    part = (slice(4, None), slice(0, 32))
    prediction[:9], reference[:9] = False, False  # the band begins at row 5
    crop = scored(*(each[part] for each in (u, p, prediction, reference)))
    assert crop.values == pytest.approx(scored(u, p, prediction, reference).values)


def test_an_oracle_finds_all_errors_and_its_opposite_none() -> None:
    _, p, prediction, reference = scene()
    wrong = prediction ^ reference

    oracle = scored(wrong.astype(float), p, prediction, reference, threshold=0.5, highest=1)
    opposite = scored(1.0 - wrong, p, prediction, reference, threshold=0.5, highest=1)

    best = {
        "error_auroc": 1,
        "error_aupr": 1,
        "gap": 1,
        "ue_dice": 1,
        "ause": 0,
        "removed_wrong": 1,
        "removed_right": 0,
    }
    assert {key: oracle.values[key] for key in best} == best
    assert oracle.values["delta_dsc"] > 0
    assert oracle.values["qu_brats"] > 0.98
    worst = {"error_auroc": 0, "gap": -1, "ue_dice": 0, "removed_wrong": 0, "removed_right": 1}
    assert {key: opposite.values[key] for key in worst} == worst
    assert opposite.values["delta_dsc"] < 0
    assert opposite.values["qu_brats"] < 0.5


def test_a_constant_map_separates_nothing_and_is_no_reason_to_leave_out_calibration() -> None:
    _, p, prediction, reference = scene()
    found = scored(np.full(p.shape, 0.1), p, prediction, reference)
    assert set(found.undefined) == set(VOXEL_KEYS) - set(CALIBRATION)
    assert all("constant" in reason for reason in found.undefined.values())
    assert set(CALIBRATION) <= set(found.values)
    assert found.values["uncertainty_wrong"] == pytest.approx(0.1)
    assert "removed_right" not in found.values


def test_nothing_wrong_leaves_no_errors_to_find_and_calibration_as_ever() -> None:
    u, p, prediction, _ = scene()
    found = scored(u, p, prediction, prediction)
    assert {"error_auroc", "error_aupr", "gap", "ause"} <= set(found.undefined)
    assert "no error to find" in found.undefined["error_auroc"]
    assert "uncertainty_wrong" not in found.values
    assert found.values["uncertainty_right"] > 0
    assert "removed_wrong" not in found.values
    assert "ece" in found.values


def test_every_measure_has_a_value_or_a_reason() -> None:
    u, p, prediction, reference = scene()
    nothing = np.zeros_like(prediction)
    for a, b in (
        (prediction, reference),
        (nothing, reference),
        (prediction, nothing),
        (prediction, prediction),
        (nothing, nothing),
    ):
        found = scored(u, p, a, b)
        assert set(VOXEL_KEYS) == set(found.undefined) | (set(found.values) & set(VOXEL_KEYS))
        assert not set(found.undefined) & set(found.values)
        assert all(math.isfinite(value) for value in found.values.values())
    assert scored(u, p, nothing, nothing) == no_voxels("prediction and reference are empty")


def test_without_a_threshold_only_what_needs_one_is_undefined() -> None:
    u, p, prediction, reference = scene()
    found = score_voxels(
        u, p, prediction, reference,
        band=error_band(prediction, reference, (1.0, 1.0)), near=dilated(prediction | reference, (1.0, 1.0)),
        limits=Limits(None, 0.25, "no clean image"),
    )  # fmt: skip
    assert found.undefined == dict.fromkeys(("ue_dice", "pavpu", "delta_dsc"), "no clean image")


def test_a_failed_prediction_scores_the_worst_of_everything() -> None:
    assert set(failed_voxels().values) == set(VOXEL_KEYS)
    assert all(failed_voxels().values[key] == MEASURES[key].worst for key in VOXEL_KEYS)
    worst = scored(*scene())
    for key, measure in MEASURES.items():
        if measure.level == "voxels":
            better = worst.values[key] - failed_voxels().values[key]
            assert better >= 0 if measure.better == "higher" else better <= 0


def test_the_table_counts_every_voxel_near_the_structure() -> None:
    u, p, prediction, reference = scene()
    found = scored(u, p, prediction, reference)
    near = dilated(prediction | reference, (1.0, 1.0))
    count, confidence, right = (sum(column) for column in zip(*found.reliability, strict=True))
    assert len(found.reliability) == 20
    assert count == near.sum()
    assert confidence == pytest.approx(np.where(prediction, p, 1 - p)[near].sum())
    assert right == (prediction == reference)[near].sum()


def test_a_large_band_is_thinned_alike_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = scene(3, (120, 120))
    whole = scored(*parts)
    monkeypatch.setattr(scoring, "MOST_RANKED", 1500)
    thin, again = scored(*parts), scored(*parts)
    assert thin == again
    assert thin.values["error_auroc"] != whole.values["error_auroc"]
    assert thin.values["error_auroc"] == pytest.approx(whole.values["error_auroc"], abs=0.05)
    ranked = {"error_auroc", "error_aupr", "ause", f"{CHANCE}error_aupr", f"{CHANCE}ause"}
    same = set(whole.values) - ranked
    assert {key: thin.values[key] for key in same} == {key: whole.values[key] for key in same}


def test_a_map_that_float32_rounds_apart_is_constant_and_a_small_one_that_spreads_is_not() -> None:
    _, p, prediction, reference = scene()
    wrong = prediction ^ reference
    rounded = np.where(wrong, np.float32(0.05) + np.float32(1e-7), np.float32(0.05)).astype(float)
    assert "constant" in scored(rounded, p, prediction, reference).undefined["error_auroc"]
    small = scored(1e-6 + 1e-8 * wrong, p, prediction, reference, threshold=1.005e-6)
    assert small.values["error_auroc"] == small.values["ue_dice"] == 1


@pytest.mark.parametrize("shape", [(80, 72), (24, 26, 22)])
def test_chance_is_what_random_maps_of_the_same_values_score(shape: tuple[int, ...]) -> None:
    """Written as the brute force that it stands for: 60 maps with the voxels of the band, or near the masks, exchanged."""
    u, p, prediction, reference = scene(4, shape)
    rng = np.random.default_rng(0)
    spacing = (1.0,) * u.ndim
    own = scored(u, p, prediction, reference).values
    regions = {
        "qu_brats": dilated(prediction | reference, spacing),
        **dict.fromkeys(BY_DATA[:4], error_band(prediction, reference, spacing)),
    }
    for key, region in regions.items():
        drawn = []
        for _ in range(60):
            mixed = u.copy()
            mixed[region] = rng.permutation(u[region])
            drawn.append(scored(mixed, p, prediction, reference).values[key])
        assert own[f"{CHANCE}{key}"] == pytest.approx(np.mean(drawn), abs=0.06), key  # of four shuffles
        assert scored(u, p, prediction, reference).values[f"{CHANCE}{key}"] == own[f"{CHANCE}{key}"]


def test_a_map_that_says_nothing_or_a_failure_has_no_chance_to_be_set_against() -> None:
    u, p, prediction, reference = scene()
    for found in (scored(0 * u + 0.1, p, prediction, reference), failed_voxels(), scored(u, p, reference, reference)):
        assert not {key for key in found.values if key.startswith(CHANCE)} - {f"{CHANCE}{k}" for k in BY_DATA[2:]}
        assert not any(key.startswith(CHANCE) for key in found.undefined)
    assert not any(key.startswith(CHANCE) for key in failed_voxels().values)
