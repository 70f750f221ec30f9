"""comparison.html: one file, everything escaped, everything named; the terminal shows the same."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from pytest_segrobust.comparison.printed import print_comparison
from pytest_segrobust.evidence.compared import (
    ComparedRequirement,
    ComparedRun,
    ComparisonReport,
    Difference,
    FailureChange,
    Unmatched,
)
from pytest_segrobust.evidence.html.comparison import render_comparison, write_comparison
from pytest_segrobust.evidence.html.difference_forest import REACH, difference_row, place, scale_of

HOSTILE = "<script>alert('x')</script>\x1b[31m$a_1$[bold]"


def run(name: str) -> ComparedRun:
    return ComparedRun(name, f"runs/{name}", "abc", "complete", "2026-01-01T00:00:00+00:00", ["f" * 64], "cpu", "ci")


def difference(estimate: float = 0.01, half: float = 0.005, *, severity: float | None = None, **changed) -> Difference:
    interval = (estimate - half, estimate + half)
    return replace(
        Difference("lung", f"noise(sigma={severity})", "", severity, 20, 0.9, 0.9 - estimate, estimate, interval, "", "", "open"),
        **changed,
    )  # fmt: skip


def requirement(**changed) -> ComparedRequirement:
    made = ComparedRequirement(
        run="new", id="ROB-1", statement="DSC drop under noise with sigma <= 0.1 is below 5 %", metric="DSC", unit="",
        better="higher", confidence=0.95, margin=0.02, shown="open", reason="it is so", old_verdict="passed",
        new_verdict="passed", old_estimate=0.01, new_estimate=0.02, measure="DSC drop",
        differences=[difference(severity=x) for x in (0.0, 0.5, 1.0)],
    )  # fmt: skip
    return replace(made, **changed)


def report(*requirements: ComparedRequirement, **changed) -> ComparisonReport:
    made = ComparisonReport([run("old"), run("new")], {"": 0.02}, list(requirements), n_patients=20, n_cases=20)
    return replace(made, **changed)


def printed(of: ComparisonReport) -> str:
    console = Console(record=True, width=140, file=io.StringIO())
    print_comparison(of, console)
    return console.export_text()


class Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append(tag)
        assert not {"src", "href"} & {name for name, value in attributes if value and value.startswith("http")}


def test_nothing_that_a_name_says_becomes_markup():
    failure = FailureChange(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    hostile = requirement(
        id=HOSTILE, statement=HOSTILE, reason=HOSTILE, metric=HOSTILE, missing=[HOSTILE], notes=[HOSTILE],
        new_failures=[failure], repaired_failures=[failure],
        differences=[difference(severity=x, structure=HOSTILE, point=HOSTILE, warning=HOSTILE) for x in (0.0, 0.5, 1.0)],
    )  # fmt: skip
    made = report(
        hostile, runs=[run(HOSTILE), run("new")], notes=[HOSTILE], unmatched=[Unmatched("new", HOSTILE, HOSTILE, HOSTILE, counts=True)]
    )  # fmt: skip

    page = render_comparison(made)
    parser = Scripts()
    parser.feed(page)

    assert "script" not in parser.tags
    assert "<link" not in page
    assert "alert" in page
    assert "\x1b" not in printed(made)
    assert "[bold]" in printed(made)


def test_the_same_report_gives_the_same_page_and_strict_json(tmp_path):
    made = report(requirement(differences=[difference(float("inf"), interval=None)]), requirement(id="ROB-2"))

    paths = write_comparison(made, tmp_path / "out")

    assert [path.name for path in paths] == ["comparison.json", "comparison.html"]
    assert json.loads(paths[0].read_text())["requirements"][0]["differences"][0]["estimate"] == "inf"
    assert paths[1].read_text() == render_comparison(made)


def test_a_curve_is_drawn_from_three_points_on():
    assert "<figure" in render_comparison(report(requirement()))
    assert "<figure" not in render_comparison(report(requirement(differences=[difference(severity=0.0)])))


def test_all_must_be_shown_before_anything_is_green():
    shown = requirement(shown="non-inferior")
    failure = FailureChange("case", "patient", "lung", "clean", "missed")

    assert report(shown).non_inferior
    assert "decision passed" in render_comparison(report(shown))
    for bad in (
        report(),
        report(shown, requirement()),
        report(requirement(shown="non-inferior", new_failures=[failure])),
        report(requirement(shown="non-inferior", new_verdict="failed")),
        report(shown, unmatched=[Unmatched("new", "X", "", "not there", counts=True)]),
    ):
        assert not bad.non_inferior
        assert "decision passed" not in render_comparison(bad)


def test_new_and_repaired_failures_and_lost_verdicts_are_named():
    fresh, gone = (FailureChange(name, name, "lung", "clean", "missed") for name in ("case_new", "case_gone"))
    made = report(requirement(new_failures=[fresh], repaired_failures=[gone], new_verdict="failed"))

    page, text = render_comparison(made), printed(made)

    for words in (page, text):
        assert "case_new" in words
        assert "case_gone" in words
    assert "passed → <b>failed</b>" in page
    assert "passed → failed" in text


def test_without_a_margin_it_says_so():
    made = report(requirement(margin=None), margins={})

    assert "No margin was stated" in render_comparison(made)
    assert "no margin was stated" in printed(made)


def test_of_several_models_each_has_its_rows():
    made = report(
        requirement(run="b", shown="non-inferior", named=False),
        requirement(run="c"),
        runs=[run("a"), run("b"), run("c")],
    )

    page = render_comparison(made)

    assert "b against a" in page
    assert "c against a" in page
    assert "not if it is named alone" in page
    assert "non-inferior*" in printed(made)


def test_the_forest_is_in_margins_and_says_what_lies_outside():
    row = difference_row(difference(0.01, 0.1), scale_of([difference()], 0.02))

    assert row.estimate == place(0.5)
    assert row.beyond_low
    assert row.beyond_high
    assert row.bar == (place(-REACH), place(REACH))
    assert scale_of([difference(0.01, 0.005)], None) == pytest.approx(0.0075)
    assert scale_of([difference(0.0, 0.0)], None) == 1.0
