"""What every perturbation must say of itself."""

from __future__ import annotations

import math
import pkgutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust import perturbations
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, Perturbation, catalogue, declare

PARAMETERS = [
    pytest.param(parameter, id=f"{name}-{parameter.name}")
    for name, perturbation in catalogue().items()
    for parameter in perturbation.parameters.values()
    if isinstance(parameter, Parameter)
]
PHYSICAL = [parameter for parameter in PARAMETERS if not catalogue()[parameter.id.rsplit("-", 1)[0]].attack]


def test_reading_the_catalogue_imports_nothing_heavy():
    script = (
        "import sys; from pytest_segrobust import perturbations as p; from pytest_segrobust.perturbations.catalogue import catalogue;"
        "catalogue(); p.gaussian_noise(sigma=0.1); p.towards_identity(p.gamma(gamma=2), 0.5);"
        "import pytest_segrobust.perturbations.application;"
        "print({'torch', 'numpy', 'scipy', 'monai', 'nibabel', 'matplotlib', 'hypothesis', 'pytest'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "set()"


def test_the_names_that_sentences_use_are_there():
    said = {name: sorted(perturbation.parameters) for name, perturbation in catalogue().items()}
    expected = {
        "gaussian noise": ["absolute_sigma", "sigma", "snr"],
        "rician noise": ["absolute_sigma", "relative_sigma", "sigma", "snr"],
        "poisson noise": ["photons", "snr"],
        "speckle noise": ["sigma", "snr"],
        "salt and pepper noise": ["density", "snr"],
        "quantisation": ["levels"],
        "log compressed speckle": ["sigma", "snr", "speckle_size"],
        "acoustic shadow": ["attenuation", "width"],
        "gain": ["gain"],
        "time gain error": ["gain"],
        "gamma": ["gamma"],
        "brightness": ["factor", "shift"],
        "contrast": ["factor"],
        "gaussian blur": ["sigma"],
        "flip": ["axis"],
        "axis swap": ["axes"],
    }
    assert expected.items() <= said.items()
    assert "blur" in catalogue()["gaussian blur"].synonyms


@pytest.mark.parametrize("perturbation", catalogue().values(), ids=list(catalogue()))
def test_a_perturbation_explains_itself(perturbation):
    assert perturbation.summary.endswith(".")
    assert perturbation.source
    assert perturbation.identifier.isidentifier()
    assert all(parameter.meaning for parameter in perturbation.parameters.values())
    assert all(group for group in perturbation.alternatives)
    assert all(
        len(set(p.options)) == len(p.options) > 1 for p in perturbation.parameters.values() if isinstance(p, Choice)
    )


@pytest.mark.parametrize("parameter", PHYSICAL)  # how strong an adversary is, no clinic can say
def test_a_parameter_has_a_plausible_range_with_a_source_inside_what_is_possible(parameter):
    low, high = parameter.plausible
    assert parameter.source
    assert parameter.lowest <= low < high <= parameter.highest
    assert low <= parameter.identity <= high
    assert parameter.scale != "log" or parameter.lowest > 0


@pytest.mark.parametrize("parameter", PARAMETERS)
@given(data=st.data())
def test_the_severity_coordinate_runs_one_way_and_back(parameter, data):
    first, second = (
        data.draw(st.floats(parameter.lowest, min(parameter.highest, 1e3)), label=word) for word in ("first", "second")
    )
    a, b = parameter.to_coordinate(first), parameter.to_coordinate(second)
    assert parameter.from_coordinate(a) == pytest.approx(first, rel=1e-9, abs=1e-9)
    rising = 1 if parameter.scale in ("linear", "log") else -1
    assert (a - b) * rising * (first - second) >= 0


def test_decibels_run_in_amplitude_from_no_noise_at_all():
    snr = catalogue()["gaussian noise"].parameters["snr"]
    assert snr.to_coordinate(math.inf) == 0
    assert snr.to_coordinate(20) == pytest.approx(0.1)
    assert snr.from_coordinate(0) == math.inf
    assert snr.from_coordinate(0.05) == pytest.approx(26.0206, abs=1e-4)


def test_coordinates_beyond_the_possible_come_back_to_it():
    gamma = catalogue()["gamma"].parameters["gamma"]
    assert gamma.from_coordinate(100) == gamma.highest
    assert gamma.from_coordinate(gamma.to_coordinate(gamma.highest)) <= gamma.highest


def test_no_name_or_synonym_hides_a_module_of_the_package():
    modules = {module.name for module in pkgutil.iter_modules(perturbations.__path__)}
    words = {word for p in catalogue().values() for word in (p.name, *p.synonyms)}
    assert not modules & {word.replace(" ", "_").replace("-", "_") for word in words}


@pytest.mark.parametrize(("name", "synonyms"), [("gamma", ()), ("smear", ("blur",)), ("blur", ())])
def test_a_word_cannot_be_declared_twice(name, synonyms):
    with pytest.raises(ValueError, match="declared twice"):
        declare(Perturbation(name, "Nothing.", ((),), apply=print, synonyms=synonyms))
