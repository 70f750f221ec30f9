"""Points that are left as soon as betting has decided: fewer patients, the same honesty, and nobody counted who was not measured."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from pytest_segrobust.evidence.records import Measurement
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Range
from pytest_segrobust.verification.betting import betting_interval, running_bounds, upper_bound
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.stopping_early import range_of
from pytest_segrobust.verification.verify import verify

N = 160
BATCH = 8


@pytest.fixture
def stepped(fake):
    """A fake evaluation that can measure its first patients alone, and remembers how many measurements it made."""

    @dataclass
    class Stepped(fake):
        n: int = N
        screening: int = 8
        made: int = 0

        def __post_init__(self):
            self.known = {}
            self.patients_at = {}

        @property
        def complete_after(self):
            return (*range(BATCH, self.n, BATCH), self.n)

        def measure(self, points, *, screening=False, realisations=1, first=None):
            rows = super().measure(points, screening=screening, realisations=realisations)
            if first is not None:
                rows = [m for m in rows if m.patient in self.patients[:first]]
            for m in rows:
                self.patients_at.setdefault(m.point, set()).add(m.patient)
            return rows

    return Stepped


def run(requirement, evaluation, *, name="ci", budget=None, **decision):
    return verify(
        requirement, evaluation, decision=DecisionSettings(**decision), budget=budget or profile(name), seed=0
    )


def mild(values, patient):
    return values.get("sigma", 0) * (0.1 + 0.05 * math.sin(3 * patient))


def severe(values, patient):
    return 6 * values.get("sigma", 0) * (1 + 0.1 * math.sin(3 * patient))


def test_an_easy_limit_is_decided_on_some_of_the_patients(stepped, dropping, noise):
    evaluation = stepped(dropping(mild))
    found = run(noise(0.05), evaluation, stop_early=True)

    worst = found.worst["text"]
    stops = {each["point"]: each["patients"] for each in found.search["stopped_early"]}
    assert found.verdict == "passed"
    assert found.n_patients == stops[worst] == len(found.cases)
    assert 71 <= stops[worst] < N
    assert {each["of"] for each in found.search["stopped_early"]} == {N}
    for point, k in stops.items():
        assert evaluation.patients_at[point] == set(evaluation.patients[:k])
    assert found.method.startswith("betting")
    assert any(text.startswith("stopped early") and f"of {N} patients" in text for text in found.warnings)


def test_the_interval_is_the_betting_interval_of_the_patients_that_were_used(stepped, dropping, noise):
    found = run(noise(0.05), stepped(dropping(mild)), stop_early=True)

    values = np.array([case.value for case in found.cases])
    expected = betting_interval(values, -1.0, 1.0)
    assert found.interval == (expected.low, expected.high)
    assert found.interval[1] < 0.05
    # one batch earlier it was not yet decided
    assert betting_interval(values[:-BATCH], -1.0, 1.0).high >= 0.05


def test_what_all_enrolled_patients_would_have_is_bounded_without_replacement(stepped, dropping, noise):
    evaluation = stepped(dropping(mild))
    found = run(noise(0.05), evaluation, stop_early=True)
    (said,) = [words for words in found.warnings if "without replacement" in words]
    own = {case.patient: case.value for case in found.cases}
    values = np.array([own[patient] for patient in evaluation.patients if patient in own])
    low, high = (bounds[-1] for bounds in running_bounds(values, -1.0, 1.0, enrolled=N))
    whole = run(noise(0.05), stepped(dropping(mild)))

    assert f"the mean of all {N} enrolled patients at {found.worst['text']}" in said
    told = [float(number) for number in re.findall(r"between (\S+) and (\S+)", said)[0]]
    assert told == pytest.approx([low, high], rel=0.01)
    assert low <= whole.estimate <= high < found.interval[1]


def test_every_curve_point_says_how_many_patients_it_has(stepped, dropping, noise):
    evaluation = stepped(dropping(mild))
    found = run(noise(0.05), evaluation, stop_early=True)

    assert {each.n_patients for each in found.curve} != {N}
    for each in found.curve:
        assert each.n_patients == len(evaluation.patients_at[each.point])


def test_without_the_wish_and_as_evidence_everybody_is_measured(stepped, dropping, noise):
    for name, wish in (("ci", False), ("evidence", True)):
        evaluation = stepped(dropping(mild))
        found = run(noise(0.05), evaluation, name=name, stop_early=wish)
        assert found.n_patients == N
        assert "stopped_early" not in found.search
        assert not found.method.startswith("betting")


def test_at_the_limit_nothing_stops_and_all_patients_are_used(stepped, dropping, noise):
    found = run(noise(0.011), stepped(dropping(mild)), stop_early=True)

    assert found.verdict == "inconclusive"
    assert found.n_patients == N
    assert found.method.startswith("betting")


def test_a_hopeless_model_fails_early_and_its_breaking_point_is_of_all_patients(stepped, dropping, noise):
    evaluation = stepped(dropping(severe))
    found = run(noise(0.05), evaluation, stop_early=True)

    assert found.verdict == "failed"
    assert found.breaking_point is not None
    assert {each.n_patients for each in found.curve} == {N}
    assert found.n_patients == len(evaluation.patients_at[found.worst["text"]])


def test_a_fail_is_not_stopped_at_on_the_patients_that_the_search_has_seen(stepped, noise):
    """Eight screening patients collapse and nobody else does: stopping on them alone would fail the model."""

    def model(values, patient, _):
        return {"dsc": 0.0 if values and patient < 8 else 0.9, "hd95": 1.0}

    found = run(noise(0.3), stepped(model), stop_early=True)
    assert found.verdict != "failed"


def test_a_late_rare_collapse_that_was_not_measured_is_not_ruled_out(stepped, dropping, noise):
    def model(values, patient, structure):
        return dropping(mild)(values, patient, structure) if patient < 120 or not values else "missed"

    found = run(noise(0.05), stepped(model), stop_early=True)
    failures = found.gross_failures
    assert found.verdict == "passed"
    assert failures.n_patients == min(each["patients"] for each in found.search["stopped_early"]) < 120
    # a number of patients that was not fixed before: the bound of a fixed one would be too good
    assert failures.upper_bound == pytest.approx(upper_bound(np.zeros(failures.n_patients), 1.0))
    assert failures.upper_bound > 1 - 0.05 ** (1 / failures.n_patients)


def test_failures_of_measured_patients_are_counted_with_their_n(stepped, dropping, noise):
    def model(values, patient, structure):
        return "missed" if values and patient == 2 else dropping(mild)(values, patient, structure)

    found = run(noise(0.2), stepped(model), stop_early=True)
    assert found.gross_failures.count == 1
    assert {each["case"] for each in found.gross_failures.cases} == {"p02-0"}
    assert found.gross_failures.n_patients < N


def test_all_structures_must_be_decided_before_a_point_is_left(stepped, noise):
    def model(values, patient, structure):
        lost = values.get("sigma", 0) * (0.1 if structure == "easy" else 0.35)
        return {"dsc": 0.9 - lost, "hd95": 1.0}

    evaluation = stepped(model, structures=("easy", "hard"))
    found = run(noise(0.05), evaluation, stop_early=True)
    alone = run(noise(0.05, structure="easy"), stepped(model, structures=("easy", "hard")), stop_early=True)

    n = {each["structure"]: each["n_patients"] for each in found.structures}
    assert n["easy"] == n["hard"]
    assert alone.n_patients < n["easy"] <= N


def test_patients_with_several_cases_are_whole(stepped, dropping, noise):
    evaluation = stepped(dropping(mild), cases_per_patient=2)
    found = run(noise(0.05), evaluation, stop_early=True)

    assert found.verdict == "passed"
    assert found.n_cases == 2 * found.n_patients < 2 * N


def test_a_requirement_that_cannot_stop_is_decided_as_ever(stepped, dropping, noise):
    distance = noise(3.0, measure=Measure("hd95", "value"))
    share = noise(0.05, patients=0.9)
    for requirement in (distance, share):
        found = run(requirement, stepped(dropping(mild)), stop_early=True)
        assert found.n_patients == N
        assert "betting" not in found.method
        assert "stopped_early" not in found.search


def test_an_evaluation_that_cannot_measure_some_patients_measures_all(fake, dropping, noise):
    found = run(noise(0.05), fake(dropping(mild), n=N), stop_early=True)

    assert found.n_patients == N
    assert "betting" not in found.method


def test_the_same_inputs_give_the_same_result(stepped, dropping, noise):
    first, second = (run(noise(0.05), stepped(dropping(mild)), stop_early=True).to_json() for _ in range(2))
    assert first == second


def test_a_lost_measurement_of_a_stopped_point_is_never_a_smaller_n(stepped, dropping, noise):
    def lose(m: Measurement) -> Measurement | None:
        return None if m.point != "clean" and m.case == "p10-0" else m

    found = run(noise(0.05), stepped(dropping(mild), change=lose), stop_early=True)
    assert found.verdict == "invalid"


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (Measure("dsc", "drop"), (-1.0, 1.0)),
        (Measure("dsc", "value"), (0.0, 1.0)),
        (Measure("dsc", "relative drop"), None),
        (Measure("hd95", "increase"), None),
        (Measure("volume_error", "value"), None),
        (Measure("spearman", "value"), None),
    ],
)
def test_the_range_of_a_patients_value(measure, expected):
    assert range_of(measure) == expected


def test_false_passes_when_stopping_early_are_no_more_than_stated(stepped, noise):
    """The mean drop is exactly at the limit, at every point; of rare collapses, which fool other intervals."""
    rng = np.random.default_rng(5)
    runs, passed = 25, 0
    budget = replace(profile("smoke"), points=1, curve_points=1)
    for _ in range(runs):
        lost = np.where(rng.random(N) < 0.05, 0.8, 0.0105)  # mean 0.05
        point = Domain("gaussian noise", (Range("sigma", 0.1, 0.1),))

        def model(values, patient, _structure, lost=lost):
            return {"dsc": 0.9 - (lost[patient] if values else 0.0), "hd95": 1.0}

        found = run(
            noise(float(0.05 * 0.8 + 0.95 * 0.0105), domains=(point,)), stepped(model), budget=budget, stop_early=True
        )
        passed += found.verdict == "passed"
    assert passed <= 5  # binomial(25, 0.05) exceeds 5 once in 800
