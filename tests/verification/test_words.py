import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.evidence.words import estimate
from pytest_segrobust.requirements.requirement import Measure, Requirement
from pytest_segrobust.verification.words import estimated, measured, outward, unit


@pytest.mark.parametrize(
    ("value", "limit", "up", "text"),
    [
        (0.7996, 0.80, False, "0.799"),
        (0.04996, 0.05, True, "0.04996"),  # 0.05 would read as the limit
        (0.050000001, 0.05, True, "0.0501"),
        (0.08123, 0.05, True, "0.0813"),
        (0.05, 0.05, True, "0.05"),
        (0.0, 0.05, False, "0"),
        (-0.0333333, 0.05, False, "-0.0334"),
        (12.3456, 3.0, True, "12.4"),
    ],
)
def test_bounds_are_rounded_away_from_the_interval_and_never_onto_the_limit(value, limit, up, text):
    assert outward(value, limit, up=up) == text


@given(st.floats(-10, 10), st.floats(0, 1), st.booleans())
def test_a_printed_bound_is_on_the_same_side_of_the_limit_as_the_bound(value, limit, up):
    printed = float(outward(value, limit, up=up))

    assert (printed >= value) if up else (printed <= value)
    assert (printed < limit) == (value < limit)
    assert (printed > limit) == (value > limit)


@given(st.floats(-1, 1), st.floats(0.001, 1), st.sampled_from(["below", "at most", "above", "at least", "within"]))
def test_an_estimate_is_one_number_in_the_reason_and_in_every_table(value, limit, comparison):
    result = RequirementResult("R", "s", "failed", measure="DSC", estimate=value, limit=limit, comparison=comparison)

    assert estimated(value, limit, comparison) == estimate(result)


def test_a_measure_is_named_with_its_form_and_its_claim():
    def name(measure, **others):
        return measured(Requirement("R", measure, "below", 0.05, **others))

    assert name(Measure("dsc", "relative drop")) == "relative DSC drop"
    assert name(Measure("nsd", tolerance=2.0)) == "NSD at 2 mm"
    assert name(Measure("dsc", "drop"), average=True) == "mean DSC drop"
    assert name(Measure("dsc", "drop"), patients=0.95) == "share of patients with DSC drop below 0.05"
    assert name(Measure("hd95", "increase"), patients=0.95) == "share of patients with HD95 increase below 0.05 mm"
    assert name(Measure("gross_failure_rate")) == "gross failure rate"


def test_numbers_are_plain_and_distances_in_mm():
    assert unit(Requirement("R", Measure("dsc", "drop"), "below", 0.05)) == ""
    assert unit(Requirement("R", Measure("hd95"), "below", 3)) == "mm"
