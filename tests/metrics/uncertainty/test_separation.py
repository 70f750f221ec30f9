"""Wrong voxels found: known answers, brute force, ties, and what has no value."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.metrics.uncertainty.patches import pavpu
from pytest_segrobust.metrics.uncertainty.selective import risk_coverage
from pytest_segrobust.metrics.uncertainty.separation import (
    error_detection,
    error_overlap,
    sparsification,
    uncertainty_gap,
)

maps = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(float, shape, elements=st.integers(0, 5).map(float)),
        hnp.arrays(bool, shape),
        hnp.arrays(bool, shape),
    )
)


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((20, 20)), rng.random((20, 20)) < 0.2


def test_an_oracle_is_perfect_and_chance_is_chance() -> None:
    u, wrong = scene()
    oracle = error_detection(wrong.astype(float), wrong)
    assert (oracle.auroc.value, oracle.aupr.value, oracle.fpr95.value) == (1, 1, 0)
    assert error_detection(-wrong.astype(float), wrong).auroc.value == 0
    assert oracle.prevalence == pytest.approx(wrong.mean())
    drawn = [error_detection(np.random.default_rng(seed).random(u.shape), wrong) for seed in range(200)]
    assert np.mean([float(each.auroc.value or 0) for each in drawn]) == pytest.approx(0.5, abs=0.01)
    assert np.mean([float(each.aupr.value or 0) for each in drawn]) == pytest.approx(wrong.mean(), abs=0.03)


@settings(max_examples=50, deadline=None)
@given(maps)
def test_only_the_region_counts(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    u, wrong, region = case
    assume(region.any())
    flat = u[region], wrong[region]
    assert error_detection(u, wrong, region) == error_detection(*flat)
    assert uncertainty_gap(u, wrong, region) == uncertainty_gap(*flat)
    assert error_overlap(u, wrong, 2.5, region) == error_overlap(*flat, 2.5)
    assert sparsification(u, wrong, region).ause == sparsification(*flat).ause


@settings(max_examples=50, deadline=None)
@given(maps)
def test_ranks_do_not_see_a_monotone_transform(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    u, wrong, _ = case
    assert error_detection(np.exp(u), wrong) == error_detection(u, wrong)
    assert sparsification(np.exp(u), wrong).ause == sparsification(u, wrong).ause


@settings(max_examples=50, deadline=None)
@given(maps)
def test_the_gap_and_the_overlap_by_hand(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    u, wrong, _ = case
    gap, overlap, uncertain = uncertainty_gap(u, wrong), error_overlap(u, wrong, 2.5), u > 2.5
    if wrong.any() and not wrong.all():
        assert gap.difference.value == pytest.approx(u[wrong].mean() - u[~wrong].mean())
    else:
        assert gap.difference.value is None
    assert (gap.wrong.value is None) == (not wrong.any())
    assert (gap.right.value is None) == bool(wrong.all())
    if (uncertain | wrong).any():
        assert overlap.ue_dice.value == pytest.approx(2 * (uncertain & wrong).sum() / (uncertain.sum() + wrong.sum()))
    else:
        assert overlap.ue_dice.value == 1
        assert "convention" in overlap.ue_dice.reason
    if wrong.any():
        assert overlap.recall.value == pytest.approx(uncertain[wrong].mean())
    if uncertain.any():
        assert overlap.precision.value == pytest.approx(wrong[uncertain].mean())


def test_sparsification_is_the_area_between_two_curves() -> None:
    u, wrong = scene()
    found = sparsification(u, wrong)
    error = wrong.ravel().astype(float)
    areas = [
        np.mean([error[order][:kept].mean() for kept in range(1, error.size + 1)])
        for order in (np.argsort(u.ravel()), np.argsort(error))
    ]
    assert found.ause.value == pytest.approx(areas[0] - areas[1])
    assert found.remaining[0] == pytest.approx(error.mean())
    assert found.remaining[50] == pytest.approx(error[np.argsort(u.ravel())][:200].mean())
    assert (found.oracle <= found.remaining + 1e-12).all()
    assert found.ause.value == pytest.approx(risk_coverage(u.ravel(), error).e_aurc.value)
    assert found.random.value == pytest.approx(error.mean() - areas[1])
    assert sparsification(wrong.astype(float), wrong).ause.value == pytest.approx(0, abs=1e-12)
    sized = np.random.default_rng(9).random(u.shape)
    assert sparsification(sized, sized).ause.value == pytest.approx(0, abs=1e-12)


def test_voxels_without_anything_to_tell_apart_say_why() -> None:
    u, wrong = scene()
    none, every, outside = np.zeros_like(wrong), np.ones_like(wrong), np.zeros_like(wrong)
    for mask, words in ((none, "no error to find"), (every, "none is left")):
        found = error_detection(u, mask)
        assert words in found.auroc.reason
        assert words in found.aupr.reason
        assert words in uncertainty_gap(u, mask).difference.reason
        assert "same error" in sparsification(u, mask).ause.reason
    assert "ranks nothing" in error_detection(np.full_like(u, 0.2), wrong).auroc.reason
    assert "ranks nothing" in sparsification(np.full_like(u, 0.2), wrong).ause.reason
    assert uncertainty_gap(np.full_like(u, 0.25), wrong).difference.value == 0
    assert error_overlap(np.zeros_like(u), wrong, 0.1).ue_dice.value == 0
    for reason in (
        error_detection(u, wrong, outside).auroc.reason,
        uncertainty_gap(u, wrong, outside).difference.reason,
        error_overlap(u, wrong, 0.5, outside).ue_dice.reason,
        sparsification(u, wrong, outside).ause.reason,
        pavpu(u, wrong, (4, 4), threshold=0.5, region=outside).pavpu.reason,
    ):
        assert "no voxels" in reason
    assert error_detection(u, wrong, outside).prevalence == 0


def pavpu_by_hand(u: np.ndarray, wrong: np.ndarray, size: tuple[int, int], region: np.ndarray) -> list[int]:
    counts = {(right, unsure): 0 for right in (True, False) for unsure in (True, False)}
    for row in range(0, u.shape[0], size[0]):
        for column in range(0, u.shape[1], size[1]):
            part = np.s_[row : row + size[0], column : column + size[1]]
            inside = region[part]
            if inside.any():
                right = (~wrong[part])[inside].mean() > 0.5
                counts[bool(right), bool(u[part][inside].mean() > 2.5)] += 1
    return [counts[True, False], counts[True, True], counts[False, False], counts[False, True]]


@settings(max_examples=60, deadline=None)
@given(maps, st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_patches_by_hand(case: tuple[np.ndarray, np.ndarray, np.ndarray], size: tuple[int, int]) -> None:
    u, wrong, region = case
    found = pavpu(u, wrong, size, threshold=2.5, region=region)
    counts = [found.accurate_certain, found.accurate_uncertain, found.inaccurate_certain, found.inaccurate_uncertain]
    assert counts == pavpu_by_hand(u, wrong, size, region)
    ac, _, ic, iu = counts
    if region.any() and np.ptp(u[region]) > 0:
        assert found.pavpu.value == pytest.approx((ac + iu) / sum(counts))
        assert found.accurate_when_certain.value == (pytest.approx(ac / (ac + ic)) if ac + ic else None)
        assert found.uncertain_when_wrong.value == (pytest.approx(iu / (ic + iu)) if ic + iu else None)
    else:
        assert found.pavpu.value is None


def test_patches_of_a_volume_and_of_nothing_uncertain() -> None:
    u, wrong = np.zeros((4, 4, 4)), np.zeros((4, 4, 4), bool)
    wrong[:2, :2, :2] = True
    u[:2, :2, :2] = 1
    assert pavpu(u, wrong, (2, 2, 2), threshold=0.5).pavpu.value == 1
    flat = pavpu(u * 0, wrong, (2, 2, 2), threshold=0.5)
    assert "tells none from another" in flat.pavpu.reason
    assert flat.inaccurate_certain == 1
    with pytest.raises(ValueError, match="patches"):
        pavpu(u, wrong, (2, 2), threshold=0.5)


def test_maps_that_do_not_match_are_refused() -> None:
    u, wrong = scene()
    with pytest.raises(ValueError, match="one grid"):
        error_detection(u[:5], wrong)
    with pytest.raises(ValueError, match="bool"):
        error_detection(u, wrong.astype(float))
    with pytest.raises(ValueError, match="bool"):
        error_detection(u, wrong, wrong.astype(int))
    with pytest.raises(ValueError, match="not finite"):
        uncertainty_gap(np.where(wrong, np.nan, u), wrong)


def test_a_million_voxels_take_about_a_second() -> None:
    rng = np.random.default_rng(0)
    u, wrong = rng.random(10**6), rng.random(10**6) < 0.05
    start = time.process_time()
    error_detection(u, wrong)
    sparsification(u, wrong)
    assert time.process_time() - start < 3  # 0.5 s here; a quadratic way would take hours
