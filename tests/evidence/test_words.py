"""A result in JUnit and in the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.junit import properties
from pytest_segrobust.evidence.records import BreakingPoint, GrossFailures, RequirementResult
from pytest_segrobust.evidence.terminal import approximate_line, failure_text, summary_lines
from pytest_segrobust.verification.statistics import mean_interval

if TYPE_CHECKING:
    from pytest_segrobust.evidence.store import Store

RESULT = RequirementResult("R", "s", "failed", measure="DSC", estimate=0.5, interval=(0.4, 0.6), limit=0.55)


@pytest.mark.parametrize(
    ("comparison", "interval", "bound"),
    [
        ("below", (0.1, 0.2), 0.2),
        ("at most", (0.1, 0.2), 0.2),
        ("above", (0.1, 0.2), 0.1),
        ("at least", (0.1, 0.2), 0.1),
        ("within", (-0.3, 0.2), -0.3),
        ("within", (-0.1, 0.2), 0.2),
        ("below", None, None),
    ],
)
def test_the_deciding_bound_is_the_unfavourable_one(comparison, interval, bound):
    assert words.deciding_bound(replace(RESULT, comparison=comparison, interval=interval)) == bound


def test_within_keeps_both_bounds_on_their_side_of_either_limit():
    inside = replace(RESULT, comparison="within", limit=0.05, estimate=0.0, interval=(-0.049996, 0.049996))
    low, high = (float(part) for part in words.interval(inside).strip("[]").split(", "))

    assert -0.05 < low < high < 0.05


def test_zero_failures_of_59_patients_rule_out_five_percent():
    assert words.rules_out(59, 0.95) <= 0.05 < words.rules_out(58, 0.95)  # the 95/95 rule: n = 59
    assert words.rules_out(0, 0.95) == 1


def test_a_breaking_point_without_words_is_put_into_words():
    steps = [{"perturbation": "gaussian noise", "parameters": {"sigma": 0.13}, "on": "tumour"}]

    assert words.breaking_point(BreakingPoint(0.4, steps)) == "breaks at gaussian noise(sigma=0.13) on tumour"
    assert words.breaking_point(BreakingPoint(None, None, held_to=steps)).startswith(
        "held to gaussian noise(sigma=0.13)"
    )


def test_junit_properties_are_neutral_keys_with_texts(synthetic_store: Store):
    run = synthetic_store.run()
    for result in synthetic_store.results().values():
        pairs = properties(result, run)
        assert all(type(key) is str and type(value) is str and key.startswith("segrobust.") for key, value in pairs)

    found = dict(properties(synthetic_store.results()["ROB-002"], run))
    assert found["segrobust.req"] == "ROB-002"
    assert found["segrobust.verdict"] == "failed"
    assert found["segrobust.estimate"] == "0.0934"
    assert found["segrobust.bound"] == "0.1213"
    assert found["segrobust.limit"] == "0.05"
    assert found["segrobust.n"] == "24"
    assert found["segrobust.risks"] == "H-3, H-7"
    assert found["segrobust.spec_sha256"] == "a" * 64
    assert found["segrobust.model_sha256"] == "b" * 64


def test_junit_properties_of_a_run_without_hashes_are_empty_texts():
    found = dict(properties(replace(RESULT, estimate=None, interval=None), {}))

    assert found["segrobust.spec_sha256"] == found["segrobust.model_sha256"] == found["segrobust.bound"] == ""


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_the_summary_fits_and_never_cuts_an_id_a_verdict_or_a_number(synthetic_store: Store, width):
    results = synthetic_store.results()
    lines = summary_lines(results, width=width)

    assert len(lines) == 2 + len(results)
    for result, line in zip(results.values(), lines[2:], strict=True):
        assert line.startswith(result.id)
        assert result.verdict.replace("_", " ").upper() in line
        if result.estimate is not None:
            assert words.interval(result) in line
    if width >= 80:
        assert max(map(len, lines)) <= width


def test_below_the_table_stand_the_caveats_of_what_passed_in_full():
    caveats = ["organ: 3 cases are not in its n (no label): a, b, c", "8 of the domain's 32 corners were measured"]

    def lines(verdict, **search):
        found = RequirementResult("ROB-7", "s", verdict, search=search, warnings=[*caveats, "of every small sample"])
        return summary_lines([found], width=60)[3:]

    said = lines("passed", caveats=caveats)
    assert " ".join(line.strip() for line in said) == f"ROB-7: passed, but {'; '.join(caveats)}"
    assert max(map(len, said)) <= 60
    assert lines("passed", caveats=[]) == lines("passed") == lines("failed", caveats=caveats) == []


def test_the_summary_takes_any_iterable_and_nothing_gives_nothing(synthetic_store: Store):
    results = synthetic_store.results()

    assert summary_lines(iter(results.values()), width=100) == summary_lines(results, width=100)
    assert summary_lines([], width=100) == []


def test_a_wide_summary_shows_the_worst_point(synthetic_store: Store):
    assert any(
        "gaussian noise(sigma=0.1), structure anterior" in line
        for line in summary_lines(synthetic_store.results(), width=200)
    )


def test_the_failure_says_all_that_a_reader_needs(synthetic_store: Store):
    text = failure_text(synthetic_store.results()["ROB-002"])

    for part in (
        "ROB-002: DSC drop of posterior under rician noise with sigma <= 0.2 is below 5 %",
        "FAILED: L = 0.0712 lies beyond the limit of 0.05",
        "DSC drop = 0.0934 [0.0712, 0.122] (24 patients, one-sided 95 %)",
        "limit:           below 0.05",
        "2 of 24 patients (at most 24.1 % with 95 % confidence)",
        "hippocampus_004 (missed)",
        "rician noise(sigma=0.2), structure posterior",
        "breaks at sigma = 0.124 [0.110, 0.140]",
        "replay: segrobust replay segrobust-report ROB-002",
    ):
        assert part in text, part
    assert max(map(len, text.splitlines())) <= 110


def test_only_five_failed_cases_are_named():
    cases = [{"case": f"c{n}", "structure": "s", "point": "p", "failure": "NaN"} for n in range(8)]
    text = failure_text(replace(RESULT, gross_failures=GrossFailures(8, 10, 0.96, cases)))

    assert "c4 (NaN)" in text
    assert "c5" not in text
    assert "and 3 more, in the report" in text


@pytest.mark.parametrize("verdict", ["not_run", "invalid", "not_evaluable", "inconclusive"])
def test_a_result_without_numbers_still_says_why(verdict):
    text = failure_text(RequirementResult("R", "s", verdict))

    assert verdict.replace("_", " ").upper() + ": " in text
    assert "estimate" not in text


@pytest.mark.parametrize(
    ("measure", "estimate", "interval", "limit", "text"),
    [
        ("Spearman correlation with error", 0.523, (0.238, 0.7412), 0.4, "+0.523 [+0.238, +0.742]"),
        ("Kendall correlation with error across severities", -0.2, (-0.31, 0.012), 0.0, "-0.200 [-0.310, +0.0120]"),
        ("DSC gained by removing uncertain voxels", 0.0, (-0.01, 0.02), 0.0, "0 [-0.0100, +0.0200]"),
        ("nAURC", 0.39996, (0.31, 0.5), 0.4, "+0.399 [+0.310, +0.500]"),
        ("AURC", 0.121, (0.1, 0.14), 0.2, "0.121 [0.100, 0.140]"),
        ("silent failure rate", 0.04, (0.0, 0.11), 0.1, "0.0400 [0, 0.110]"),
        ("ECE", 0.041, (0.03, 0.05), 0.1, "0.0410 [0.0300, 0.0500]"),
        ("volume bias", 0.041, (0.03, 0.05), 0.1, "0.0410 [0.0300, 0.0500]"),
    ],
)
def test_measures_of_uncertainty_have_three_digits_and_a_sign_where_zero_knows_nothing(
    measure, estimate, interval, limit, text
):
    found = replace(RESULT, measure=measure, estimate=estimate, interval=interval, limit=limit, comparison="above")

    assert f"{words.estimate(found)} {words.interval(found)}" == text
    assert any(text in line for line in summary_lines([found], width=100))
    assert f"{measure} = {text}" in failure_text(found)


def test_the_measures_printed_with_a_sign_are_those_that_know_nothing_at_zero():
    from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES

    for measure in MEASURES.values():
        both_sides = measure.no_information == 0 and measure.lowest != 0
        found = replace(RESULT, measure=measure.name, estimate=0.5, limit=None)
        assert words.estimate(found).startswith("+") == both_sides, measure.key


def test_passes_on_few_patients_are_told_on_the_terminal_in_one_line_and_no_others():
    """A pass at the limit may be more frequent than stated there; who reads a green terminal alone must see it."""
    warning = mean_interval(np.arange(20) / 100).warning
    few, failed = (_passing(id_, verdict, [warning]) for id_, verdict in (("R-1", "passed"), ("R-2", "failed")))
    said = replace(_passing("R-3", "passed", [warning]), search={"caveats": [warning]})
    many = _passing("R-4", "passed", [mean_interval(np.random.default_rng(0).normal(0, 1, 200)).warning])

    assert approximate_line([few, failed, said, many]).startswith("few patients: the interval of a mean is approximate")
    assert "in R-1; the report says how" in approximate_line([few, failed, said, many])
    assert approximate_line([failed, said, many]) == ""


def _passing(id_, verdict, warnings):
    return RequirementResult(id=id_, statement="", verdict=verdict, warnings=warnings)
