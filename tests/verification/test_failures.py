import math

import pytest

from pytest_segrobust.perturbations.point import Point
from pytest_segrobust.verification.failures import count_gross_failures, gross_failures

NOISY = Point.of("gaussian noise", sigma=0.1)


@pytest.fixture
def one(measured):
    def make(found, patient="a", case="a1", **others):
        return measured(case, patient, NOISY, "organ", found if isinstance(found, str) else {"dsc": found}, **others)

    return make


@pytest.mark.parametrize("failure", ["crashed: x", "NaN in 1 % of voxels", "shape (1,)", "missed", "false detection"])
def test_every_named_failure_is_gross(one, failure):
    assert [why for _, why in gross_failures([one(failure)])] == [failure]


def test_a_nan_score_is_gross(one):
    assert [why for _, why in gross_failures([one(math.nan)])] == ["NaN score (dsc)"]


def test_a_low_dsc_is_gross_only_where_the_spec_says_so(one):
    assert not list(gross_failures([one(0.3)]))
    assert [why for _, why in gross_failures([one(0.3), one(0.5)], 0.5)] == ["DSC 0.3 below 0.5"]
    assert not list(gross_failures([one(0.3, reference_voxels=0)], 0.5))


def test_a_patient_counts_once_and_every_failed_case_is_named(one):
    rows = [
        one("missed", "a", "a1"),
        one("missed", "a", "a2"),
        one("missed", "a", "a2", realisation=1),
        one(0.9, "b", "b1"),
    ]
    found = count_gross_failures(rows, "abcdefghijklmnopqrst", dsc_below=None, confidence=0.95)

    assert (found.count, found.n_patients) == (1, 20)
    assert found.upper_bound == pytest.approx(0.2161, abs=1e-4)  # exact, tabulated
    assert [case["case"] for case in found.cases] == ["a1", "a2"]
    assert found.cases[0] == {
        "case": "a1",
        "patient": "a",
        "structure": "organ",
        "point": str(NOISY),
        "failure": "missed",
    }


def test_no_failure_in_twenty_patients_still_leaves_a_bound(one):
    found = count_gross_failures([one(0.9)], [str(i) for i in range(20)], dsc_below=None, confidence=0.95)
    assert (found.count, found.upper_bound) == (0, pytest.approx(0.1391, abs=1e-4))


def test_no_patients_bound_nothing():
    assert count_gross_failures([], [], dsc_below=None, confidence=0.95).upper_bound == 1
