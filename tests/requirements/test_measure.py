from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements import measure
from pytest_segrobust.requirements.requirement import Measure

DROP = Measure("dsc", "drop")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (Measure("dsc"), ("DSC", "", "higher", "dsc", "dsc")),
        (DROP, ("DSC drop", "points", "lower", "dsc", "dsc_drop")),
        (Measure("dsc", "relative drop"), ("relative DSC drop", "%", "lower", "dsc", "relative_dsc_drop")),
        (Measure("nsd", "drop", 2.0), ("NSD drop at 2 mm", "points", "lower", "nsd@2", "nsd_drop")),
        (Measure("nsd", "value", 1.5), ("NSD at 1.5 mm", "", "higher", "nsd@1.5", "nsd")),
        (Measure("hd95"), ("HD95", "mm", "lower", "hd95", "hd95")),
        (Measure("hd95", "increase"), ("HD95 increase", "mm", "lower", "hd95", "hd95_increase")),
        (Measure("over_segmentation", "increase"), ("over-segmentation increase", "points", "lower", "over_segmentation", "over_segmentation_increase")),
        (Measure("volume_bias"), ("volume bias", "%", "zero", "volume_bias", "volume_bias")),
        (Measure("agreement"), ("prediction agreement", "", "higher", "agreement", "agreement")),
        (Measure("gross_failure_rate"), ("gross failure rate", "%", "lower", "gross_failure_rate", "gross_failure_rate")),
    ],
)  # fmt: skip
def test_each_measure_has_its_words_unit_direction_and_keys(what, expected):
    key = measure.key(what)
    found = (measure.words(what), measure.unit(what), measure.better(what), measure.score_key(what), key)
    assert found == expected
    assert measure.from_key(key, what.tolerance) == what


def test_every_measure_of_the_catalogue_is_found_by_its_key_and_by_its_words():
    for key, what in measure.keys().items():
        assert measure.from_key(key) == what
        assert measure.from_key(measure.words(what)) == what


def test_an_unknown_key_is_told_the_nearest():
    with pytest.raises(SpecError, match="no measure 'dsc_dorp'; did you mean 'dsc_drop'"):
        measure.from_key("dsc_dorp")


def test_only_agreement_and_the_rise_of_uncertainty_need_no_reference():
    free = [key for key, what in measure.keys().items() if not measure.needs_reference(what)]
    assert free == ["agreement", "severity_tau"]


@pytest.mark.parametrize(
    ("what", "value", "text"),
    [
        (Measure("dsc"), 0.81249, "0.812"),
        (Measure("dsc"), 1.0, "1.00"),
        (DROP, 0.081, "8.10 points"),
        (DROP, -0.0041, "-0.410 points"),
        (DROP, 0.0, "0.00 points"),
        (Measure("dsc", "relative drop"), 0.05, "5.00 %"),
        (Measure("hd95"), 3.14159, "3.14 mm"),
        (Measure("hd95"), 1234.0, "1230 mm"),
        (Measure("volume_bias"), -0.123456, "-12.3 %"),
        (Measure("hd95"), math.inf, "inf mm"),
        (Measure("dsc"), math.nan, "NaN"),
    ],
)
def test_values_have_three_significant_digits_and_their_unit(what, value, text):
    assert measure.format_value(what, value) == text


@pytest.mark.parametrize(
    ("what", "value", "text"),
    [
        (Measure("dsc"), 0.7996, "0.799"),  # must not print as 0.80 beside a limit of 0.80
        (Measure("dsc"), 0.8, "0.800"),
        (DROP, 0.050001, "5.01 points"),
        (DROP, 0.05, "5.00 points"),
        (DROP, 0.1 + 0.2, "30.0 points"),  # 0.30000000000000004 is 0.3
        (DROP, -0.04999, "-4.99 points"),
        (Measure("hd95"), 2.9999, "3.00 mm"),
        (Measure("volume_bias"), 0.0491, "4.91 %"),
        (Measure("volume_bias"), 0.04911, "4.92 %"),
        (Measure("volume_bias"), -0.04911, "-4.92 %"),
    ],
)
def test_bounds_are_rounded_toward_the_unfavourable_side(what, value, text):
    assert measure.format_bound(what, value) == text


@given(st.sampled_from(list(measure.keys().values())), st.floats(-2, 2))
def test_a_rounded_bound_is_never_better_than_the_bound(what, value):
    shown = float(measure.format_bound(what, value).split()[0])
    shown = shown / 100 if measure.unit(what) in ("%", "points") else shown
    slack = 1e-11 * max(1, abs(value))
    if measure.better(what) == "higher":
        assert shown <= value + slack
    elif measure.better(what) == "lower":
        assert shown >= value - slack
    else:
        assert abs(shown) >= abs(value) - slack
    assert math.isclose(shown, value, rel_tol=0.0101, abs_tol=1e-12)
