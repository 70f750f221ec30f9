"""The files for CI systems can be parsed, and name options, commands and files that exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from pytest_segrobust.cli import main
from pytest_segrobust.evidence.formats import named_formats
from pytest_segrobust.options import JUNIT_PROFILES, PROFILES

FOLDER = Path(__file__).parents[2] / "examples" / "ci"
FILES = sorted(FOLDER.glob("*.yml"))

specification = importlib.util.spec_from_file_location("plain_yaml", Path(__file__).with_name("plain_yaml.py"))
plain_yaml = importlib.util.module_from_spec(specification)
sys.modules["plain_yaml"] = plain_yaml
specification.loader.exec_module(plain_yaml)


def parsed(name: str) -> dict[str, Any]:
    return plain_yaml.parse((FOLDER / name).read_text(encoding="utf-8"))


def shell_lines(value: Any) -> list[str]:
    """Every script in a file, whatever it stands under."""
    if isinstance(value, dict):
        return [
            line
            for key, item in value.items()
            for line in (
                [item]
                if key == "run"
                else [text for text in item if isinstance(text, str)]
                if key in ("script", "before_script", "after_script")
                else shell_lines(item)
            )
        ]
    return [line for item in value for line in shell_lines(item)] if isinstance(value, list) else []


@pytest.fixture(scope="module")
def options() -> set[str]:
    """The options of `pytest --segrobust-...`, as pytest itself has them."""
    from _pytest.config.argparsing import Parser

    from pytest_segrobust import options as declared

    parser = Parser(_ispytest=True)
    declared.add(parser)
    return {name for group in parser._groups for option in group.options for name in option.names()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_file_parses_and_so_says_the_real_parser_where_it_is_installed(path: Path):
    found = plain_yaml.parse(path.read_text(encoding="utf-8"))

    assert isinstance(found, dict)
    assert found
    yaml = sys.modules.get("yaml") or (importlib.util.find_spec("yaml") and importlib.import_module("yaml"))
    if yaml:
        real = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        assert real == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_option_of_pytest_and_every_command_exists(path: Path, options: set[str]):
    text = path.read_text(encoding="utf-8")

    assert set(re.findall(r"--segrobust-[a-z-]+", text)) <= options
    for line in "\n".join(shell_lines(parsed(path.name))).splitlines():
        if not line.startswith("segrobust "):
            continue
        words = shlex.split(line)
        command = main.commands[words[1]]
        flags = {flag for option in command.params if isinstance(option, click.Option) for flag in option.opts}
        assert {word for word in words if word.startswith("-")} <= flags
        assert named_formats(words[words.index("--format") + 1]) == ["html", "pdf", "csv"]


def test_the_scripts_run_pytest_and_render_the_report_in_any_case():
    for name in ("action.yml", "gitlab.yml"):
        scripts = "\n".join(shell_lines(parsed(name)))
        assert re.search(r"python -m pytest \S+", scripts), name
        assert "segrobust report" in scripts, name
        assert "--junitxml=" in scripts, name


def test_the_workflow_uses_the_inputs_of_the_action_and_keeps_evidence_of_red_runs():
    action, workflow = parsed("action.yml"), parsed("github.yml")
    steps = workflow["jobs"]["robustness"]["steps"]
    (used,) = [step for step in steps if step.get("uses", "").endswith("segrobust")]

    assert set(used["with"]) <= set(action["inputs"])
    required = {name for name, entry in action["inputs"].items() if entry.get("required") == "true"}
    assert required <= set(used["with"])
    assert all("description" in entry for entry in action["inputs"].values())
    kept = action["runs"]["steps"][-1]
    assert kept["uses"].startswith("actions/upload-artifact@")
    assert kept["if"] == "always()"
    assert parsed("gitlab.yml")["robustness"]["artifacts"]["when"] == "always"
    assert any("cache" in step.get("uses", "") for step in steps)
    assert parsed("gitlab.yml")["robustness"]["cache"]


def test_no_input_is_spliced_into_a_script():
    for path in FILES:
        assert not [line for line in shell_lines(parsed(path.name)) if "${{" in line], path.name


def test_profiles_are_those_that_there_are():
    action = parsed("action.yml")["inputs"]

    assert action["profile"]["default"] in PROFILES
    assert action["junit-profile"]["default"] in JUNIT_PROFILES
    assert parsed("gitlab.yml")["variables"]["SEGROBUST_PROFILE"] in PROFILES
    assert set(re.findall(r"'(evidence|ci|smoke)'", (FOLDER / "github.yml").read_text())) <= set(PROFILES)
