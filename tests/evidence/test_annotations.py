"""Workflow commands: at the requirement's line, as pressing as the verdict, and nothing in them ends the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_segrobust.evidence.annotations import Place, annotation_lines, place_of
from pytest_segrobust.evidence.records import RequirementResult


def result(verdict: str, identifier: str = "R", **values) -> RequirementResult:
    return RequirementResult(identifier, "the statement", verdict, reason="the reason", **values)


@pytest.mark.parametrize("verdict", ["failed", "inconclusive", "not_run", "invalid", "not_evaluable"])
def test_what_gates_and_is_not_passed_is_an_error_at_its_line(verdict):
    (line,) = annotation_lines([result(verdict)], {"R": Place("specs/segrobust.toml", 12)})

    assert line.startswith(
        f"::error file=specs/segrobust.toml,line=12,title=R {verdict.replace('_', ' ')}::the statement%0A"
    )
    assert line.endswith("the reason")


def test_a_stress_test_that_does_not_gate_is_a_warning():
    (line,) = annotation_lines([result("failed", tier="stress", gates=False)])

    assert line.startswith("::warning title=R failed (stress%2C does not gate)::")


def test_what_passed_is_silent_unless_it_has_a_caveat():
    assert annotation_lines([result("passed")]) == []
    (line,) = annotation_lines([result("passed", search={"caveats": ["3 cases are not in its n"]})])
    assert line == "::warning title=R passed::passed, but 3 cases are not in its n"


def test_the_numbers_stand_in_the_message():
    found = result(
        "inconclusive", measure="HD95 increase", unit="mm", estimate=0.9, interval=(0.7, 1.13), limit=1.0, comparison="below", n_patients=24
    )  # fmt: skip

    assert (
        "HD95 increase 0.900 [0.700, 1.13] mm, limit below 1 mm, 24 patients%0Athe reason"
        in annotation_lines([found])[0]
    )


def test_nothing_in_a_text_ends_the_command_or_begins_another():
    hostile = "a\n::set-output name=x::y\r\n%0A::error,file=b:c"
    lines = annotation_lines(
        [RequirementResult(hostile, hostile, "failed", reason=hostile)], {hostile: Place(hostile, 1)}
    )

    (line,) = lines
    assert "\n" not in line
    assert "\r" not in line
    head, _, message = line.removeprefix("::error ").partition("::")
    assert head.count(",") == 2
    assert head.count("=") == 3 + 2 * 2, "its own three, and those of the texts"
    assert "%250A" in message, "what looks like an escaped line end was a text"


def test_github_shows_ten_of_a_kind_so_the_tenth_counts_the_rest():
    lines = annotation_lines(
        [
            *(result("passed", f"P{n}") for n in range(3)),
            *(result("inconclusive", f"I{n}") for n in range(12)),
            result("failed", "F"),
        ]
    )

    assert len(lines) == 10
    assert "title=F failed" in lines[0], "the most pressing first"
    assert "title=and 4 more" in lines[-1]


def test_a_file_is_named_from_the_workspace(tmp_path: Path):
    assert place_of(tmp_path / "a" / "segrobust.toml", 3, str(tmp_path)) == Place("a/segrobust.toml", 3)
    assert place_of(Path("/elsewhere/segrobust.toml"), 3, str(tmp_path)) == Place("segrobust.toml", 3), (
        "no path of a machine"
    )
