"""What cannot be meant is refused, with the word that was probably meant."""

from __future__ import annotations

import math

import pytest

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.checks import checked
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize(
    ("name", "on", "parameters", "message"),
    [
        (
            "gausian noise",
            None,
            {"sigma": 1},
            "there is no perturbation 'gausian noise': did you mean 'gaussian noise'?",
        ),
        ("zzz", None, {}, "there is no perturbation 'zzz': there are acoustic shadow, apgd, axis swap,"),
        ("gaussian noise", None, {"sgima": 1}, "gaussian noise has no parameter 'sgima': did you mean 'sigma'?"),
        ("gaussian noise", None, {"q": 1}, "gaussian noise has no parameter 'q': there are absolute_sigma, sigma, snr"),
        (
            "gaussian noise",
            None,
            {"sigma": 1, "snr": 3},
            "gaussian noise needs exactly sigma, or snr, or absolute_sigma; sigma and snr was stated",
        ),
        (
            "gaussian noise",
            None,
            {},
            "gaussian noise needs exactly sigma, or snr, or absolute_sigma; nothing was stated",
        ),
        ("gaussian noise", None, {"sigma": -0.1}, "gaussian noise: sigma=-0.1 is impossible; it lies between 0 and 10"),
        ("gaussian noise", None, {"snr": -30}, "snr=-30 dB is impossible; it lies between -20 and inf dB"),
        ("gaussian blur", None, {"sigma": 51}, "sigma=51 mm is impossible; it lies between 0 and 50 mm"),
        ("gamma", None, {"gamma": math.nan}, "gamma: gamma must be a number, not nan"),
        ("gamma", None, {"gamma": "two"}, "gamma: gamma must be a number, not 'two'"),
        ("flip", None, {"axis": "leftright"}, "flip: axis cannot be 'leftright': did you mean 'left-right'?"),
        ("flip", None, {"axis": 1}, "flip: axis cannot be 1.0: there are anterior-posterior,"),
        ("flip", "tumour", {"axis": "rows"}, "flip acts on whole images, leave out on='tumour'"),
    ],
)
def test_a_step_that_means_nothing_says_what_could_stand_there(name, on, parameters, message):
    with pytest.raises(PerturbationError) as caught:
        checked(Point.of(name, on=on, **parameters).steps[0])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_ends_of_what_is_possible_are_possible():
    for parameters in ({"sigma": 0}, {"sigma": 10}, {"snr": -20}, {"snr": math.inf}):
        assert checked(Point.of("gaussian noise", on="tumour", **parameters).steps[0]).name == "gaussian noise"
