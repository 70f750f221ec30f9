"""Patients that betting needs, foreseen from a pilot: those with whom it then passes, and never so few as the default needs."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_segrobust.requirements.requirement import Measure, Requirement
from pytest_segrobust.verification.betting import betting_interval
from pytest_segrobust.verification.decision import decide
from pytest_segrobust.verification.planned_bets import need_by_betting
from pytest_segrobust.verification.planning import need


def claim(comparison="below", limit=0.05, measure=None):
    return Requirement("R", measure or Measure("dsc", "drop"), comparison, limit)


PILOT = np.random.default_rng(0).normal(0.02, 0.02, 40)


def test_the_first_number_of_patients_without_a_drop_is_that_of_the_bets():
    found = need_by_betting(claim(), np.zeros(10), power=0.9, patients=70)

    assert found.patients == 71
    assert found.power == 0.0
    assert need_by_betting(claim(), np.zeros(10), power=0.9, patients=71).power == 1.0


def test_betting_needs_far_more_patients_than_the_default_interval():
    bets, default = (rule(claim(), PILOT, power=0.9, patients=30) for rule in (need_by_betting, need))

    assert 6 * default.patients < 90 < bets.patients
    assert bets.power == 0.0 < default.power


@pytest.mark.parametrize("comparison", ["below", "above", "within"])
def test_so_many_patients_pass_with_about_the_wished_power(comparison):
    values = -PILOT if comparison == "above" else PILOT
    asked = claim(comparison, -0.05 if comparison == "above" else 0.05)
    n = need_by_betting(asked, values, power=0.8, patients=10).patients
    rng = np.random.default_rng(1)
    intervals = [betting_interval(rng.choice(values, n), -1.0, 1.0) for _ in range(60)]
    passed = np.mean([decide(comparison, asked.limit, each.low, each.high) == "passed" for each in intervals])

    assert 0.6 <= passed <= 0.98


def test_looking_after_every_patient_needs_no_more():
    one, early = (need_by_betting(claim(), PILOT, power=0.9, patients=30, early=each) for each in (False, True))
    assert early.patients <= one.patients


def test_what_no_number_of_patients_shows_is_said():
    assert "does not meet the limit" in need_by_betting(claim(limit=0.01), PILOT, power=0.9, patients=9).words
    assert "not even 3000" in need_by_betting(claim(limit=0.0195), PILOT, power=0.9, patients=9).words
    distance = need_by_betting(claim(measure=Measure("hd95", "value"), limit=4), PILOT, power=0.9, patients=9)
    assert distance.patients is None
    assert "only the images tell" in distance.words
