""" "within ±x" is two one-sided tests (TOST, Schuirmann 1987), each at 1 - confidence."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t, ttest_1samp

from pytest_segrobust.verification.decision import decide


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=20), st.floats(0.01, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_within_passes_exactly_where_both_one_sided_tests_reject(values, limit, confidence):
    values = np.array(values)
    if np.ptp(values) < 1e-6:
        return
    error = values.std(ddof=1) / math.sqrt(len(values)) * t.ppf(confidence, len(values) - 1)
    above = ttest_1samp(values, -limit, alternative="greater").pvalue
    below = ttest_1samp(values, limit, alternative="less").pvalue
    if min(abs(above - (1 - confidence)), abs(below - (1 - confidence))) < 1e-9:
        return  # at the level but for rounding
    verdict = decide("within", limit, values.mean() - error, values.mean() + error)

    assert (verdict == "passed") == (max(above, below) <= 1 - confidence)


@given(st.floats(-2, 2), st.floats(0, 2), st.floats(0.01, 1))
def test_within_passes_exactly_where_both_one_sided_claims_pass_and_fails_where_either_fails(low, width, limit):
    high = low + width
    sides = {decide("at least", -limit, low, high), decide("at most", limit, low, high)}

    assert (decide("within", limit, low, high) == "passed") == (sides == {"passed"})
    assert (decide("within", limit, low, high) == "failed") == ("failed" in sides)


def test_a_bias_at_the_limit_is_called_equivalent_no_more_often_than_stated():
    rng, runs, n = np.random.default_rng(0), 4000, 30
    values = rng.normal(0.05, 0.04, (runs, n))
    error = values.std(axis=1, ddof=1) / math.sqrt(n) * t.ppf(0.95, n - 1)
    means = values.mean(axis=1)
    passed = np.mean([decide("within", 0.05, m - e, m + e) == "passed" for m, e in zip(means, error, strict=True)])

    assert passed == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))
