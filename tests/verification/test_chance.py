"""Limits that a map that knows nothing meets on the same predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_segrobust.metrics.uncertainty.chance import CHANCE
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.verify import verify

NOISE = (Domain("gaussian noise", (Range("sigma", 0.0, 0.1),)),)


def run(evaluation, metric, comparison, limit, **others):
    requirement = Requirement("R", Measure(metric), comparison, limit, NOISE, **others)
    return verify(requirement, evaluation, decision=DecisionSettings(), budget=profile("smoke"), seed=0)


def maps(key, own, chance):
    """Every patient's score, and that of a map that knows nothing, as they differ a little."""

    def model(_, patient, structure):
        wave = 0.01 * np.sin(7 * patient)
        by_chance = chance.get(structure) if isinstance(chance, dict) else chance
        return {"dsc": 0.8, "uncertainty": 0.3, key: own + wave, f"{CHANCE}{key}": by_chance - wave / 3}

    return model


@pytest.mark.parametrize(
    ("stated", "own", "chance", "verdict"),
    [
        (("pavpu", "above", 0.8), 0.887, 0.887, "not_evaluable"),
        (("pavpu", "above", 0.8), 0.95, 0.887, "not_evaluable"),
        (("pavpu", "above", 0.9), 0.95, 0.887, "passed"),
        (("pavpu", "above", 0.8), 0.7, 0.887, "failed"),
        (("qu_brats", "at least", 0.7), 0.949, 0.949, "not_evaluable"),
        (("error_aupr", "above", 0.3), 0.5, 0.35, "not_evaluable"),
        (("error_aupr", "above", 0.3), 0.5, 0.1, "passed"),
        (("ue_dice", "above", 0.1), 0.4, 0.2, "not_evaluable"),
        (("ause", "below", 0.3), 0.09, 0.09, "not_evaluable"),
        (("ause", "below", 0.05), 0.02, 0.09, "passed"),
    ],
)
def test_a_limit_that_knowing_nothing_meets_does_not_pass(fake, stated, own, chance, verdict):
    key, comparison, limit = stated
    found = run(fake(maps(key, own, chance)), key, comparison, limit)

    assert found.verdict == verdict
    assert ("which meets the limit: state a limit beyond it" in found.reason) == (verdict == "not_evaluable")
    told = [words for words in found.warnings if "a map that knows nothing would score" in words]
    assert len(told) == 1
    level = float(told[0].partition("would score ")[2].partition(" ")[0])
    assert level == pytest.approx(chance, abs=0.004)


def test_each_structure_is_set_against_its_own_chance(fake):
    level = {"a": 0.5, "b": 0.85}
    found = run(fake(maps("pavpu", 0.95, level), structures=("a", "b")), "pavpu", "above", 0.8)
    assert found.verdict == "not_evaluable"
    assert "for b, which meets the limit" in found.reason
    assert run(fake(maps("pavpu", 0.95, level), structures=("a", "b")), "pavpu", "above", 0.9).verdict == "passed"


def test_failed_predictions_score_worst_whatever_their_map(fake):
    """Chance of 0.9 in 15 of 20 patients, and 0 in those who failed: 0.675 does not meet 0.69."""

    def some_fail(m):
        if int(m.patient[1:]) % 4:
            return m
        return replace(m, scores={"dsc": 0.0, "uncertainty": 0.0, "pavpu": 0.0}, failure="crashed: no")

    evaluation = fake(maps("pavpu", 0.97, 0.9), n=20, change=some_fail)
    assert run(evaluation, "pavpu", "above", 0.69).verdict in ("inconclusive", "failed")
    assert "would score 0.675" in " ".join(run(evaluation, "pavpu", "above", 0.69).warnings)


def test_for_so_many_patients_it_is_the_share_of_them(fake):
    evaluation = fake(maps("pavpu", 0.95, 0.887), n=60)
    assert run(evaluation, "pavpu", "above", 0.8, patients=0.9).verdict == "not_evaluable"
    assert run(evaluation, "pavpu", "above", 0.91, patients=0.9).verdict == "passed"


@pytest.mark.parametrize(
    ("key", "clean", "chance", "verdict"),
    [
        ("error_auroc", 0.5, None, "not_evaluable"),
        ("error_auroc", 0.9, None, "passed"),
        ("gap", 0.0, None, "not_evaluable"),
        ("pavpu", 0.887, 0.887, "not_evaluable"),
        ("pavpu", 0.95, 0.887, "passed"),
        ("ause", 0.09, 0.09, "not_evaluable"),
        ("ause", 0.02, 0.09, "passed"),
        ("ece", 0.02, None, "passed"),  # of which every map has its own
    ],
)
def test_a_map_that_knows_nothing_has_nothing_to_lose(fake, key, clean, chance, verdict):
    def model(values, patient, _):
        wave = 0.01 * np.sin(7 * patient)
        scores = {"dsc": 0.8, "uncertainty": 0.3, key: clean + wave}
        return scores if chance is None else {**scores, f"{CHANCE}{key}": chance + wave / 3}

    form = "increase" if key in ("ause", "ece") else "drop"
    claim = Requirement("R", Measure(key, form), "below", 0.05, NOISE)
    found = verify(claim, fake(model, n=24), decision=DecisionSettings(), budget=profile("smoke"), seed=0)

    assert found.verdict == verdict, found.reason
    assert ("has nothing to lose; state a limit of" in found.reason) == (verdict == "not_evaluable")


def test_low_areas_by_small_errors_alone_are_warned_of_and_pass(fake):
    def model(_, patient, structure):
        return {"dsc": 0.9 + 0.003 * patient, "uncertainty": float(np.sin(7 * patient)) + 2}

    found = run(fake(model), "aurc", "below", 0.4)
    assert found.verdict == "passed"
    told = [words for words in found.warnings if "a map that knows nothing would have" in words]
    assert len(told) == 1
    assert "0.0715" in told[0]
    assert "meets the limit" in told[0]
    beyond = run(fake(model), "aurc", "below", 0.05)
    assert not any("meets the limit" in words for words in beyond.warnings)


def test_a_level_that_is_fixed_or_unknown_is_not_told(fake):
    found = run(fake(lambda *_: {"dsc": 0.8, "uncertainty": 0.3, "error_auroc": 0.9}), "error_auroc", "above", 0.6)
    assert found.verdict == "passed"
    assert not any("knows nothing" in words for words in found.warnings)
