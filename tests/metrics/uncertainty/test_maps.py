"""Maps against all passes held at once, against drawn Dirichlets, and at their limits."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy

from pytest_segrobust.metrics.uncertainty.maps import (
    RunningMoments,
    entropy,
    maps_of_evidence,
    maps_of_mean_and_variance,
    maps_of_one_pass,
)


def passes(
    seed: int, count: int = 7, classes: int = 3, shape: tuple[int, ...] = (4, 5), spread: float = 3
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return softmax(rng.normal(0, spread, (count, classes, *shape)), axis=1)


def moments(p: np.ndarray) -> RunningMoments:
    running = RunningMoments()
    for each in p:
        running.add(each)
    return running


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 5), st.sampled_from([(3,), (2, 3), (2, 3, 2)]))
def test_running_moments_are_those_of_all_passes(seed: int, count: int, classes: int, shape: tuple[int, ...]) -> None:
    p = passes(seed, count, classes, shape)
    maps = moments(p).maps()
    mean = p.mean(axis=0)
    np.testing.assert_allclose(maps.mean, mean, atol=1e-12)
    np.testing.assert_array_equal(maps.prediction, mean.argmax(axis=0))
    variances = p.var(axis=0)
    np.testing.assert_allclose(maps.variance, np.choose(maps.prediction, variances), atol=1e-12)
    np.testing.assert_allclose(maps.summed_variance, variances.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(maps.predictive_entropy, scipy_entropy(mean, axis=0), atol=1e-12)
    np.testing.assert_allclose(maps.expected_entropy, scipy_entropy(p, axis=1).mean(axis=0), atol=1e-12)
    divergence = scipy_entropy(p, mean[None], axis=1).mean(axis=0)  # mutual information as the mean Kullback-Leibler
    np.testing.assert_allclose(maps.mutual_information, divergence, atol=1e-12)
    np.testing.assert_allclose(maps.least_confidence, 1 - mean.max(axis=0), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 5))
def test_maps_keep_to_their_ranges(seed: int, count: int, classes: int) -> None:
    maps = moments(passes(seed, count, classes, spread=30)).maps()
    assert maps.variance is not None
    assert maps.summed_variance is not None
    assert maps.mutual_information is not None
    assert maps.variance.min() >= 0
    assert maps.variance.max() <= 0.25 + 1e-12
    assert maps.summed_variance.max() <= 1
    assert maps.mutual_information.min() >= 0
    assert maps.predictive_entropy.max() <= math.log(classes) + 1e-12


def test_two_passes_that_contradict_each_other_are_all_epistemic() -> None:
    p = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])
    maps = moments(p).maps()
    assert maps.mutual_information == pytest.approx(math.log(2))
    assert maps.expected_entropy == pytest.approx(0)
    assert maps.variance == pytest.approx(0.25)
    assert maps.summed_variance == pytest.approx(0.5)


def test_passes_that_agree_have_no_epistemic_part() -> None:
    p = np.repeat(passes(0, 1), 20, axis=0)
    maps = moments(p).maps()
    np.testing.assert_allclose(maps.mutual_information, 0, atol=1e-14)
    np.testing.assert_allclose(maps.variance, 0, atol=1e-30)


def test_passes_that_hardly_differ_keep_their_variance() -> None:
    offsets = 1e-8 * np.array([-1.0, 1.0, -1.0, 1.0])
    p = np.stack([np.stack([0.7 + offsets, 0.3 - offsets])[:, i] for i in range(4)])[..., None]
    assert moments(p).maps().variance == pytest.approx(1e-16, rel=1e-6)


def test_memory_does_not_grow_with_passes() -> None:
    def peak(count: int) -> int:
        running = RunningMoments()
        tracemalloc.start()
        for seed in range(count):
            running.add(passes(seed, 1, 2, (64, 64))[0])
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(40) < 1.2 * peak(5)


def test_maps_in_between_do_not_change_what_follows() -> None:
    p = passes(3)
    running = RunningMoments()
    for each in p:
        running.add(each)
        before = running.maps().mean.copy()
        running.maps().mean[:] = -1
        np.testing.assert_array_equal(running.maps().mean, before)
    np.testing.assert_array_equal(running.maps().variance, moments(p).maps().variance)


def test_one_pass_has_entropy_and_no_variance() -> None:
    p = passes(1, 1)
    for maps in (maps_of_one_pass(p[0]), moments(p).maps()):
        assert maps.variance is None
        assert maps.summed_variance is None
        assert maps.mutual_information is None
        assert maps.expected_entropy is None
        np.testing.assert_allclose(maps.predictive_entropy, scipy_entropy(p[0], axis=0))


def test_no_pass_is_an_error() -> None:
    with pytest.raises(ValueError, match="no pass"):
        RunningMoments().maps()


def test_evidence_is_what_draws_from_the_dirichlet_give() -> None:
    alpha = np.array([[0.7, 20, 1], [1.5, 3, 1], [4, 1, 1]], float)
    rng = np.random.default_rng(0)
    running = RunningMoments()
    drawn = np.stack([rng.dirichlet(alpha[:, voxel], 20_000) for voxel in range(3)], axis=-1)
    for p in drawn:
        running.add(p)
    exact, sampled = maps_of_evidence(alpha), running.maps()
    for name in ("variance", "summed_variance", "predictive_entropy", "expected_entropy", "mutual_information"):
        np.testing.assert_allclose(getattr(exact, name), getattr(sampled, name), atol=4e-3, err_msg=name)


def test_much_evidence_leaves_no_epistemic_part() -> None:
    maps = maps_of_evidence(np.array([[3e7], [1e7]]))
    assert maps.mutual_information == pytest.approx(0, abs=1e-6)
    assert maps.variance == pytest.approx(0, abs=1e-6)


def test_mean_and_variance_agree_with_passes_of_small_spread() -> None:
    rng = np.random.default_rng(5)
    logits = np.array([[1.0, 0.2], [0.0, 0.1], [-0.5, -0.3]])
    running = RunningMoments()
    drawn = softmax(logits + rng.normal(0, 0.1, (5000, *logits.shape)), axis=1)
    for p in drawn:
        running.add(p)
    sampled = running.maps()
    pair = maps_of_mean_and_variance(drawn.mean(axis=0), drawn.var(axis=0))
    np.testing.assert_allclose(pair.variance, sampled.variance)
    np.testing.assert_allclose(pair.summed_variance, sampled.summed_variance)
    np.testing.assert_allclose(pair.mutual_information, sampled.mutual_information, rtol=0.02)


def test_a_variance_too_large_for_a_probability_leaves_entropies_in_their_ranges() -> None:
    maps = maps_of_mean_and_variance(np.array([[0.9, 1.0], [0.1, 0.0]]), np.array([[5.0, 5.0], [5.0, 5.0]]))
    assert maps.expected_entropy is not None
    assert (maps.expected_entropy >= 0).all()
    np.testing.assert_allclose(maps.mutual_information, maps.predictive_entropy)


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (np.array([[2.0], [-1.0]]), "logits"),
        (np.array([[0.5], [0.4]]), "sum to 1"),
        (np.array([[np.nan], [0.4]]), "not finite"),
        (np.array([[0.5, 0.5]]), "two classes"),
        (np.array([0.5, 0.5]), "two classes"),
    ],
)
def test_what_is_no_probability_is_refused(p: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RunningMoments().add(p)


def test_passes_of_another_shape_and_bad_evidence_are_refused() -> None:
    running = moments(passes(0))
    with pytest.raises(ValueError, match="shape"):
        running.add(passes(0, 1, 3, (5, 4))[0])
    with pytest.raises(ValueError, match="above 0"):
        maps_of_evidence(np.array([[1.0], [0.0]]))
    with pytest.raises(ValueError, match="negative"):
        maps_of_mean_and_variance(np.array([[0.5], [0.5]]), np.array([[-0.1], [0.1]]))


def test_entropy_of_certainty_is_zero() -> None:
    assert entropy(np.array([[1.0], [0.0]])) == 0
