"""Calibration bin by bin, by loops, and for models that are calibrated by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

from pytest_segrobust.metrics.uncertainty.calibration import brier, negative_log_likelihood, reliability

confidences = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        hnp.arrays(float, n, elements=st.one_of(st.floats(0, 1), st.integers(0, 20).map(lambda i: i / 20))),
        hnp.arrays(bool, n),
    )
)


@settings(max_examples=60, deadline=None)
@given(confidences, st.integers(1, 25))
def test_errors_of_calibration_by_loops(pair: tuple[np.ndarray, np.ndarray], bins: int) -> None:
    confidence, right = pair
    table = reliability(confidence, right, bins=bins)
    gaps, weights = [], []
    for at in range(bins):
        inside = (np.ceil(confidence * bins) - 1 == at) | ((at == 0) & (confidence == 0))
        if inside.any():
            gaps.append(abs(confidence[inside].mean() - right[inside].mean()))
            weights.append(inside.mean())
    assert table.ece.value == pytest.approx(np.dot(gaps, weights), abs=1e-9)
    assert table.ace.value == pytest.approx(np.mean(gaps), abs=1e-9)
    assert sum(row[2] for row in table.rows) == len(right)
    assert table.rows[0][0] == 0
    assert table.rows[-1][1] == 1
    assert 0 <= (table.ece.value or 0) <= 1


def test_a_calibrated_model_is_near_zero_and_an_overconfident_one_is_not() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 200_000)
    right = rng.random(p.size) < p
    assert reliability(p, right).ece.value == pytest.approx(0, abs=0.01)
    assert reliability(np.ones(4), np.array([True, True, False, False])).ece.value == 0.5


def test_tables_of_cases_add_up_to_that_of_all() -> None:
    rng = np.random.default_rng(1)
    p, right = rng.random(100), rng.random(100) < 0.5
    whole = reliability(p, right)
    parts = reliability(p[:30], right[:30]) + reliability(p[30:], right[30:])
    assert parts.ece.value == pytest.approx(whole.ece.value)
    np.testing.assert_array_equal(parts.count, whole.count)
    with pytest.raises(ValueError, match="bins"):
        _ = whole + reliability(p, right, bins=10)


def test_empty_bins_have_no_accuracy() -> None:
    rows = reliability(np.array([0.95]), np.array([True]), bins=10).rows
    assert rows[0] == (0.0, 0.1, 0, None, None)
    assert rows[9][2:] == (1, 0.95, 1.0)


def probabilities(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = softmax(rng.normal(0, 2, (3, 6, 5)), axis=0)
    return p, rng.integers(0, 3, (6, 5)), rng.random((6, 5)) < 0.5


def test_scores_by_loops() -> None:
    p, labels, region = probabilities()
    squares, logs = [], []
    for voxel in np.argwhere(region):
        q, label = p[:, *voxel], labels[tuple(voxel)]
        squares.append(sum((q[c] - (c == label)) ** 2 for c in range(3)))
        logs.append(-math.log(q[label]))
    assert brier(p, labels, region).value == pytest.approx(np.mean(squares))
    assert negative_log_likelihood(p, labels, region).value == pytest.approx(np.mean(logs))
    assert brier(p, labels).value != brier(p, labels, region).value


def test_certainty_is_scored_at_its_ends() -> None:
    p = np.array([[1.0, 1.0], [0.0, 0.0]])
    right, wrong = np.array([0, 0]), np.array([1, 1])
    assert brier(p, right).value == 0
    assert brier(p, wrong).value == 2
    assert negative_log_likelihood(p, right).value == 0
    worst = negative_log_likelihood(p, wrong)
    assert worst.value == pytest.approx(-math.log(1e-7))
    assert "2 of 2 voxels" in worst.reason


def test_a_proper_score_is_best_for_the_truth() -> None:
    labels = (np.arange(100) < 30).astype(int)
    of = {q: np.stack([np.full(100, 1 - q), np.full(100, q)]) for q in (0.1, 0.2, 0.3, 0.4, 0.5)}
    for score in (brier, negative_log_likelihood):
        assert min(of, key=lambda q: float(score(of[q], labels).value or 0)) == 0.3


def test_an_empty_region_has_no_value() -> None:
    p, labels, _ = probabilities()
    nowhere = np.zeros(labels.shape, bool)
    table = reliability(p.max(axis=0), p.argmax(axis=0) == labels, nowhere)
    for found in (table.ece, table.ace, brier(p, labels, nowhere), negative_log_likelihood(p, labels, nowhere)):
        assert found.value is None
        assert "no voxels" in found.reason


def test_mistakes_are_refused() -> None:
    p, labels, _ = probabilities()
    with pytest.raises(ValueError, match="0 to 1"):
        reliability(np.array([1.5]), np.array([True]))
    with pytest.raises(ValueError, match="bool"):
        reliability(np.array([0.5]), np.array([1]))
    with pytest.raises(ValueError, match="class numbers"):
        brier(p, labels.astype(float))
    with pytest.raises(ValueError, match="classes of 3"):
        brier(p, labels + 1)
    with pytest.raises(ValueError, match="sum to 1"):
        brier(p * 0.5, labels)
