import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.verification.order_statistics import (
    fewest_patients,
    median_interval,
    quantile_interval,
    ranks,
)
from pytest_segrobust.verification.statistics import tolerance_interval

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80).map(np.array)


@pytest.mark.parametrize("n", [1, 4, 5, 8, 20, 59, 60, 137])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_ranks_are_the_best_that_the_binomial_distribution_allows(n, share, confidence):
    from scipy.stats import binom

    low, high = ranks(n, share, confidence)

    assert low == max((r for r in range(1, n + 1) if binom.cdf(r - 1, n, share) <= 1 - confidence), default=None)
    assert high == min((s for s in range(1, n + 1) if binom.sf(s - 1, n, share) <= 1 - confidence), default=None)


def test_ranks_of_the_median_are_those_of_tables():
    """Two-sided 90 % of n = 10, 20, 50: ranks 2-9, 6-15, 19-32 (sign test tables)."""
    assert [ranks(n, 0.5) for n in (10, 20, 50)] == [(2, 9), (6, 15), (19, 32)]


@given(numbers, st.floats(0.02, 0.98))
def test_mirrored_values_give_the_mirrored_bounds(values, share):
    there, back = quantile_interval(values, share), quantile_interval(-values, 1 - share)

    assert (there.low, there.high) == (-back.high, -back.low)


@given(numbers, st.floats(0.02, 0.98), st.floats(0.6, 0.98), st.floats(0.0001, 0.01))
def test_bounds_widen_with_confidence_and_hold_the_sample_quantile_in_the_middle(values, share, confidence, more):
    narrow, wide = quantile_interval(values, share, confidence), quantile_interval(values, share, confidence + more)

    assert wide.low <= narrow.low <= narrow.high <= wide.high


def test_too_few_patients_bound_nothing_and_say_how_many_would():
    assert math.isinf(median_interval(np.arange(4.0)).low)
    assert "5 at the least" in median_interval(np.arange(4.0)).warning
    assert np.isfinite([median_interval(np.arange(5.0)).low, median_interval(np.arange(5.0)).high]).all()

    interval = quantile_interval(np.arange(58.0), 0.95)
    assert interval.high == math.inf
    assert "from above by 59 at the least" in interval.warning
    assert "below" not in interval.warning
    assert quantile_interval(np.arange(59.0), 0.95).high == 58


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9, 0.95, 0.99])
def test_the_fewest_patients_are_the_first_with_a_bound(share):
    below, above = fewest_patients(share)

    assert ranks(below, share)[0] is not None
    assert ranks(above, share)[1] is not None
    assert below == 1 or ranks(below - 1, share)[0] is None
    assert above == 1 or ranks(above - 1, share)[1] is None


def test_the_bound_of_the_quantile_meets_a_limit_exactly_where_the_share_is_shown():
    """Wilks: "for 95 % of patients the drop is at most x" is shown if and only if the quantile's upper bound is <= x."""
    rng = np.random.default_rng(0)
    for n in (59, 100, 181):
        values = rng.permutation(n).astype(float)
        high = quantile_interval(values, 0.95).high
        for limit in range(n - 12, n):
            assert (high <= limit) == (tolerance_interval(values <= limit, 0.95).low >= 0.95)


@pytest.mark.parametrize("n", [10, 20, 50])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_the_quantile_is_missed_no_more_often_than_stated_ties_or_not(n, share):
    rng, runs = np.random.default_rng(n), 2000
    for values, quantile in [
        (rng.lognormal(size=(runs, n)), math.exp({0.5: 0.0, 0.8: 0.8416212335729143}[share])),
        (rng.integers(0, 5, (runs, n)).astype(float), {0.5: 2.0, 0.8: 3.5}[share]),
    ]:
        intervals = [quantile_interval(row, share) for row in values]
        allowed = 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
        assert np.mean([interval.low > quantile for interval in intervals]) <= allowed
        assert np.mean([interval.high < quantile for interval in intervals]) <= allowed


def test_values_without_end_are_ordered_and_values_without_order_refused():
    assert median_interval(np.array([1.0, 2, 3, 4, math.inf])).high == math.inf
    assert median_interval(np.array([1.0] * 5 + [math.inf] * 1)).low == 1.0
    for values in ([], [1.0, math.nan]):
        with pytest.raises(ValueError, match="ordered"):
            median_interval(np.array(values))
    with pytest.raises(ValueError, match="share"):
        quantile_interval(np.arange(5.0), 1.0)
