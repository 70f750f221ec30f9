"""Measures against other people's implementations: scikit-learn's, run here, and torch-uncertainty's, whose numbers were kept.

torch-uncertainty would bring a second torch and lightning along. What it says of `scene()` and `passes()` below was written
down once: version 0.13.0, with torchmetrics 1.9.0, in double precision where it keeps it. Where it defines an area otherwise,
the test says how, and turns one into the other.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import softmax

from pytest_segrobust.metrics.uncertainty.calibration import brier, negative_log_likelihood, reliability
from pytest_segrobust.metrics.uncertainty.maps import RunningMoments
from pytest_segrobust.metrics.uncertainty.patches import pavpu
from pytest_segrobust.metrics.uncertainty.selective import failure_detection, risk_coverage
from pytest_segrobust.metrics.uncertainty.separation import error_detection, sparsification
from pytest_segrobust.metrics.uncertainty.trend import rising_fit

TORCH_UNCERTAINTY = {
    "AURC": 0.3480441816591351,
    "AUSE": 0.6296688796470559,
    "FPR95": 0.9743589758872986,
    "NLL": 1.2124374976787482,
    "Brier": 0.6060453450831697,
    "ECE": 0.15314432978630066,
    "PAvPU": [
        2,
        5,
        0,
        5,
    ],  # accurate and certain, accurate and uncertain, inaccurate and certain, inaccurate and uncertain
    "PAvPU in a region": [1, 5, 0, 5],
    "mutual information": 0.40291643718570425,
    "largest mutual information": 0.43973845055892624,
    "entropy of the mean": 1.0648453984990887,
}
SINGLE = 2e-7  # of what it keeps in single precision


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (3, 13, 10), no two alike, and labels (13, 10), of which four in ten are not the most probable."""
    c, i, j = np.ogrid[:3, :13, :10]
    p = softmax(2 * np.sin(1.3 * c + 0.7131 * i + 1.1177 * j + 0.1013 * i * j), axis=0)
    return p, np.argmax(np.cos(0.9 * c + 0.5 * i - 0.8 * j) + p, axis=0)


def passes() -> np.ndarray:
    """Probabilities of six passes, (6, 3, 4, 5)."""
    t, c, i, j = np.ogrid[:6, :3, :4, :5]
    return softmax(2 * np.sin(1.7 * t + 1.3 * c + 0.7 * i + 1.1 * j), axis=1)


@pytest.fixture
def seen() -> tuple[np.ndarray, np.ndarray]:
    """Uncertainty 1 - max p of the scene, and where it is wrong."""
    p, labels = scene()
    return 1 - p.max(axis=0), p.argmax(axis=0) != labels


def test_risk_and_coverage_of_torch_uncertainty(seen: tuple[np.ndarray, np.ndarray]) -> None:
    """Its AURC is trapezoids between the coverages 1 / n and 1, divided by their distance; here it is the mean of R(k)."""
    u, wrong = seen
    found = risk_coverage(u.ravel(), wrong.ravel().astype(float))
    n = found.cases
    assert found.aurc.value is not None
    trapezoids = (n * found.aurc.value - (found.risk[0] + found.risk[-1]) / 2) / (n - 1)
    assert trapezoids == pytest.approx(TORCH_UNCERTAINTY["AURC"], abs=SINGLE)


def test_sparsification_of_torch_uncertainty(seen: tuple[np.ndarray, np.ndarray]) -> None:
    """Its AUSE is of trapezoids and divided by the mean error."""
    u, wrong = seen
    found = sparsification(u, wrong)
    assert found.ause.value is not None
    surest = float(wrong.ravel()[np.argmin(u)])  # at the end one voxel is left; at the beginning both orders are alike
    trapezoids = found.ause.value - surest / 2 / u.size
    assert trapezoids / wrong.mean() == pytest.approx(TORCH_UNCERTAINTY["AUSE"], abs=1e-12)


def test_patches_of_torch_uncertainty(seen: tuple[np.ndarray, np.ndarray]) -> None:
    u, wrong = seen
    region = np.ones(u.shape, bool)
    for name in ("PAvPU", "PAvPU in a region"):
        found = pavpu(u, wrong, (4, 4), threshold=0.22, accuracy=0.6, region=region)
        counts = [
            found.accurate_certain,
            found.accurate_uncertain,
            found.inaccurate_certain,
            found.inaccurate_uncertain,
        ]
        assert counts == TORCH_UNCERTAINTY[name]
        assert found.pavpu.value == (counts[0] + counts[3]) / sum(counts)
        region[:, ::3] = region[:4, :4] = False


def test_detection_and_calibration_of_torch_uncertainty(seen: tuple[np.ndarray, np.ndarray]) -> None:
    p, labels = scene()
    u, wrong = seen
    assert error_detection(u, wrong).fpr95.value == pytest.approx(TORCH_UNCERTAINTY["FPR95"], abs=SINGLE)
    assert negative_log_likelihood(p, labels).value == pytest.approx(TORCH_UNCERTAINTY["NLL"], abs=1e-12)
    assert brier(p, labels).value == pytest.approx(TORCH_UNCERTAINTY["Brier"], abs=1e-12)
    assert reliability(1 - u, ~wrong).ece.value == pytest.approx(TORCH_UNCERTAINTY["ECE"], abs=SINGLE)


def test_maps_of_torch_uncertainty() -> None:
    moments = RunningMoments()
    for one in passes():
        moments.add(one)
    maps = moments.maps()
    assert maps.mutual_information is not None
    assert maps.mutual_information.mean() == pytest.approx(TORCH_UNCERTAINTY["mutual information"], abs=1e-12)
    assert maps.mutual_information.max() == pytest.approx(TORCH_UNCERTAINTY["largest mutual information"], abs=1e-12)
    assert maps.predictive_entropy.mean() == pytest.approx(TORCH_UNCERTAINTY["entropy of the mean"], abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_detection_of_scikit_learn(ties: bool) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    u = rng.integers(0, 40, 800) / 40 if ties else rng.random(800)
    wrong = rng.random(800) < 0.1 + 0.3 * u
    found = error_detection(u, wrong)
    assert found.auroc.value == pytest.approx(metrics.roc_auc_score(wrong, u))
    assert found.aupr.value == pytest.approx(metrics.average_precision_score(wrong, u))
    false_positives, true_positives, _ = metrics.roc_curve(wrong, u, drop_intermediate=False)
    assert found.fpr95.value == pytest.approx(false_positives[np.argmax(true_positives >= 0.95)])
    cases = failure_detection(u, 1 - wrong.astype(float), failed_below=0.5)
    assert cases.auroc.value == pytest.approx(metrics.roc_auc_score(wrong, u))


def test_calibration_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(2)
    p = rng.random(5000)
    truth = rng.random(5000) < p**1.5
    both, labels = np.stack([1 - p, p]), truth.astype(int)
    assert brier(both, labels).value == pytest.approx(2 * metrics.brier_score_loss(truth, p))
    assert negative_log_likelihood(both, labels).value == pytest.approx(metrics.log_loss(truth, p))
    many = softmax(rng.normal(0, 2, (4, 3000)), axis=0)
    classes = rng.integers(0, 4, 3000)
    assert negative_log_likelihood(many, classes).value == pytest.approx(metrics.log_loss(classes, many.T))
    shares, confidences = calibration.calibration_curve(truth, p, n_bins=20)
    table = reliability(p, truth)
    weights = table.count / table.count.sum()
    assert (weights > 0).all()
    assert table.ece.value == pytest.approx(float(weights @ np.abs(shares - confidences)))
    assert table.ace.value == pytest.approx(float(np.abs(shares - confidences).mean()))
    assert [row[3] for row in table.rows] == pytest.approx(confidences.tolist())


def test_the_rising_curve_of_scikit_learn() -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    curves = np.random.default_rng(3).normal(size=(20, 7)) + np.linspace(0, 1, 7)
    for curve in curves:
        np.testing.assert_allclose(rising_fit(curve), isotonic.isotonic_regression(curve), atol=1e-12)


def test_mutual_information_of_scikit_learn() -> None:
    """Of which class and which pass: of a table of how often they come together."""
    metrics = pytest.importorskip("sklearn.metrics")
    counts = np.array([[8, 1, 1], [2, 7, 1], [1, 1, 8], [4, 3, 3]])  # ten draws of a class from each of four passes
    moments = RunningMoments()
    for row in counts:
        moments.add(row[:, None] / 10)
    known = metrics.mutual_info_score(None, None, contingency=counts)
    assert moments.maps().mutual_information == pytest.approx(known)
    assert math.isfinite(known)
    assert known > 0.1
