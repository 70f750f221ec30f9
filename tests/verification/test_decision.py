import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.requirements.requirement import Measure, Requirement
from pytest_segrobust.verification.decision import Criterion, decide, excess, judged, meets, worst
from pytest_segrobust.verification.patients import PatientValues

COMPARISONS = ("below", "at most", "above", "at least", "within")


@pytest.mark.parametrize(
    ("comparison", "low", "high", "verdict"),
    [
        ("below", 0.01, 0.04, "passed"),
        ("below", 0.01, 0.05, "inconclusive"),  # strict: the bound at the limit does not pass
        ("below", 0.05, 0.09, "failed"),
        ("below", 0.049, 0.09, "inconclusive"),
        ("at most", 0.01, 0.05, "passed"),
        ("at most", 0.05, 0.09, "inconclusive"),
        ("at most", 0.051, 0.09, "failed"),
        ("above", 0.06, 0.09, "passed"),
        ("above", 0.05, 0.09, "inconclusive"),
        ("above", 0.01, 0.05, "failed"),
        ("at least", 0.05, 0.09, "passed"),
        ("at least", 0.01, 0.05, "inconclusive"),
        ("at least", 0.01, 0.049, "failed"),
        ("within", -0.05, 0.05, "passed"),
        ("within", -0.051, 0.02, "inconclusive"),
        ("within", -0.02, 0.051, "inconclusive"),
        ("within", -0.2, 0.2, "inconclusive"),
        ("within", 0.051, 0.2, "failed"),
        ("within", -0.2, -0.051, "failed"),
        ("within", 0.05, 0.2, "inconclusive"),
    ],
)
def test_the_verdict_is_that_of_the_whole_interval(comparison, low, high, verdict):
    assert decide(comparison, 0.05, low, high) == verdict


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize(("low", "high"), [(math.nan, 0.01), (0.01, math.nan), (math.nan, math.nan), (0.2, 0.1)])
def test_what_is_no_interval_is_never_decided(comparison, low, high):
    with pytest.raises(ValueError, match="no interval"):
        decide(comparison, 0.05, low, high)


@given(st.sampled_from(COMPARISONS), st.floats(0, 1), st.floats(-2, 2), st.floats(-2, 2))
def test_an_interval_of_one_value_is_decided_as_the_value_is(comparison, limit, low, high):
    low, high = min(low, high), max(low, high)
    verdict = decide(comparison, limit, low, high)
    if verdict == "passed":
        assert meets(comparison, limit, np.array([low, high])).all()
    if verdict == "failed":
        assert not meets(comparison, limit, np.array([low, high])).any()
    assert decide(comparison, limit, low, low) == (
        "passed" if meets(comparison, limit, np.array([low]))[0] else "failed"
    )


@given(st.sampled_from(COMPARISONS), st.floats(0, 1), st.floats(-2, 2))
def test_what_is_beyond_the_limit_does_not_meet_it(comparison, limit, value):
    beyond = float(excess(comparison, limit, np.array([value]))[0])
    if beyond > 0:
        assert not meets(comparison, limit, np.array([value]))[0]
    if beyond < 0:
        assert meets(comparison, limit, np.array([value]))[0]


def requirement(**others):
    return Requirement(**{"id": "R", "measure": Measure("dsc", "drop"), "comparison": "below", "limit": 0.05, **others})


def cell(values, structure="organ", minimum=2, **others):
    patients = PatientValues(tuple(map(str, range(len(values)))), np.array(values, float), ())
    return judged(Criterion.of(requirement(**others), seed=0), patients, "a point", structure, minimum)


def test_too_few_patients_are_no_cell():
    assert cell([0.01] * 4, minimum=5) is None
    assert cell([0.01], minimum=1) is None


def test_a_share_of_patients_is_decided_by_its_exact_bound():
    good, bad = [0.01] * 59, [0.01] * 58 + [0.2]

    assert cell(good, patients=0.95).verdict == "passed"
    assert cell(good[:58], patients=0.95).verdict == "inconclusive"
    assert cell(bad, patients=0.95).verdict == "inconclusive"
    assert cell([0.01] * 40 + [0.2] * 19, patients=0.95).verdict == "failed"
    assert cell(bad, patients=0.95).estimate == pytest.approx(58 / 59)


def test_a_gross_failure_rate_is_decided_by_its_exact_bound():
    rate = {"measure": Measure("gross_failure_rate"), "limit": 0.05}

    assert cell([0.0] * 59, **rate).verdict == "passed"
    assert cell([0.0] * 58, **rate).verdict == "inconclusive"
    assert cell([0.0] * 10 + [1.0] * 10, **rate).verdict == "failed"


def test_within_needs_both_bounds_inside():
    rng = np.random.default_rng(0)
    tight, off = rng.normal(0, 0.01, 40), rng.normal(0.048, 0.02, 40)
    bias = {"measure": Measure("volume_bias"), "comparison": "within"}

    assert cell(tight, **bias).verdict == "passed"
    assert cell(off, **bias).verdict == "inconclusive"
    assert cell(off + 0.1, **bias).verdict == cell(-off - 0.1, **bias).verdict == "failed"


def test_a_bound_a_hair_beyond_the_limit_is_not_rounded_onto_its_good_side():
    values = np.random.default_rng(0).normal(0.03, 0.01, 30)
    high = cell(values).interval.high

    assert cell(values, limit=high).verdict == "inconclusive"
    assert cell(values, limit=float(np.nextafter(high, 1))).verdict == "passed"


def test_the_worst_cell_is_failed_before_inconclusive_before_passed_and_then_the_largest_excess():
    rng = np.random.default_rng(0)
    passed = cell(rng.normal(0.02, 0.005, 30))
    nearer = cell(rng.normal(0.03, 0.005, 30), "other")
    unclear = cell(rng.normal(0.05, 0.03, 30))
    failed = cell(rng.normal(0.06, 0.001, 30))
    unclear_but_larger = cell(rng.normal(0.07, 0.2, 30))

    assert [c.verdict for c in (passed, nearer, unclear, failed, unclear_but_larger)] == [
        "passed", "passed", "inconclusive", "failed", "inconclusive",
    ]  # fmt: skip
    assert worst([passed, nearer]) is nearer
    assert worst([unclear, passed]) is unclear
    assert worst([unclear_but_larger, failed, passed]) is failed
