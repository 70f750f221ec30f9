"""The worst point under noise that was not searched: both values are told, and a pass holds under both."""

from dataclasses import replace

import pytest

from pytest_segrobust.evidence import terminal, words
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Range
from pytest_segrobust.verification.decision import Unsaid
from pytest_segrobust.verification.fresh_noise import with_fresh_noise
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.statistic_criterion import criterion_of
from pytest_segrobust.verification.verify import verify


def run(requirement, evaluation):
    return verify(requirement, evaluation, decision=DecisionSettings(), budget=profile("smoke"), seed=0)


def losing(dropping, most):
    return dropping(lambda values, _: most * values["sigma"] / 0.1)


def test_both_values_are_told_and_in_one_line(fake, dropping, noise):
    found = run(noise(0.1), fake(losing(dropping, 0.034), fresh=losing(dropping, 0.031)))

    assert found.verdict == "passed"
    assert found.estimate == pytest.approx(0.034, rel=0.01)
    assert found.worst["fresh_estimate"] == pytest.approx(0.031, rel=0.01)
    assert found.worst["fresh_verdict"] == "passed"
    line = f"{words.number(found, found.worst['fresh_estimate'])} (searched: {words.estimate(found)})"
    assert words.fresh_noise(found) == line
    assert f"with fresh noise: {line}" in " ".join(terminal.failure_text(found).split())


@pytest.mark.parametrize(
    ("drops", "verdict"),  # searched and fresh
    [
        ((0.034, 0.031), "passed"),
        ((0.034, 0.2), "failed"),  # a pass that fresh noise refutes is none
        ((0.2, 0.034), "failed"),  # a failure is one, whatever other noise does
        ((0.2, 0.3), "failed"),
        ((0.034, 0.1), "inconclusive"),  # neither shown nor refuted with fresh noise
    ],
)
def test_fresh_noise_may_take_a_pass_and_never_a_failure(fake, dropping, noise, drops, verdict):
    searched, fresh = drops
    found = run(noise(0.1), fake(losing(dropping, searched), fresh=losing(dropping, fresh)))
    before = run(noise(0.1), fake(losing(dropping, searched)))

    assert found.verdict == verdict
    assert found.estimate == before.estimate
    assert found.interval == before.interval
    if verdict == before.verdict:
        assert found.reason == before.reason
    else:
        assert "with fresh noise" in found.reason
        assert before.reason in found.reason
        assert [entry["verdict"] for entry in found.structures] == [verdict]
        assert "under the noise that was searched" in found.breaking_point.words


def test_where_nothing_is_random_nothing_is_said(fake, dropping, noise):
    found = run(noise(0.1), fake(losing(dropping, 0.034)))
    assert "fresh_estimate" not in found.worst
    assert words.fresh_noise(found) == ""
    assert "fresh" not in terminal.failure_text(found)


def test_one_strength_alone_was_not_chosen_for_its_noise_and_is_not_measured_again(fake, dropping, noise):
    evaluation = fake(losing(dropping, 0.034), fresh=losing(dropping, 0.2))
    found = run(noise(0.1, sigma=(0.1, 0.1)), evaluation)
    assert found.verdict == "passed"
    assert "fresh_estimate" not in found.worst
    of_a_range = run(noise(0.1, sigma=(0.09, 0.1)), fake(losing(dropping, 0.034), fresh=losing(dropping, 0.2)))
    assert of_a_range.verdict == "failed"


def test_a_structure_that_fails_under_fresh_noise_alone_fails_the_claim(fake, dropping, noise):
    def of(second):
        both = {"first": losing(dropping, 0.05), "second": losing(dropping, second)}
        return lambda values, patient, structure: both[structure](values, patient, structure)

    found = run(noise(0.1), fake(of(0.02), structures=("first", "second"), fresh=of(0.3)))
    assert found.worst["structure"] == "first"
    assert found.worst["fresh_verdict"] == "passed"
    assert found.verdict == "failed"
    assert {entry["structure"]: entry["verdict"] for entry in found.structures} == {
        "first": "passed",
        "second": "failed",
    }


def test_a_gross_failure_under_fresh_noise_alone_is_told(fake, dropping, noise):
    calm = losing(dropping, 0.03)

    def fresh(values, patient, structure):
        return "missed" if patient == 3 else calm(values, patient, structure)

    found = run(noise(0.3), fake(calm, fresh=fresh))
    told = "with fresh noise at the worst point, 1 more cases fail grossly, such as p03-0 (missed)"
    assert told in found.warnings
    assert told in found.search["caveats"]
    assert found.gross_failures.count == 0


def test_a_stress_test_gates_where_fresh_noise_fails_in_its_plausible_part(fake, dropping, noise):
    stress = replace(
        noise(0.1), tier="stress", gates=False, domains=(Domain("gaussian noise", (Range("sigma", 0, 0.2),)),)
    )

    searched = dropping(lambda values, _: 0.05 if values["sigma"] == 0.1 else 0.01)
    found = run(stress, fake(searched, fresh=losing(dropping, 0.3)))
    assert found.worst["text"] == "gaussian noise(sigma=0.1)"
    assert found.verdict == "failed"
    assert found.gates
    assert found.plausible_part["verdict"] == "failed"


def test_where_fresh_noise_leaves_nothing_to_say_nothing_passes(fake, dropping, noise):
    passed = run(noise(0.1), fake(losing(dropping, 0.034)))
    silent = Unsaid("gaussian noise(sigma=0.1)", "organ", "its maps are constant", blocks=True)
    found = with_fresh_noise(passed, [], criterion_of(noise(0.1), seed=0), plausible=False, blocked=[silent])
    assert found.verdict == "not_evaluable"
    assert "its maps are constant" in found.reason
