import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import norm

from pytest_segrobust.verification.decision import decide
from pytest_segrobust.verification.multiplicity import holm
from pytest_segrobust.verification.statistics import mean_interval

estimates = st.lists(st.floats(-5, 5), min_size=1, max_size=9)


def claims(zs):
    """Cells with a normal estimate of known spread 1, claimed to be below 0."""
    return {i: partial(verdict, z) for i, z in enumerate(zs)}


def verdict(z, confidence):
    half = float(ndtri(confidence))
    return decide("below", 0.0, z - half, z + half)


def holm_by_p_values(p, alpha):
    """The textbook's procedure: the smallest p first, against alpha / k, alpha / (k - 1), ..."""
    shown = set()
    for step, i in enumerate(np.argsort(p, kind="stable")):
        if p[i] > alpha / (len(p) - step):
            break
        shown.add(int(i))
    return shown


@given(estimates, st.sampled_from([0.9, 0.95, 0.99]))
def test_what_is_shown_is_what_holms_procedure_on_p_values_shows(zs, confidence):
    p_pass, p_fail = norm.cdf(zs), norm.sf(zs)
    if any(abs(p * k / (1 - confidence) - 1) < 1e-6 for p in [*p_pass, *p_fail] for k in range(1, 10)):
        return  # at a level but for rounding
    found = holm(claims(zs), confidence)

    assert {i for i, f in found.items() if f.verdict == "passed"} == holm_by_p_values(p_pass, 1 - confidence)
    assert {i for i, f in found.items() if f.verdict == "failed"} == holm_by_p_values(p_fail, 1 - confidence)


@given(estimates)
def test_every_cell_has_an_answer_that_its_own_interval_at_the_stated_confidence_gives(zs):
    cells = claims(zs)
    found = holm(cells)

    assert list(found) == list(cells)
    for key, adjusted in found.items():
        assert adjusted.confidence >= 0.95 - 1e-12
        assert cells[key](adjusted.confidence) == adjusted.verdict


def test_one_cell_needs_no_correction():
    assert holm(claims([-1.7]))[0].verdict == "passed"
    assert holm(claims([-1.7]))[0].confidence == pytest.approx(0.95)
    assert holm(claims([-1.7, 0.0]))[0].verdict == "inconclusive"


def test_cells_already_shown_make_room_for_the_next():
    found = holm(claims([-5.0, -5.0, -1.7]))

    assert {f.verdict for f in found.values()} == {"passed"}
    assert found[0].confidence == pytest.approx(1 - 0.05 / 3)
    assert found[2].confidence == pytest.approx(0.95)


def test_a_cell_that_cannot_be_judged_stays_so_and_counts():
    cells = {**claims([-1.7]), "empty": lambda _: "not_evaluable"}
    found = holm(cells)

    assert found["empty"].verdict == "not_evaluable"
    assert found[0].verdict == "inconclusive"


def test_no_cells_no_verdicts():
    assert holm({}) == {}


def test_intervals_that_are_not_nested_are_refused():
    def contradictory(confidence):
        return "passed" if confidence > 0.96 else "failed"

    with pytest.raises(ValueError, match="not nested"):
        holm({"a": contradictory, "b": partial(verdict, 4.0)})


def test_the_bootstraps_intervals_can_be_corrected():
    rng = np.random.default_rng(0)
    cohorts = {mean: rng.normal(mean, 0.03, 40) for mean in (0.0, 0.04, 0.1)}

    def at(values, confidence):
        interval = mean_interval(values, confidence)
        return decide("below", 0.05, interval.low, interval.high)

    found = holm({mean: partial(at, values) for mean, values in cohorts.items()})
    assert [f.verdict for f in found.values()] == ["passed", "inconclusive", "failed"]


def test_any_wrong_name_among_twenty_cells_at_their_limit_is_as_rare_as_stated():
    rng, runs = np.random.default_rng(1), 2000
    wrong = uncorrected = 0
    for _ in range(runs):
        zs = rng.normal(0, 1, 20)
        wrong += any(f.verdict == "passed" for f in holm(claims(zs)).values())
        uncorrected += any(at(0.95) == "passed" for at in claims(zs).values())

    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert uncorrected / runs > 0.5
