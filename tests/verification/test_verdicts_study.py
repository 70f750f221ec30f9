"""The simulation study in benchmarks/verdicts.py, its quick form: what the report does not warn of must hold."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_segrobust.verification.betting import betting_interval, first_decided, running_bounds
from pytest_segrobust.verification.statistics import SKEWED, clopper_pearson, mean_interval

ROOT = Path(__file__).parents[2]
RUNS, RESAMPLES = 1500, 1000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def verdicts():
    specification = importlib.util.spec_from_file_location("verdicts", ROOT / "benchmarks" / "verdicts.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["verdicts"] = module  # its dataclasses look themselves up
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rates(verdicts):
    return verdicts.study(RUNS, RESAMPLES)


def drawn(verdicts, n, runs=2):
    return [population.draw(np.random.default_rng(n), (runs, n)) for population in verdicts.populations()]


@pytest.mark.parametrize("n", [10, 60])
def test_the_study_judges_by_the_interval_that_the_tool_uses(verdicts, n):
    for values in drawn(verdicts, n):
        low, high = verdicts.bounds(values, seed=3, resamples=800)[verdicts.RULE]
        theirs = [mean_interval(row, 0.95, seed=3, resamples=800) for row in values]
        np.testing.assert_allclose(low, [interval.low for interval in theirs], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(high, [interval.high for interval in theirs], rtol=1e-9, atol=1e-12)


def test_the_study_judges_by_the_bets_that_the_tool_makes(verdicts):
    for values, population in zip(drawn(verdicts, 80), verdicts.populations(), strict=True):
        for row in values:
            limit = 2 * population.mean
            high = betting_interval(row, -1.0, 1.0).high
            assert verdicts._rich(row[None], limit, None)[0, -1] == (high <= limit)
            own = 2 * row.mean()
            _, highs = running_bounds(row, -1.0, 1.0, enrolled=80)
            found = verdicts.Rates("", 80)
            verdicts._bet(found, row[None], population.mean)
            expected = first_decided(highs, highs, lambda _, high, own=own: high <= own)
            assert found.used[verdicts.ENROLLED] * 80 == pytest.approx(expected)


@pytest.mark.parametrize("title", ["sigma 0.05", "sigma 0.1", "sigma 0.2"])
def test_real_patients_are_sixty_volumes_with_their_mean(verdicts, title):
    population = verdicts._real(title)
    many = population.draw(np.random.default_rng(0), (200, 500))

    assert len(np.unique(many)) == 60
    assert many.mean() == pytest.approx(population.mean, rel=0.02)


def test_stated_means_are_those_of_what_is_drawn(verdicts):
    for population in verdicts.populations():
        values = population.draw(np.random.default_rng(1), (400, 1000))
        assert values.max() <= 1
        assert values.mean() == pytest.approx(population.mean, abs=4 * values.std() / np.sqrt(values.size))


def test_a_model_at_its_limit_passes_no_more_often_than_stated_where_the_report_does_not_warn(verdicts, rates):
    """Below 100 patients the report says "approximate where values are skewed": skewed and collapsing drops count from there.

    From 100 on lognormal drops pass too often, too (7.0 % and 6.4 % in 5000 runs); it is warned of in almost all samples.
    """
    allowed = verdicts.allowed(RUNS)
    beyond = {(r.population, r.n) for r in rates if r.false_pass[verdicts.RULE] > allowed}

    assert {name for name, _ in beyond} <= {"5 % of patients lose 0.8", "skewed: lognormal, sigma 1"}, beyond
    assert {name for name, n in beyond if n >= 100} <= {"skewed: lognormal, sigma 1"}, beyond
    for _, n in beyond:
        assert n >= 100 or "approximate" in mean_interval(np.arange(n) / n).warning


@pytest.mark.parametrize("n", [100, 200])
def test_passes_at_the_limit_that_the_report_does_not_warn_of_are_at_most_as_many_as_stated(verdicts, n):
    from scipy.stats import skew

    for population in verdicts.populations():
        values = population.draw(np.random.default_rng(n), (RUNS, n))
        _, high = verdicts.bounds(values, resamples=RESAMPLES)[verdicts.RULE]
        unwarned = np.mean((high < population.mean) & (np.abs(skew(values, axis=1)) <= SKEWED))

        assert unwarned <= verdicts.allowed(RUNS), population.name
        if "lognormal" in population.name:
            assert unwarned <= 0.02


def test_the_report_warns_of_just_the_samples_that_the_study_leaves_out(verdicts):
    from scipy.stats import skew

    for values in drawn(verdicts, 120, runs=20):
        for row in values:
            assert ("approximate" in mean_interval(row, resamples=200).warning) == (abs(skew(row)) > SKEWED)


def test_the_study_can_see_an_interval_that_is_too_narrow(verdicts, rates):
    found = {(r.population, r.n): r.false_pass for r in rates}

    assert found["5 % of patients lose 0.8", 20][verdicts.RULE] > 0.25
    assert found["5 % of patients lose 0.8", 100]["Student's t"] > verdicts.allowed(RUNS)
    assert found["skewed: exponential", 20]["percentile"] > verdicts.allowed(RUNS)


def test_betting_holds_everywhere(verdicts, rates):
    for r in rates:
        for method in (verdicts.BETTING, verdicts.EARLY, verdicts.ENROLLED):
            assert r.false_pass[method] <= verdicts.allowed(RUNS), (r.population, r.n, method)
            assert r.false_fail[method] <= verdicts.allowed(RUNS), (r.population, r.n, method)


def test_a_model_at_its_limit_fails_no_more_often_than_stated(verdicts, rates):
    beyond = {
        (r.population, r.n): r.false_fail[verdicts.RULE]
        for r in rates
        if r.false_fail[verdicts.RULE] > verdicts.allowed(RUNS)
    }
    assert not beyond


def test_a_good_model_passes(verdicts, rates):
    smooth = [r for r in rates if r.population.startswith("smooth") and r.n >= 20]
    assert all(r.power[verdicts.RULE] > 0.9 for r in smooth)
    assert all(r.power[verdicts.BETTING] > 0.9 for r in smooth if r.n >= 100)
    assert all(r.used[verdicts.EARLY] < 0.5 for r in smooth if r.n == 200)


def test_shares_never_pass_more_often_than_stated(verdicts):
    cells = [line.split("|")[2:-1] for line in verdicts.shares(range(5, 200, 13)).splitlines()[2:]]
    for false_pass, false_fail, _, median in cells:
        assert max(float(x) for x in (false_pass, false_fail, median)) <= 5.0
    assert clopper_pearson(59, 59)[0] >= 0.95


def _rows(table):
    return [line.split("|")[1:3] for line in table.splitlines() if line.startswith("|")]


def test_tables_stand_in_the_page_and_can_be_written_anew(verdicts, rates):
    text = verdicts.PAGE.read_text(encoding="utf-8")
    blocks = {"false passes": verdicts.false_passes(rates, RUNS), "other rates": "a", "shares": verdicts.shares()}
    written = text.split("<!-- false passes -->")[1].split("<!-- /false passes -->")[0]

    assert _rows(written) == _rows(blocks["false passes"])  # the figures are those of more runs
    assert verdicts.shares() in text  # exact, so the same everywhere
    assert "a\n\n<!-- /other rates -->" in verdicts.replaced(text, blocks)
    with pytest.raises(ValueError, match="no place for a table"):
        verdicts.replaced("no comments", blocks)
