from __future__ import annotations

import pytest

from pytest_segrobust.requirements.cautions import cautions, not_in_hounsfield_units
from pytest_segrobust.requirements.sentence import parse
from pytest_segrobust.requirements.settings import DataSettings, Percentiles, Window

STRUCTURES = ("anterior", "posterior")
FLIP = "under flip is below 5 %"


@pytest.mark.parametrize(
    ("sentences", "named"),
    [
        ([f"DSC drop {FLIP}"], "anterior, posterior:"),
        ([f"DSC drop of posterior {FLIP}"], "posterior:"),
        ([f"DSC drop {FLIP}", "DSC of anterior is at least 0.8"], "posterior:"),
        (["HD95 increase under flip is below 5 mm", "HD95 of posterior is below 5 mm"], "anterior:"),
        ([f"DSC drop of anterior {FLIP}", "over-segmentation is below 10 %"], "anterior:"),  # an empty mask has none
        ([f"DSC drop of anterior {FLIP}", "volume bias is within 10 %"], "anterior:"),
        ([f"DSC drop of anterior {FLIP}", "agreement under flip is at least 0.9"], "anterior:"),
        ([f"DSC drop of anterior {FLIP}", "mean DSC is at least 0.9"], "anterior:"),  # a mean may hide one of them
        ([f"mean DSC drop {FLIP}"], "only the drop of the mean"),
    ],
)
def test_a_structure_with_drops_alone_is_named(perturbations, sentences, named):
    [warning] = cautions([parse(sentence, perturbations) for sentence in sentences], STRUCTURES, perturbations)
    assert warning.startswith(named)
    assert "a model that is bad already" in warning


@pytest.mark.parametrize(
    "sentences",
    [
        [],
        ["DSC is at least 0.8"],
        [f"DSC drop {FLIP}", "DSC is at least 0.8"],
        [f"DSC drop {FLIP}", "DSC under flip is at least 0.8"],
        [f"DSC drop {FLIP}", "DSC of anterior is at least 0.8", "NSD of posterior at 2 mm is at least 0.8"],
        [f"mean DSC drop {FLIP}", "mean DSC is at least 0.8"],
        [f"mean DSC drop {FLIP}", "DSC is at least 0.8"],
    ],
)
def test_an_absolute_requirement_for_each_structure_is_enough(perturbations, sentences):
    assert cautions([parse(sentence, perturbations) for sentence in sentences], STRUCTURES, perturbations) == ()


@pytest.mark.parametrize(
    ("sentences", "named"),
    [
        (["ECE is below 0.05"], "anterior, posterior:"),
        (["uncertainty of posterior correlates with error above 0.4"], "posterior:"),
        (["ECE is below 0.05", "DSC of anterior is at least 0.8"], "posterior:"),
        (["ECE increase under flip is below 2 %"], "anterior, posterior:"),
        (["mean ECE is below 0.05", "over-segmentation is below 10 %"], "anterior, posterior:"),
        (["ECE is below 0.05", "DSC is at least 0.8"], None),
        (["ECE of anterior is below 0.05", "DSC of anterior under flip is at least 0.8"], None),
    ],
)
def test_structures_of_which_nothing_but_uncertainty_is_limited_are_named(perturbations, sentences, named):
    found = cautions([parse(sentence, perturbations) for sentence in sentences], STRUCTURES, perturbations)
    assert [warning.startswith(named) and "only uncertainty is limited" in warning for warning in found] == (
        [True] if named else []
    )


def test_a_drop_beside_uncertainty_is_told_once(perturbations):
    sentences = ["ECE is below 0.05", f"DSC drop {FLIP}"]
    [warning] = cautions([parse(sentence, perturbations) for sentence in sentences], STRUCTURES, perturbations)
    assert "only drops or increases are limited" in warning


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ("gaussian noise with sigma <= 0.3", "sigma of gaussian noise goes to 0.3, beyond the plausible range 0 to 0.2 (a survey)"),
        ("gaussian noise with snr >= 5 dB", "snr of gaussian noise goes to 5 dB, beyond the plausible range 10 to 40 dB"),
        ("gamma with 0.5 <= gamma <= 1.2", "gamma of gamma goes to 0.5"),
        ("gaussian noise with sigma <= 0.2", None),
        ("gaussian noise with snr >= 10 dB", None),  # no noise at all is where every range starts
        ("blur with sigma <= 40 mm", None),  # the catalogue names no plausible range
    ],
)  # fmt: skip
def test_a_range_beyond_the_plausible_is_a_warning_not_an_error(perturbations, bounds, told):
    found = cautions([parse(f"DSC under {bounds} is at least 0.8", perturbations)], STRUCTURES, perturbations)
    assert [told in warning for warning in found] == ([True] if told else [])


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ("rotation with angle <= 15 deg", "angle of rotation below 0 is not claimed"),
        ("rotation with angle >= -15 deg", "angle of rotation above 0 is not claimed"),
        ("gamma with gamma <= 1.5", "gamma of gamma below 1 is not claimed"),
        ("rotation with -15 deg <= angle <= 15 deg", None),
        ("rotation with angle = 15 deg", None),
        ("gaussian noise with sigma <= 0.1", None),
        ("gaussian noise with snr >= 20 dB", None),
    ],
)
def test_a_bound_on_one_side_of_what_goes_both_ways_is_told(bounds, told):
    found = cautions([parse(f"DSC under {bounds} is at least 0.8")], STRUCTURES)
    assert [told in warning for warning in found] == ([True] if told else [])


@pytest.mark.parametrize(
    ("sentence", "intensity", "told"),
    [
        ("DSC under low dose with dose >= 0.5 is at least 0.8", Percentiles(percentiles=(0.5, 99.5)), True),
        ("DSC under low dose with dose >= 0.5 is at least 0.8", Window(window=(-1000, 400)), False),
        ("DSC under motion with rotation <= 2 deg is at least 0.8", Percentiles(percentiles=(0.5, 99.5)), False),
    ],
)
def test_hounsfield_units_are_asked_for_where_nothing_says_that_this_is_ct(sentence, intensity, told):
    data = DataSettings(images="*.nii.gz", patient="{name}", intensity=intensity)
    found = not_in_hounsfield_units([parse(sentence)], data)
    assert ["low dose: takes the images' values as HU" in warning for warning in found] == [True] * told
