"""Coefficients against scipy and against pairs counted one by one; what has none says why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from pytest_segrobust.metrics.uncertainty.correlation import KINDS, Kind, clustered, correlation
from pytest_segrobust.metrics.uncertainty.measured import Measured

few = st.integers(3, 12).flatmap(
    lambda n: st.tuples(*[hnp.arrays(float, n, elements=st.integers(-4, 4).map(float))] * 2)
)


def tau_by_pairs(u: np.ndarray, e: np.ndarray) -> float:
    i, j = np.triu_indices(len(u), 1)
    a, b = np.sign(u[i] - u[j]), np.sign(e[i] - e[j])
    return float((a * b).sum() / np.sqrt((a != 0).sum() * (b != 0).sum()))


@settings(max_examples=60, deadline=None)
@given(few)
def test_coefficients_are_those_of_others(pair: tuple[np.ndarray, np.ndarray]) -> None:
    u, e = pair
    assume(np.ptp(u) > 0 and np.ptp(e) > 0)
    assert correlation(u, e, "pearson").value == pytest.approx(np.corrcoef(u, e)[0, 1], abs=1e-12)
    assert correlation(u, e, "spearman").value == pytest.approx(stats.spearmanr(u, e).statistic, abs=1e-12)
    assert correlation(u, e, "kendall").value == pytest.approx(tau_by_pairs(u, e), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(few, st.sampled_from(["spearman", "kendall"]))
def test_ranks_do_not_see_a_monotone_transform(pair: tuple[np.ndarray, np.ndarray], kind: Kind) -> None:
    u, e = pair
    assert correlation(np.exp(u), e**3, kind) == correlation(u, e, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_oracle_has_one_and_its_opposite_minus_one(kind: Kind) -> None:
    e = np.random.default_rng(0).random(20)
    assert correlation(e, e, kind).value == pytest.approx(1)
    assert correlation(-e, e, kind).value == pytest.approx(-1)
    assert correlation(e * 1e-200, e, kind).value == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_constants_and_too_few_patients_have_no_value(kind: Kind) -> None:
    e = np.arange(5.0)
    flat = correlation(np.full(5, 0.3) + 1e-17 * e, e, kind)
    assert flat.value is None
    assert "uncertainty is the same for all 5 patients" in flat.reason
    assert "error is the same" in correlation(e, np.ones(5), kind).reason
    assert "3 are the least" in correlation(e[:2], e[:2], kind).reason


def test_failed_cases_must_have_numbers() -> None:
    with pytest.raises(ValueError, match="1 of 3 values that are not finite"):
        correlation(np.array([1, np.nan, 2]), np.arange(3.0))
    with pytest.raises(ValueError, match="shape"):
        correlation(np.arange(4.0), np.arange(3.0))
    with pytest.raises(ValueError, match="no correlation is called"):
        correlation(np.arange(4.0), np.arange(4.0), "cosine")  # type: ignore[arg-type]


def cells(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, float).ravel()


def test_pooled_and_within_part_where_patients_differ() -> None:
    error = cells([[0, 1, 2], [10, 11, 12], [20, 21, 22], [30, 31, 32]])
    uncertainty = cells([[2, 1, 0], [12, 11, 10], [22, 21, 20], [32, 31, 30]])
    found = clustered(uncertainty, error, np.repeat(list("abcd"), 3).tolist())
    assert found.pooled.value is not None
    assert found.pooled.value > 0.8
    assert found.within.value == pytest.approx(-1)
    assert found.between.value == pytest.approx(1)
    assert (found.patients, found.cells, found.flat, found.left_out) == (4, 12, 0, 0)


def test_constant_uncertainty_and_constant_error_count_as_zero_and_no_error_is_left_out() -> None:
    error = cells([[0, 1, 2], [0, 1, 2], [0, 0, 0], [0, 1, 2]])
    uncertainty = cells([[0, 1, 2], [7, 7, 7], [0, 1, 2], [0, 1, 2]])
    found = clustered(uncertainty, error, [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3, "kendall")
    assert found.within.value == pytest.approx(2 / 3)
    assert (found.flat, found.left_out) == (1, 1)
    error[6:9] = 1.0  # lost at all severities
    lost = clustered(uncertainty, error, [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3, "kendall")
    assert lost.within.value == pytest.approx(2 / 4)
    assert (lost.flat, lost.left_out) == (1, 0)


def test_the_order_of_cells_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    u, e, who = rng.random(30), rng.random(30), np.repeat(np.arange(6), 5)
    order = rng.permutation(30)
    once, again = (clustered(u[o], e[o], who[o].tolist()) for o in (np.arange(30), order))
    for part in ("pooled", "within", "between"):
        assert getattr(once, part).value == pytest.approx(getattr(again, part).value)


def test_cells_without_any_error_have_no_within() -> None:
    found = clustered(np.arange(9.0), np.zeros(9), np.repeat([1, 2, 3], 3).tolist())
    assert "nothing is wrong in any of 3 patients" in found.within.reason
    assert found.left_out == 3
    assert "3 are the least" in clustered(np.arange(4.0), np.arange(4.0), [1, 1, 2, 2]).pooled.reason
    with pytest.raises(ValueError, match="named"):
        clustered(np.arange(4.0), np.arange(4.0), [1, 2])


def test_a_measure_is_a_finite_number_or_a_reason() -> None:
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="no measured value"):
            Measured(wrong)
    with pytest.raises(ValueError, match="reason"):
        Measured(None)
