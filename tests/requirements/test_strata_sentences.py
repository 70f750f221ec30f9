"""Claims that must hold in each subgroup: "for each scanner"."""

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements.long_form import read
from pytest_segrobust.requirements.requirement_table import RequirementTable
from pytest_segrobust.requirements.sentence import parse, render

DROP = "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %"


@pytest.mark.parametrize(
    ("said", "canonical"),
    [
        ("for each scanner", "for each scanner"),
        ("for every scanner", "for each scanner"),
        ("in each scanner", "for each scanner"),
        ("in the worst scanner", "for each scanner"),
        ("in worst scanner", "for each scanner"),
        ('for each "field strength"', 'for each "field strength"'),
        ("for each field_strength", "for each field_strength"),
        ("for 95 % of patients for each scanner", "for 95 % of patients for each scanner"),
        ("for each scanner for 95 % of patients", "for 95 % of patients for each scanner"),
        ("in the worst scanner with 97.5 % confidence", "for each scanner with 97.5 % confidence"),
        ("for at least 90 % of patients in each site", "for 90 % of patients for each site"),
    ],
)
def test_strata_are_read_and_written_in_one_form(said, canonical):
    found = parse(f"{DROP} {said}")

    assert render(found) == f"{DROP} {canonical}"
    assert parse(render(found)).claim == found.claim
    assert found.for_each in ("scanner", "field strength", "field_strength", "site")


@pytest.mark.parametrize(
    "sentence",
    [
        "DSC is at least 0.85 for each scanner",
        "uncertainty correlates with error above 0.4 under gaussian noise with sigma <= 0.2 for each scanner",
        "ECE under gaussian noise with sigma <= 0.1 is below 0.05 for each site",
        "gross failure rate under gaussian noise with sigma <= 0.1 is at most 10 % for each site",
    ],
)
def test_any_measure_that_a_stratum_has_by_itself_may_be_claimed(sentence):
    assert render(parse(sentence)) == sentence


def test_a_claim_of_all_patients_names_no_column_and_is_another_claim():
    assert parse(DROP).for_each is None
    assert parse(DROP).claim != parse(f"{DROP} for each scanner").claim


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("for each patient", "a patient is one number and no group; write 'for 95 % of patients'"),
        ("for each structure", "holds for each of them already"),
        ("for each scanner for each site", "'for each' stands twice"),
        ("for 95 % of patients for 90 % of patients", "'for ... of patients' stands twice"),
        ("for each", "expected a structure"),
    ],
)
def test_what_means_nothing_is_refused(said, message):
    with pytest.raises(SpecError, match=message):
        parse(f"{DROP} {said}")


def test_one_alarm_for_all_patients_is_not_decided_in_strata():
    with pytest.raises(SpecError, match="one alarm, frozen on all patients"):
        parse("silent failure rate for DSC below 0.7 is below 5 % for each scanner")


def test_the_long_form_says_the_same():
    keys = {"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"sigma": [0, 0.1]}}, "below": 0.05}
    found = read(RequirementTable(id="R", **keys, for_each="scanner"))

    assert found.claim == parse(f"{DROP} for each scanner").claim
    with pytest.raises(SpecError, match=r"^for_each: a patient is one number"):
        read(RequirementTable(id="R", **keys, for_each="patient"))
