import numpy as np
import pytest

from pytest_segrobust.perturbations.point import Point
from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement
from pytest_segrobust.verification.breaking_point import breaking_point, first_to_fail, held, worded
from pytest_segrobust.verification.decision import Criterion
from pytest_segrobust.verification.severity import SeverityLine
from pytest_segrobust.verification.space import Space
from pytest_segrobust.verification.statistic_criterion import criterion_of

REQUIREMENT = Requirement(
    "R", Measure("dsc", "drop"), "below", 0.05, (Domain("gaussian noise", (Range("sigma", 0.0, 0.1),)),)
)
CRITERION = Criterion.of(REQUIREMENT, seed=0)
LINE = SeverityLine.of(Space.of(REQUIREMENT), (1000.0,))
STRENGTHS = np.linspace(0.9, 1.1, 21)  # of 21 patients; their mean is 1


def broken(drop, bisections=8, severities=(0, 0.25, 0.5, 0.75, 1.0), spread=STRENGTHS):
    asked = []

    def measure(severity):
        asked.append(severity)
        return drop(severity) * spread

    found, curve = breaking_point(
        LINE, {float(s): drop(s) * spread for s in severities}, CRITERION, measure, bisections=bisections
    )
    return found, curve, asked


def test_the_mildest_failing_severity_is_narrowed_by_bisection():
    found, curve, asked = broken(lambda severity: 0.08 * severity)  # reaches 0.05 at 0.625

    assert found.severity == pytest.approx(0.625, abs=0.25 / 2**8)
    assert found.severity >= 0.625
    assert len(asked) == 8
    assert list(curve) == sorted(curve)
    assert found.parameters == Point.of("gaussian noise", sigma=0.1 * found.severity).to_json()


def test_what_it_held_to_is_the_severest_that_did_not_fail():
    found, _, _ = broken(lambda severity: 0.08 * severity)
    held_to = found.held_to[0]["parameters"]["sigma"]
    assert 0.0625 - 0.025 / 2**8 <= held_to < 0.0625


def test_the_interval_covers_the_breaking_point_and_narrows_with_the_patients_spread():
    found, _, _ = broken(lambda severity: 0.08 * severity)
    wider, _, _ = broken(lambda severity: 0.08 * severity, spread=1 + 5 * (STRENGTHS - 1))

    assert found.interval[0] < 0.625 < found.interval[1]
    assert wider.interval[1] - wider.interval[0] > 3 * (found.interval[1] - found.interval[0])


def test_an_interval_that_reaches_beyond_the_line_has_no_upper_end():
    found, _, _ = broken(lambda severity: 0.0505 * severity)

    assert found.severity > 0.98
    assert found.interval[0] is not None
    assert found.interval[1] is None


def test_what_does_not_fail_is_held_to_the_largest_stated_and_no_farther():
    found, _, asked = broken(lambda severity: 0.04 * severity)

    assert (found.severity, found.parameters, found.interval) == (None, None, (None, None))
    assert found.held_to == Point.of("gaussian noise", sigma=0.1).to_json()
    assert "held to gaussian noise(sigma=0.1), the largest stated" in found.words
    assert not asked


def test_a_line_not_followed_to_its_end_says_tried_instead_of_stated():
    assert "largest tried" in held(LINE, 0.5).words


def test_a_model_that_fails_on_clean_images_has_no_milder_severity():
    found, _, asked = broken(lambda _: 0.2)

    assert found.severity == 0
    assert found.held_to is None
    assert found.words == "fails on clean images already: no perturbation is needed"
    assert not asked
    told = worded(found, "inconclusive", "lung").words
    assert told.startswith("lung has its estimate beyond the limit on clean images already: ")


def test_a_curve_that_fails_holds_and_fails_again_says_so():
    found, _, _ = broken(lambda severity: {0.25: 0.2, 0.5: 0.01}.get(severity, 0.3 * (severity > 0.1)))

    assert found.severity < 0.25
    assert "not monotone: it holds again at gaussian noise(sigma=0.05)" in found.words


def test_what_fails_on_clean_images_and_holds_later_has_no_milder_failures_to_be_warned_of():
    found, _, _ = broken(lambda severity: 0.2 if severity in (0, 1) else 0.01)

    assert found.words.startswith(
        "fails on clean images already: no perturbation is needed; not monotone: it holds again at"
    )
    assert "milder" not in found.words


def test_the_same_curve_gives_the_same_interval():
    assert broken(lambda severity: 0.08 * severity)[0] == broken(lambda severity: 0.08 * severity)[0]


def test_the_structure_that_fails_first_is_the_one_whose_breaking_point_is_told():
    early = {x: 0.08 * x**0.5 * STRENGTHS for x in (0.0, 0.25, 0.5, 1.0)}  # beyond 0.05 from 0.5 on
    late = {x: 0.5 * x**4 * STRENGTHS for x in (0.0, 0.25, 0.5, 1.0)}  # far worse, but at the end alone
    assert first_to_fail({"late": late, "early": early}, CRITERION, otherwise="late") == "early"
    assert first_to_fail({"late": late, "early": late}, CRITERION, otherwise="late") == "late"
    mild = dict.fromkeys(late, 0 * STRENGTHS)
    assert first_to_fail({"a": mild, "b": mild}, CRITERION, otherwise="b") == "b"


def test_words_name_the_structure_and_do_not_say_fails_where_nothing_was_shown():
    found, _, _ = broken(lambda severity: 0.08 * severity)
    assert worded(found, "failed", "core").words.startswith("core fails from gaussian noise")
    assert worded(found, "inconclusive", "").words.startswith("has its estimate beyond the limit from gaussian noise")
    assert worded(found, "failed", "").words == found.words


def test_patients_without_a_value_are_no_zero_and_a_severity_without_any_is_passed_over():
    half = np.where(np.arange(21) < 10, np.nan, 1.0)
    asked = []

    def measure(severity):
        asked.append(severity)
        return 0.08 * severity * half

    curve = {0.0: np.full(21, np.nan), 0.25: 0.02 * half, 0.5: 0.04 * half, 1.0: 0.08 * half}
    found, _ = breaking_point(LINE, curve, CRITERION, measure, bisections=8)

    assert found.severity == pytest.approx(0.625, abs=0.5 / 2**8)
    assert found.interval == (pytest.approx(0.625, abs=0.01),) * 2
    nothing, _ = breaking_point(LINE, dict.fromkeys(curve, np.full(21, np.nan)), CRITERION, measure, bisections=8)
    assert nothing.severity is None
    early, _ = breaking_point(LINE, {0.0: curve[0.0], 0.5: 0.08 * half}, CRITERION, measure, bisections=8)
    assert early.held_to is None  # what said nothing has not held


def test_a_statistic_of_all_patients_breaks_where_its_estimate_does():
    requirement = Requirement("R", Measure("spearman"), "above", 0.5, REQUIREMENT.domains)
    error = np.linspace(0.1, 0.5, 21)

    def at(severity):
        return np.column_stack([(1 - severity) * error + severity * error[::-1], error])

    found, curve = breaking_point(
        LINE, {s: at(s) for s in (0.0, 0.25, 0.75, 1.0)}, criterion_of(requirement, seed=0), at, bisections=6
    )
    assert found.severity == pytest.approx(0.5, abs=0.5 / 2**6)
    assert found.interval == (None, None)
    assert len(curve) == 10
