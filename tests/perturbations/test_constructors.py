"""Every perturbation is a function of the package."""

from __future__ import annotations

import pytest

from pytest_segrobust import perturbations
from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.catalogue import catalogue
from pytest_segrobust.perturbations.point import Point


def test_a_constructor_gives_the_point():
    assert perturbations.gaussian_noise(sigma=0.1, on="tumour") == Point.of("gaussian noise", sigma=0.1, on="tumour")
    assert perturbations.flip(axis="left-right") == Point.of("flip", axis="left-right")
    both = perturbations.gamma(gamma=0.8) | perturbations.rician_noise(snr=20)
    assert str(both) == "gamma(gamma=0.8) | rician noise(snr=20)"


def test_every_name_and_synonym_is_a_constructor_of_the_named_perturbation():
    for perturbation in catalogue().values():
        for word in (perturbation.name, *perturbation.synonyms):
            name = word.replace(" ", "_").replace("-", "_")
            if not name.isidentifier():  # "salt & pepper noise" can be said in sentences alone
                assert name not in dir(perturbations)
                continue
            construct = getattr(perturbations, name)
            assert name in dir(perturbations)
            assert construct.__name__ == perturbation.identifier
            assert perturbation.summary in construct.__doc__
            assert all(name in construct.__doc__ for name in perturbation.parameters)
    assert perturbations.blur(sigma=1) == Point.of("gaussian blur", sigma=1)


def test_wrong_parameters_are_refused_when_the_point_is_written():
    with pytest.raises(PerturbationError, match="did you mean 'sigma'"):
        perturbations.gaussian_noise(sgima=0.1)
    with pytest.raises(PerturbationError, match="impossible"):
        perturbations.gamma(gamma=0)


def test_an_unknown_name_is_an_attribute_error_with_the_nearest_name():
    with pytest.raises(AttributeError, match="no perturbation 'gausian_noise': did you mean 'gaussian_noise'"):
        perturbations.gausian_noise(sigma=1)
    assert not hasattr(perturbations, "_hidden")
    assert not hasattr(perturbations, "nothing_like_it")
