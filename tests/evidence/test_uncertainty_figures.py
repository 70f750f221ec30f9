"""The figures of uncertainty: every mark lies where its number is, and what cannot be drawn says why."""

from __future__ import annotations

import copy
import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_segrobust.evidence.html.error_scatter import error_scatter
from pytest_segrobust.evidence.html.reliability import reliability
from pytest_segrobust.evidence.html.removal_bars import removal_bars
from pytest_segrobust.evidence.html.risk_coverage import risk_coverage
from pytest_segrobust.evidence.html.uncertainty import uncertainty_part
from pytest_segrobust.evidence.html.voxel_uncertainty import uncertainty_trend, voxel_uncertainty
from pytest_segrobust.evidence.records import CaseResult
from pytest_segrobust.evidence.worst_cases import most_wrong_first, of_all_patients, worst_first
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.requirements import measure as measures
from pytest_segrobust.requirements.requirement import Measure

specification = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("drawn.py"))
drawn = importlib.util.module_from_spec(specification)
specification.loader.exec_module(drawn)
Drawing, NUMBER = drawn.Drawing, drawn.NUMBER

FIGURES = (error_scatter, risk_coverage, reliability, removal_bars, voxel_uncertainty, uncertainty_trend)


def close(found, expected, tolerance: float = 2e-3) -> None:
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=tolerance)


@pytest.fixture
def result(uncertain):
    return uncertain.result()


def test_every_case_lies_at_its_uncertainty_and_its_error(result, uncertain):
    drawing = Drawing(error_scatter(result, prefix="p").svg)
    shown = result.uncertainty
    expected = sorted(
        (c["uncertainty"], c["error"]) for c in shown["scatter"]["cases"] if c["case"] not in uncertain.SILENT
    )

    close(drawing.marks("fill: var(--series-1)"), expected)
    close(
        drawing.marks("fill: none; stroke: var(--muted)"),
        sorted((c["uncertainty"], c["error"]) for c in shown["clean_scatter"]["cases"]),
    )


def test_silent_failures_are_marked_in_a_shaded_quadrant_counted_and_named(result):
    figure = error_scatter(result, prefix="p")
    drawing = Drawing(figure.svg)

    close(drawing.marks("fill: var(--series-2)"), [(0.0, 1.0), (0.019, 0.43), (0.0221, 0.46)])
    shaded = re.search(
        rf'<path d="M {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} [^"]*"[^>]*fill: var\(--series-2\); fill-opacity',
        drawing.text,
    )
    close([drawing.across(float(shaded[5])), drawing.up(float(shaded[4]))], [0.0281, 0.4])
    assert "silent failures: 3" in drawing.texts
    assert "alarm above 0.0281" in drawing.texts
    assert "Silent failures, confident and wrong: 3 of 24 patients" in figure.caption
    assert "1 hippocampus_004, 2 hippocampus_009, 3 hippocampus_013" in figure.caption
    assert "1 hippocampus_004" in drawing.numbers
    assert "Spearman +0.523 of 24 patients" in figure.caption
    silent = [row for row in figure.table.rows if "silent failure" in row[-1]]
    assert [row[0] for row in silent] == ["hippocampus_004", "hippocampus_009", "hippocampus_013"]
    assert silent[0][-1] == "silent failure, crashed: out of memory"


def at(uncertainty: float, error: float, name: str = "c", **more) -> dict:
    return {"case": name, "patient": name, "uncertainty": uncertainty, "error": error, "failure": None, **more}


@pytest.mark.parametrize(
    ("uncertainty", "error", "silent"),
    [(0.1, 0.5, True), (0.1 + 1e-9, 0.5, False), (0.05, 1 - 0.7, False), (0.05, 0.31, True), (0.05, 0.2, False)],
)
def test_silent_is_a_dsc_below_the_stated_one_and_no_more_uncertainty_than_the_alarm(
    uncertain, uncertainty, error, silent
):
    shown = {
        "alarm": 0.1,
        "dsc_below": 0.7,
        "scatter": {"point": "", "cases": [at(uncertainty, error), at(0.3, 0.6, "d")]},
    }
    shown["silent"] = {"count": int(silent), "n": 2}

    assert f"{int(silent)} of 2 patients" in error_scatter(uncertain.result(shown), prefix="p").caption


def test_patients_that_fail_silently_in_some_noise_draw_alone_are_counted_too(uncertain):
    caption = error_scatter(uncertain.result({"silent": {"count": 5, "n": 20}}), prefix="p").caption

    assert "Silent failures in any noise draw: 5 of 20 patients; in the quadrant lie 3: 1 hippo" in caption


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ({"alarm": None, "alarm_rule": "5 clean patients are too few"}, "No quadrant: 5 clean patients are too few."),
        ({"dsc_below": None}, "No quadrant: no DSC below which a case is a failure is stated"),
    ],
)
def test_without_an_alarm_or_a_failure_there_is_no_quadrant_and_no_silent_case(uncertain, missing, why):
    figure = error_scatter(uncertain.result({**missing, "silent": None}), prefix="p")

    assert why in figure.caption
    assert "silent" not in figure.svg
    assert "silent failures" not in figure.caption.lower()
    assert ("alarm above" in figure.svg) == ("dsc_below" in missing)


def test_cases_without_a_label_are_counted_and_not_drawn(uncertain):
    shown = uncertain.uncertainty()
    shown["scatter"]["cases"][0]["error"] = None

    caption = error_scatter(uncertain.result(shown), prefix="p").caption
    assert "of 23 patients" in caption
    assert "1 without a label or a number are not drawn" in caption


def test_many_silent_cases_are_named_up_to_eight_and_all_stand_in_the_table(uncertain):
    cases = [at(0.001 * n, 0.9 - 0.01 * n, f"<b>{n}") for n in range(11)]
    figure = error_scatter(
        uncertain.result({"scatter": {"point": "", "cases": cases}, "silent": {"count": 11, "n": 11}}), prefix="p"
    )

    assert "11 of 11 patients: 1 <b>0, 2 <b>1" in figure.caption
    assert figure.caption.endswith("8 <b>7 and 3 more.")
    assert sum("silent failure" in row[-1] for row in figure.table.rows) == 11
    assert "<b>" not in figure.svg


def test_the_risk_coverage_curve_passes_through_its_numbers(result):
    figure = risk_coverage(result, prefix="p")
    drawing, found = Drawing(figure.svg), result.uncertainty["risk_coverage"]

    close(drawing.marks("fill: var(--series-1)"), sorted(zip(found["coverage"], found["risk"], strict=True)))
    assert any(
        len(path) > 2 and np.allclose(path[-1], (1, found["best"][-1]), atol=2e-3) for path in drawing.lines("series-3")
    )
    close([y for _, y in next(path for path in drawing.lines("ink") if path[0][0] < 0.01)], [found["random"]] * 2)
    for name, key in (("AURC", "aurc"), ("E-AURC", "e_aurc"), ("nAURC", "n_aurc")):
        assert f"{name} {found[key]:+.3f}".replace("+", "") in figure.caption
    assert "Mean error: 4.17 % kept" in drawing.numbers


def test_the_reliability_bars_end_at_the_share_right_over_their_counts(result):
    figure = reliability(result, prefix="p")
    drawing = Drawing(figure.svg)
    rows = [row for row in result.uncertainty["reliability"]["rows"] if row[2]]

    close([(drawing.across(left), drawing.across(right), low, high) for left, right, low, high in drawing.bars("series-1")],
          [(low, high, 0, right) for low, high, _, _, right in rows])  # fmt: skip
    close(drawing.marks("fill: var(--ink)"), [(row[3], row[4]) for row in rows])
    tall = [high for *_, high in bars_in_points(drawing, 1)]
    assert tall == sorted(tall, reverse=True), "more voxels, a higher bar"
    assert len(tall) == len(rows)
    assert f"ECE 0.0412, {sum(row[2] for row in rows)} voxels" in figure.caption
    assert [row[2] for row in figure.table.rows if row[0] == "worst point"] == [str(row[2]) for row in rows]
    assert not any("$" in text for text in drawing.texts)


def bars_in_points(drawing: Drawing, axes: int) -> list[tuple[float, ...]]:
    found = re.findall(
        rf'<path d="M {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} \nL {NUMBER} {NUMBER} \nL [^"]*"[^>]*clip-path[^>]*fill: var\(--series-1\)',
        drawing.text,
    )
    return [
        (b[0], b[2], b[5]) for b in (tuple(map(float, found_bar)) for found_bar in found) if drawing.inside(b[5], axes)
    ]


def test_wrong_and_right_voxels_are_two_lines_and_the_gap_is_said(result):
    figure = voxel_uncertainty(result, prefix="p")
    drawing, rows = Drawing(figure.svg), result.uncertainty["by_severity"]

    close(drawing.marks("fill: var(--series-2)"), [(0.1 * row["severity"], row["wrong"]) for row in rows])
    close(drawing.marks("fill: var(--series-1)"), [(0.1 * row["severity"], row["right"]) for row in rows])
    assert "Gap: clean +0.0600, at severity 1.30 +0.0145; 24 patients at each severity" in figure.caption
    assert "clean: wrong 0.0710, right 0.0110" in drawing.numbers
    assert "claimed range" in drawing.texts


def test_what_is_undefined_at_a_severity_breaks_the_line(uncertain):
    shown = uncertain.uncertainty()
    for row in shown["by_severity"][:3]:
        row["wrong"] = None
    drawing = Drawing(voxel_uncertainty(uncertain.result(shown), prefix="p").svg)

    assert len(drawing.marks("fill: var(--series-2)")) == 4
    assert len(drawing.marks("fill: var(--series-1)")) == 7


def test_removal_is_bars_above_and_below_zero_over_their_price(result):
    figure = removal_bars(result, prefix="p")
    drawing, rows = Drawing(figure.svg), result.uncertainty["by_severity"]
    bars = drawing.bars("series-1")

    close(sorted(high for *_, high in bars), sorted(row["delta_dsc"] for row in rows))
    close([low for _, _, low, _ in bars], [0.0] * len(rows))
    for key, colour in (("removed_right", "series-4"), ("removed_wrong", "series-3")):
        close([high for *_, high in drawing.bars(colour, 1) if high > 0.01], [100 * row[key] for row in rows], 0.1)
    assert "above 0.0312 are removed" in figure.caption
    assert "severity 1.00: change -0.0190, 16.2 % of right and 29.0 % of wrong voxels removed" in drawing.numbers
    assert "clean" in drawing.texts


def test_uncertainty_and_error_share_one_axis_of_severity(result):
    drawing, rows = Drawing(uncertainty_trend(result, prefix="p").svg), result.uncertainty["by_severity"]

    close(drawing.marks("fill: var(--series-1)", 0), [(0.1 * row["severity"], row["uncertainty"]) for row in rows])
    close(drawing.marks("fill: var(--series-2)", 1), [(0.1 * row["severity"], row["error"]) for row in rows])


def test_severities_that_the_curve_does_not_have_are_drawn_as_severities(result):
    drawing = Drawing(voxel_uncertainty(replace(result, curve=[]), prefix="p").svg)

    close(
        [x for x, _ in drawing.marks("fill: var(--series-1)")],
        [row["severity"] for row in result.uncertainty["by_severity"]],
    )


@pytest.mark.parametrize(
    ("draw", "shown", "why"),
    [
        (error_scatter, {"scatter": {"point": "", "cases": []}}, "no case at the worst point"),
        (risk_coverage, {"risk_coverage": {"coverage": [0.5, 1], "risk": [0.2, 0.2], "best": [], "random": 0.2, "aurc": None, "e_aurc": None, "n_aurc": None, "reason": "uncertainty is the same for all 2 cases: it ranks nothing"}}, "the same for all 2 cases"),
        (risk_coverage, {"risk_coverage": {}}, "no patient has an error"),
        (reliability, {"reliability": {"rows": [[0, 1, 0, None, None]], "ece": None, "clean_rows": []}}, "no voxel of the band"),
        (removal_bars, {"by_severity": []}, "at no severity"),
        (voxel_uncertainty, {"by_severity": []}, "no severity has wrong and right voxels"),
        (uncertainty_trend, {"by_severity": []}, "along a line of growing severity"),
    ],
)  # fmt: skip
def test_without_numbers_there_is_a_reason_and_no_empty_plot(uncertain, draw, shown, why):
    figure = draw(uncertain.result(shown), prefix="p")

    assert figure.svg is None
    assert figure.caption.startswith("Not drawn: ")
    assert why in figure.caption
    assert not figure.caption.endswith("..")


def test_an_undefined_area_beside_a_curve_says_why(uncertain):
    shown = uncertain.uncertainty()
    shown["risk_coverage"] |= {"n_aurc": None, "reason": "all 24 cases have the same risk: no order is better"}

    caption = risk_coverage(uncertain.result(shown), prefix="p").caption
    assert "nAURC –" in caption
    assert "all 24 cases have the same risk" in caption


@pytest.mark.parametrize("draw", FIGURES)
def test_the_same_numbers_give_the_same_drawing_and_every_colour_is_the_pages(result, draw):
    first, again = draw(result, prefix="p").svg, draw(copy.deepcopy(result), prefix="p").svg

    assert first == again
    assert "#fe" not in first
    assert 'role="img"' in first
    assert 'aria-describedby="p-numbers"' in first
    assert first.count('id="p-numbers"') == 1


def test_a_part_that_is_not_there_is_a_reason_and_no_error(uncertain):
    part = uncertainty_part(replace(uncertain.result(), uncertainty={"structure": "disc"}), prefix="p")

    assert part["figures"] == []
    assert len(part["not_drawn"]) == len(FIGURES)
    assert uncertainty_part(replace(uncertain.result(), uncertainty=None), prefix="p") is None


def test_the_source_is_told_with_method_passes_map_aggregation_and_threshold(uncertain):
    undrawn = {key: {} for key in ("scatter", "clean_scatter", "risk_coverage", "reliability")} | {"by_severity": []}
    facts = dict(uncertainty_part(uncertain.result(undrawn), prefix="p")["facts"])

    assert facts["source"].startswith("20 passes with dropout switched on")
    assert facts["method"] == "MC dropout, 20 passes"
    assert facts["map"] == "variance of the predicted class"
    assert facts["one number per case"] == "mean over the band round the predicted boundary"
    assert facts["uncertain voxels"].startswith("above 0.0312 (0.95 quantile of right voxels' uncertainty")
    assert facts["alarm"] == "above 0.0281 (0.95 quantile of uncertainty over 24 clean validation cases)"
    assert facts["failure"] == "DSC below 0.6"
    assert (
        "Kendall +0.387; Spearman over severities too +0.611, within patients +0.840" in facts["correlation with error"]
    )


def test_the_most_wrong_cases_are_the_silent_ones_and_then_those_of_the_largest_error(result, uncertain):
    found = most_wrong_first(result)
    errors = {case["case"]: case["error"] for case in result.uncertainty["scatter"]["cases"]}
    rest = [case.case for case, _ in found[3:]]

    assert tuple(case.case for case, _ in found[:3]) == uncertain.SILENT
    assert rest == sorted(rest, key=lambda name: -errors[name])
    assert found[0][1] == "silent failure, error 1.00, uncertainty 0"
    assert most_wrong_first(replace(result, uncertainty=None)) == []


def test_every_sentence_on_all_patients_is_told_from_those_on_cases(uncertain):
    for key, known in MEASURES.items():
        stated = dict.fromkeys(known.needs, 0.2)
        said = uncertain.result(measure=measures.words(Measure(key, **stated)))
        assert of_all_patients(said) == (known.level != "voxels"), key
        assert not of_all_patients(replace(said, uncertainty=None))


def test_equals_among_the_cases_of_a_rate_stand_by_their_error(uncertain):
    names = [case["case"] for case in uncertain.uncertainty()["scatter"]["cases"]]
    cases = [CaseResult(name, name, "anterior", 0.01, 0.02, float(name in uncertain.SILENT)) for name in names]
    rate = uncertain.result(measure="silent failure rate for DSC below 0.6", comparison="below", cases=cases)

    assert [case.case for case in worst_first(rate)] == [case.case for case, _ in most_wrong_first(rate)]


def test_a_threshold_that_removes_nothing_is_no_empty_plot(uncertain):
    shown = uncertain.uncertainty()
    for row in shown["by_severity"]:
        row |= dict.fromkeys(("delta_dsc", "removed_right", "removed_wrong"), 0.0)
    figure = removal_bars(uncertain.result(shown), prefix="p")

    assert figure.svg is None
    assert figure.caption == "Not drawn: no voxel has an uncertainty above 0.0312, nothing is ever removed."
