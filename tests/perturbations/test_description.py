"""What the catalogue says of itself: everything in it, with units, ranges and flags, in every form."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from pytest_segrobust.cli import main
from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations import description
from pytest_segrobust.perturbations.catalogue import Parameter, catalogue
from pytest_segrobust.perturbations.checks import named


def said(*words: str) -> str:
    outcome = CliRunner().invoke(main, ["perturbations", *words])
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def test_every_perturbation_stands_under_one_heading_in_every_form():
    names = sorted(catalogue())
    assert sorted(p.name for found in description.by_room().values() for p in found) == names
    assert [entry["name"] for entry in json.loads(said("--format", "json"))] == names
    headings = [line[4:] for line in said("--format", "markdown").splitlines() if line.startswith("### ")]
    assert sorted(headings) == names
    assert all(f"  {name} " in said() for name in names)


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_one_perturbation_says_all_its_units_ranges_and_sources(name):
    words = said(*name.split())
    perturbation = catalogue()[name]
    assert perturbation.summary in words
    assert all(modality in words for modality in perturbation.modalities)
    for key, parameter in perturbation.parameters.items():
        assert f"{key}: {parameter.meaning}" in words
        if isinstance(parameter, Parameter):
            assert parameter.source in words
            assert parameter.unit in words
    assert ("labels move along" in words) == perturbation.moves_labels
    assert ("differentiable" in words) == perturbation.differentiable or "differentiable" in perturbation.summary


def test_one_perturbation_in_every_form():
    [entry] = json.loads(said("gamma", "--format", "json"))
    assert entry["name"] == "gamma"
    page = said("gamma", "--format", "markdown")
    assert page.startswith("### gamma")
    assert page.count("###") == 1


def test_a_synonym_and_any_spelling_find_the_perturbation():
    for words in ("blur", "Gaussian-Blur", "gaussian_blur"):
        assert named(words).name == "gaussian blur"


def test_an_unknown_name_is_an_error_with_the_nearest():
    with pytest.raises(PerturbationError, match="did you mean 'gaussian noise'"):
        named("gausian noise")
    outcome = CliRunner().invoke(main, ["perturbations", "nonsense"])
    assert outcome.exit_code == 1
    assert "there is no perturbation 'nonsense'" in outcome.output
    assert "Traceback" not in outcome.output


def test_infinite_values_are_json(tmp_path):
    entries = json.loads(said("--format", "json"), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    snr = next(entry for entry in entries if entry["name"] == "gaussian noise")["parameters"]["snr"]
    assert snr["identity"] == "inf"
    assert snr["plausible"] == [15.0, "inf"]
