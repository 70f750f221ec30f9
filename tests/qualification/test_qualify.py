"""The whole qualification, its form, and the command: as expected here, and not where something is broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_segrobust.cli import main
from pytest_segrobust.metrics import scoring
from pytest_segrobust.qualification import qualify as room
from pytest_segrobust.qualification.check import Planned, at_most, holds, made, number
from pytest_segrobust.qualification.form import form
from pytest_segrobust.qualification.qualify import Qualification, qualify

FEW = ["I-torch", "M-SHIFT-dsc", "P-SIGMA-0.1", "V-below-strict", "D-MIRRORED", "D-RANDOM-CLOCK"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, str]:
    """The command, once, with all of its checks: its output folder and what it printed."""
    folder = tmp_path_factory.mktemp("qualified")
    result = CliRunner().invoke(main, ["qualify", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_here_everything_is_as_expected(whole) -> None:
    found = json.loads((whole[0] / "qualification.json").read_text())

    assert found["passed"]
    assert not [check for check in found["checks"] if not check["passed"]]
    assert len({check["id"] for check in found["checks"]}) == len(found["checks"]) > 200
    assert list(dict.fromkeys(check["part"].split(":")[0] for check in found["checks"])) == [
        "IQ", "OQ 1", "OQ 2", "OQ 3", "OQ 4",
    ]  # fmt: skip


def test_every_defect_names_what_judges_it(whole) -> None:
    checks = json.loads((whole[0] / "qualification.json").read_text())["checks"]
    assert all(check["caught_by"] for check in checks if check["id"].startswith(("D-", "U-", "H-")))
    assert all(check["purpose"] and check["expected"] and check["found"] for check in checks)


def test_the_form_has_every_check_and_is_not_signed(whole) -> None:
    folder, printed = whole
    text = (folder / "qualification.md").read_text()
    plain = json.loads((folder / "qualification.json").read_text())

    assert all(f"| {check['id']} |" in text for check in plain["checks"])
    assert plain["machine"]["tool_source_sha256"] in text
    assert f"torch {plain['machine']['packages']['torch']}" in text
    assert "| Performed by | | | | |" in text
    assert "is not signed" in text
    assert "**as expected**" in text
    assert "as expected" in printed.splitlines()[-3]


def test_the_same_seed_gives_the_same_checks() -> None:
    one, other = (qualify(seed=3, only=FEW) for _ in range(2))

    assert one.passed
    assert [check.id for check in one.checks] == FEW
    assert one.checks == other.checks
    assert form(replace(one, started="", machine={})) == form(replace(other, started="", machine={}))


def test_something_broken_ends_in_exit_code_1_and_is_named(tmp_path: Path, monkeypatch) -> None:
    dsc = scoring.OVERLAPS["dsc"]
    monkeypatch.setitem(scoring.OVERLAPS, "dsc", lambda counts: 1 - dsc(counts))
    monkeypatch.setattr(room, "qualify", lambda *, seed: qualify(seed=seed, only=FEW))

    result = CliRunner().invoke(main, ["qualify", "--output", str(tmp_path)])

    assert result.exit_code == 1
    assert "not as expected: M-SHIFT-dsc, D-MIRRORED; do not rely on this installation" in result.output
    text = (tmp_path / "qualification.md").read_text()
    assert "**NOT as expected**" in text
    assert text.count("**FAIL**") == 2


def test_nothing_checked_is_not_as_expected() -> None:
    assert not Qualification(0, ()).passed


def test_a_check_that_raises_has_not_passed_and_says_what() -> None:
    (check,) = made("part", [holds("A", "", "", lambda: bool(1 / 0))])
    assert not check.passed
    assert check.found == "raised ZeroDivisionError: division by zero"


@pytest.mark.parametrize(("value", "passed"), [(1.0, True), (1.1, True), (1.11, False), (float("nan"), False)])
def test_a_number_is_within_its_tolerance_or_not(value: float, passed: bool) -> None:
    (check,) = made("part", [number("A", "", 1.0, lambda: value, 0.1 + 1e-12)])
    assert check.passed == passed


@pytest.mark.parametrize(("value", "passed"), [(0.0, False), (0.5, True), (1.0, True), (1.01, False), (float("nan"), False)])  # fmt: skip
def test_a_limit_has_two_ends_where_nothing_would_mean_nothing(value: float, passed: bool) -> None:
    (check,) = made("part", [at_most("A", "", 1.0, lambda: value, above=0.0)])
    assert check.passed == passed


def test_what_stands_between_bars_cannot_break_the_form() -> None:
    (check,) = made("part", [Planned("A", "one | two\nthree", "", lambda: ("", True))])
    assert "| A | one \\| two three |" in form(Qualification(0, (check,)))
