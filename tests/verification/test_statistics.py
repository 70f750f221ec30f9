import math

import numpy as np
import pytest

from pytest_segrobust.verification.statistics import (
    _bca,
    _bootstrap,
    _expanded,
    clopper_pearson,
    mean_interval,
    patients_needed,
    patients_needed_for_share,
    resampled,
    share_interval,
    skewness,
    tolerance_interval,
    zero_failure_bound,
)

RUNS = 800  # Monte Carlo standard error near 5 %: 0.8 points


def skewed(n, seed=0):
    return np.random.default_rng(seed).exponential(0.03, n)


@pytest.mark.parametrize("n", [12, 60, 150])
def test_bca_agrees_with_scipy(n):
    from scipy.stats import bootstrap

    values = skewed(n, seed=n)
    low, high = _bca(values, _bootstrap(values, 0, 50_000)[0], 0.05)
    theirs = bootstrap((values,), np.mean, confidence_level=0.9, method="BCa", n_resamples=50_000, rng=1)

    width = high - low
    assert low == pytest.approx(theirs.confidence_interval.low, abs=0.025 * width)
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.025 * width)


def test_the_interval_of_normal_values_is_nearly_students():
    from scipy.stats import norm, t

    values = norm.ppf((np.arange(50) + 0.5) / 50)
    interval = mean_interval(values, 0.95)
    error = values.std(ddof=1) / math.sqrt(50) * t.ppf(0.95, 49)

    assert interval.high == pytest.approx(error, rel=0.08)
    assert interval.low == pytest.approx(-error, rel=0.08)


def test_the_interval_is_never_inside_that_of_bca_at_the_expanded_level():
    for seed in range(20):
        values = skewed(25, seed)
        interval = mean_interval(values)
        low, high = _bca(values, _bootstrap(values, 0, 4000)[0], _expanded(0.05, 25))
        assert interval.low <= low
        assert interval.high >= high


def test_the_level_for_few_values_is_students():
    from scipy.stats import norm, t

    assert norm.ppf(_expanded(0.05, 20)) == pytest.approx(math.sqrt(20 / 19) * t.ppf(0.05, 19))
    assert _expanded(0.05, 10_000) == pytest.approx(0.05, rel=1e-3)


def test_the_same_values_give_the_same_interval_and_another_seed_nearly_the_same():
    values = skewed(60)
    first, again, other = mean_interval(values, seed=3), mean_interval(values, seed=3), mean_interval(values, seed=4)

    assert (first.low, first.high) == (again.low, again.high)
    assert other.high != first.high
    assert other.high == pytest.approx(first.high, rel=0.02)


def test_mirrored_values_give_the_mirrored_interval():
    values = skewed(40)
    there, back = mean_interval(values), mean_interval(-values)

    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), rel=0.02)


def test_blocks_of_resamples_are_the_table_in_pieces():
    whole = np.concatenate(list(resampled(3000, 5, 1000)))

    assert whole.shape == (1000, 3000)
    assert len(list(resampled(3000, 5, 1000))) > 1
    assert (whole == np.random.default_rng(5).integers(0, 3000, (1000, 3000))).all()


def test_equal_values_are_warned_about():
    interval = mean_interval(np.full(30, 0.25))

    assert (interval.low, interval.high) == (0.25, 0.25)
    assert "all 30 patients have the same value" in interval.warning


def test_one_unusual_patient_gives_a_finite_bound_no_lower_than_the_exact_one():
    values = np.zeros(20)
    values[0] = 1.0
    interval = mean_interval(values)

    assert clopper_pearson(1, 20)[1] <= interval.high <= 0.5


@pytest.mark.parametrize("values", [[0.1], [], [0.1, math.nan, 0.2], [0.1, math.inf]])
def test_values_that_make_no_mean_are_refused(values):
    with pytest.raises(ValueError, match="finite"):
        mean_interval(np.array(values))


def test_from_a_hundred_patients_on_the_interval_is_no_longer_approximate_but_still_blind_to_what_is_rare():
    smooth = np.random.default_rng(0).normal(0.03, 0.01, 100)

    assert "happens to 14.0 % of patients" in mean_interval(smooth[:20]).warning
    assert "approximate" in mean_interval(smooth[:99]).warning
    assert "approximate" not in mean_interval(smooth).warning
    assert mean_interval(smooth).small_sample
    assert "100 patients miss all failures of a kind that happens to 3.0 % of patients" in mean_interval(smooth).warning


@pytest.mark.parametrize("sign", [1, -1])
def test_values_too_skewed_for_the_interval_are_warned_of_at_any_number_as_a_matter_of_these_values(sign):
    heavy = sign * np.random.default_rng(0).lognormal(0, 1, 300)
    interval = mean_interval(heavy)

    assert "approximate for values as skewed as these (skewness " in interval.warning
    assert "cannot see failures that are not in the sample" in interval.warning
    assert not interval.small_sample


def test_the_skewness_is_that_of_scipy_and_of_equal_values_none():
    from scipy.stats import skew

    values = np.random.default_rng(1).gamma(2, size=50)
    assert skewness(values) == pytest.approx(skew(values))
    assert skewness(np.zeros(5)) == 0


@pytest.mark.parametrize(("n", "confidence"), [(2, 0.95), (2, 0.999), (3, 0.999), (4, 0.9999)])
def test_two_or_three_patients_have_a_finite_interval_at_any_confidence(n, confidence):
    values = skewed(n, seed=n)
    interval = mean_interval(values, confidence)

    assert np.isfinite([interval.low, interval.high]).all()
    assert interval.low <= values.min() < values.max() <= interval.high


@pytest.mark.parametrize("n", [2, 3, 4])
def test_of_two_to_four_patients_the_bound_misses_no_more_often_than_stated(n):
    """The bootstrap alone missed in 19 % of pairs: it cannot see beyond what it resamples."""
    rng = np.random.default_rng(n)
    found = [mean_interval(rng.normal(0, 1, n), seed=i, resamples=200) for i in range(800)]

    assert np.mean([each.high < 0 for each in found]) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 800)
    assert np.mean([each.low > 0 for each in found]) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 800)
    assert "Student's t" in found[0].method
    assert "Student's t" not in mean_interval(np.arange(5.0), resamples=200).method


@pytest.mark.filterwarnings("error")
def test_differences_too_small_to_be_squared_have_an_interval_like_any_others():
    values = np.array([0.0, 3.0, 1.0, 2.0, 7.0, 4.0])
    plain, small = (mean_interval(each, resamples=300) for each in (values, values * 2.0**-600))

    assert (small.low * 2.0**600, small.high * 2.0**600) == pytest.approx((plain.low, plain.high), rel=1e-12)


def test_an_interval_of_sixty_patients_takes_milliseconds():
    import time

    values = skewed(60)
    mean_interval(values)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        mean_interval(values)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


@pytest.mark.parametrize(("count", "n"), [(0, 20), (1, 20), (7, 20), (20, 20), (58, 60), (3, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.975])
def test_clopper_pearson_agrees_with_scipy(count, n, confidence):
    from scipy.stats import binomtest

    lower = binomtest(count, n, alternative="greater").proportion_ci(confidence, "exact").low
    upper = binomtest(count, n, alternative="less").proportion_ci(confidence, "exact").high
    assert clopper_pearson(count, n, confidence) == pytest.approx((lower, upper), abs=1e-12)


@pytest.mark.parametrize(("n", "rate"), [(14, 0.20), (29, 0.10), (59, 0.05), (149, 0.02), (299, 0.01)])
def test_tabulated_numbers_of_patients_without_failure_rule_out_the_tabulated_rates(n, rate):
    assert zero_failure_bound(n, 0.95) <= rate < zero_failure_bound(n - 1, 0.95)
    assert zero_failure_bound(n, 0.95) == pytest.approx(clopper_pearson(0, n, 0.95)[1], rel=1e-12)


@pytest.mark.parametrize(("count", "n"), [(5, 4), (-1, 4), (0, 0)])
def test_what_is_no_share_is_refused(count, n):
    with pytest.raises(ValueError, match="no share"):
        clopper_pearson(count, n)


def test_fifty_nine_patients_are_the_fewest_that_show_95_percent_at_95_percent():
    enough, short = tolerance_interval(np.ones(59), 0.95), tolerance_interval(np.ones(58), 0.95)

    assert enough.low >= 0.95 > short.low
    assert not enough.warning
    assert "59" in short.warning


def test_the_tolerance_bound_is_the_order_statistic_bound():
    """The share's lower bound reaches p exactly where the binomial order statistic of the p quantile is reached (Wilks)."""
    from scipy.stats import binom

    for n in (60, 93, 124, 181):
        rank = next(r for r in range(n + 1) if binom.cdf(r - 1, n, 0.95) >= 0.95)
        for met in range(n - 8, n + 1):
            shown = tolerance_interval(np.arange(n) < met, 0.95).low >= 0.95
            assert shown == (met >= rank)


def test_patients_needed_agrees_with_the_tabulated_sample_sizes():
    for ratio, expected in [(0.2, 216), (0.3, 97), (0.5, 36), (0.8, 15), (1.0, 11)]:
        values = np.array([-1.0, 1.0]) / math.sqrt(2)  # sd 1, mean 0
        assert patients_needed(values, ratio, 0.95, power=0.9) == pytest.approx(expected, abs=2)


def test_no_number_of_patients_settles_an_estimate_at_the_limit():
    assert patients_needed(np.array([0.4, 0.6]), 0.5) is None


def test_patients_needed_for_a_share_are_the_first_that_decide():
    assert patients_needed_for_share(30, 30, 0.95) == 59
    assert patients_needed_for_share(19, 20, 0.95) is None  # 0.95 seen, 0.95 claimed
    n = patients_needed_for_share(8, 20, 0.95)
    assert n == 20  # 40 % seen: shown not to hold already
    assert share_interval(np.arange(20) < 8).high < 0.95


def passes_at_the_limit(draw, mean, n):
    rng = np.random.default_rng(n)
    return np.mean([mean_interval(draw(rng, n), 0.95, resamples=1500).high < mean for _ in range(RUNS)])


@pytest.mark.parametrize("n", [20, 50])
@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        pytest.param(lambda rng, n: rng.normal(0.05, 0.03, n), 0.05, id="smooth"),
        pytest.param(lambda rng, n: 0.0125 * rng.gamma(4, 1, n), 0.05, id="skewed"),
        pytest.param(lambda rng, n: rng.exponential(0.05, n), 0.05, id="very skewed"),
    ],
)
def test_a_model_exactly_at_the_limit_passes_no_more_often_than_stated(draw, mean, n):
    assert passes_at_the_limit(draw, mean, n) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)


def collapsing(rng, n):
    return np.where(rng.random(n) < 0.05, 0.8, rng.normal(0.01, 0.02, n))


def test_a_rare_collapse_passes_too_often_with_few_patients_whatever_the_interval_and_the_warning_says_so():
    mean = 0.05 * 0.8 + 0.95 * 0.01

    assert passes_at_the_limit(collapsing, mean, 20) > 0.25  # most samples hold no collapse at all
    assert "failures that are not in the sample" in mean_interval(collapsing(np.random.default_rng(0), 20)).warning


def test_a_rare_collapse_passes_no_more_often_than_stated_with_two_hundred_patients():
    mean = 0.05 * 0.8 + 0.95 * 0.01

    assert passes_at_the_limit(collapsing, mean, 200) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)
