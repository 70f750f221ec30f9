from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from pytest_segrobust.requirements.requirement import Measure, Requirement
from pytest_segrobust.verification.decision import Criterion
from pytest_segrobust.verification.statistic_criterion import StatisticCriterion, criterion_of

RNG = np.random.default_rng(2)
PAIRS = np.column_stack([RNG.normal(size=30), RNG.uniform(0.1, 0.6, 30)])
PAIRS[:, 0] += 5 * PAIRS[:, 1]


def of(metric, limit=0.2, **others):
    return criterion_of(Requirement("R", Measure(metric, **others), "above", limit), seed=0)


@pytest.mark.parametrize(
    "metric", ["dsc", "error_auroc", "ece", "gross_failure_rate", "silent_failure_rate", "early_warning"]
)
def test_numbers_of_patients_are_judged_by_their_mean_or_share(metric):
    found = of(metric)
    assert type(found) is Criterion
    assert found.is_share == (metric in ("gross_failure_rate", "silent_failure_rate", "early_warning"))


@pytest.mark.parametrize("metric", ["spearman", "aurc", "failure_auroc", "severity_tau", "pearson_within"])
def test_statistics_of_all_patients_are_judged_by_themselves(metric):
    assert type(of(metric)) is StatisticCriterion
    assert not of(metric).is_share


def test_a_higher_confidence_has_a_wider_interval():
    criterion = of("spearman")
    one, two = criterion.interval(PAIRS), criterion.interval(PAIRS, 0.975)
    assert two.low < one.low < criterion.estimate(PAIRS) < one.high < two.high


def test_a_pass_that_fisher_s_z_would_not_give_says_so():
    """Two patients out of line cost the bootstrap less than the formula, or more: one data set of the first kind."""
    apart = {}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pairs = rng.normal(size=(12, 2))
        pairs[:, 0] += 2 * pairs[:, 1]
        found = of("spearman").found(pairs)
        apart[found.interval.low - found.fisher[0]] = (pairs, found)
    pairs, found = apart[max(apart)]
    between = of("spearman", limit=(found.interval.low + found.fisher[0]) / 2)
    beyond, below = of("spearman", limit=found.interval.low + 0.01), of("spearman", limit=found.fisher[0] - 0.01)

    assert max(apart) > 0.01
    assert "Fisher's z, a cross-check" in between.interval(pairs).warning
    assert f"[{found.fisher[0]:.3g}, " in between.interval(pairs).warning
    assert not beyond.interval(pairs).warning  # no pass to be doubted
    assert not below.interval(pairs).warning  # both pass
    assert between.interval(pairs).low == found.interval.low  # it changes no bound
    doubted = {metric: of(metric)._doubt(found.interval, (0.1, 0.9)) for metric in ("spearman", "spearman_across")}
    assert doubted["spearman"]
    assert not doubted["spearman_across"]  # Fisher's counts patients there, and not their severities


def test_how_many_patients_decide_a_pearson_correlation_is_the_formula_of_fisher():
    criterion = of("pearson")
    r = np.corrcoef(PAIRS.T)[0, 1]
    expected = ((norm.ppf(0.95) + norm.ppf(0.9)) / (math.atanh(r) - math.atanh(0.2))) ** 2 + 3
    assert criterion.foresees
    assert criterion.patients_needed(PAIRS) == math.ceil(expected)
    assert of("pearson", limit=r).patients_needed(PAIRS) is None


def test_where_there_is_no_formula_nothing_is_foreseen():
    assert not of("aurc").foresees
    assert not of("spearman_within").foresees
    assert of("aurc").patients_needed(PAIRS) is None


def test_bounds_are_shown_within_the_range_of_the_statistic():
    from pytest_segrobust.verification.statistics import Interval

    assert of("spearman").shown(Interval(-1.2, 1.1, "")) == (-1, 1)
    assert of("n_aurc").shown(Interval(-3.0, 1.1, "")) == (-3, 1)
    assert of("gap").shown(Interval(-3.0, 2.0, "")) == (-3, 2)


def test_what_is_undefined_has_no_estimate_and_no_interval():
    flat = PAIRS.copy()
    flat[:, 0] = 1
    criterion = of("spearman")
    assert math.isnan(criterion.estimate(flat))
    reason, innocent = criterion.undefined(flat)
    assert "the same for all 30 patients" in reason
    assert not innocent
    with pytest.raises(ValueError, match="no interval"):
        criterion.interval(flat)
