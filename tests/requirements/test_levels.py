from __future__ import annotations

import math

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.perturbations.catalogue import Parameter, catalogue
from pytest_segrobust.perturbations.severity_levels import MOST, TABLES
from pytest_segrobust.requirements import levels
from pytest_segrobust.requirements.requirement import Range
from pytest_segrobust.requirements.sentence import parse, render
from pytest_segrobust.requirements.spec import load

LISTED = [
    pytest.param(table, listed, id=f"{table.name}-{listed.perturbation}-{listed.side}")
    for table in TABLES
    for listed in table.levels
]


@pytest.mark.parametrize(("table", "listed"), LISTED)
def test_every_entry_is_in_the_catalogue_and_within_its_limits(table, listed):
    perturbation = catalogue()[listed.perturbation]
    for level in listed.known:
        stated = levels.ranges(perturbation, table, level, side=listed.side)
        assert all(spread.low == spread.high for spread in stated.values())
        words = f"{listed.perturbation} {listed.side}".strip()
        claim = parse(f"DSC drop under {words} at level {level} of {table.name} is below 5 %")
        assert {spread.parameter for spread in stated.values()} <= {s.parameter for s in claim.domains[0].ranges}
        assert parse(render(claim)).claim == claim.claim


@pytest.mark.parametrize(("table", "listed"), LISTED)
def test_levels_rise_from_the_identity_on(table, listed):
    for name, row in listed.rows:
        parameter = catalogue()[listed.perturbation].parameters[name]
        assert isinstance(parameter, Parameter)
        values = [value for value in row if value is not None]
        assert len(row) == MOST
        assert values[0] != parameter.identity
        away = [parameter.to_coordinate(value) for value in (parameter.identity, *values)]
        assert away == sorted(away) or away == sorted(away, reverse=True)


def test_two_sided_entries_say_which_side_they_are():
    for table in TABLES:
        for name in table.perturbations:
            sides = sorted(listed.side for listed in table.of(name))
            if len(sides) == 1:
                assert sides[0] in ("", "decrease"), (table.name, name)
            else:
                assert sides == ["decrease", "increase"], (table.name, name)


@pytest.mark.parametrize(
    ("words", "low", "high"),
    [
        ("gaussian noise at level 3 of medmnist-c organ ct", 0.12, 0.12),
        ("gaussian noise up to level 3 of medmnist-c organ ct", 0, 0.12),
        ("gaussian noise up to severity level 3 of MedMNIST-C Organ CT", 0, 0.12),
        ("gamma decrease at level 3 of rood-mri", 0.58, 0.58),
        ("gamma decrease up to level 3 of ROOD MRI", 0.58, 1),
        ("gamma increase up to level 3 of roodmri", 1, 2.2),
        ("gamma up to level 3 of rood-mri", 0.58, 2.2),
        ("gaussian blur up to level 2 of rood-mri", 0, 1.6),
        ("brightness up to level 5 of medmnist-c breast ultrasound", 0.3, 2),
    ],
)
def test_a_level_is_the_numbers_of_the_table(perturbations, words, low, high):
    requirement = parse(f"DSC drop under {words} is below 5 %", perturbations)
    [spread] = requirement.domains[0].ranges
    assert (spread.low, spread.high) == (low, high)
    assert "level" not in render(requirement, perturbations)
    assert parse(render(requirement, perturbations), perturbations).claim == requirement.claim


@pytest.mark.parametrize(
    ("words", "ranges"),
    [
        ("rotation up to level 3 of rood-mri", [Range("angle", -18, 18)]),
        ("rotation decrease at level 3 of rood-mri", [Range("angle", -18, -18)]),
        ("motion up to level 2 of rood-mri", [Range("rotation", 0, 2), Range("translation", 0, 4), Range("movements", 0, 4)]),
        ("motion at level 2 of rood-mri", [Range("rotation", 2, 2), Range("translation", 4, 4), Range("movements", 4, 4)]),
        ("thick slices up to level 1 of rood-mri", [Range("factor", 1, 2.8)]),
        ("rician noise up to level 5 of rood-mri", [Range("relative_sigma", 0, 0.8)]),
    ],
)  # fmt: skip
def test_levels_are_in_the_parameters_of_our_perturbations(words, ranges):
    [domain] = parse(f"DSC drop under {words} is below 5 %").domains
    assert list(domain.ranges) == ranges


def test_a_milder_image_has_more_photons():
    [domain] = parse("DSC drop under poisson noise up to level 3 of medmnist-c organ ct is below 5 %").domains
    assert domain.ranges == (Range("photons", 50, math.inf),)


def test_the_source_of_a_level_is_kept_beside_the_claim_not_in_it(perturbations):
    by_level = parse("DSC drop under gaussian noise at level 3 of medmnist-c organ ct is below 5 %", perturbations)
    by_number = parse("DSC drop under gaussian noise with sigma = 0.12 is below 5 %", perturbations)
    assert by_level.domains[0].source == "level 3 of MedMNIST-C, Di Salvo et al. 2024, abdominal CT"
    assert by_level.claim == by_number.claim


def test_levels_and_bounds_stand_side_by_side(perturbations):
    claim = parse(
        "DSC drop under gaussian noise up to level 1 of imagenet-c on anterior and gamma increase at level 1 of rood-mri "
        "and motion with rotation <= 1 deg and translation <= 1 mm is below 5 %",
        perturbations,
    )
    assert [domain.perturbation for domain in claim.domains] == ["gaussian noise", "gamma", "motion"]
    assert claim.domains[0].on == "anterior"


EACH = """
[[requirement]]
id = "ROB-001"
statement = "DSC drop of anterior under {} is below 5 %"
risks = ["H-3"]
"""


def test_each_perturbation_of_a_table_is_a_requirement_of_its_own(spec_file):
    found = load(spec_file(EACH.format("each perturbation at level 5 of medmnist-c organ ct"))).requirements
    assert [requirement.id for requirement in found] == [
        "ROB-001.gaussian-noise",
        "ROB-001.speckle-noise",
        "ROB-001.salt-and-pepper-noise",
        "ROB-001.poisson-noise",
        "ROB-001.brightness-increase",
        "ROB-001.brightness-decrease",
        "ROB-001.contrast-increase",
        "ROB-001.contrast-decrease",
        "ROB-001.gamma-increase",
        "ROB-001.gamma-decrease",
    ]
    assert (
        found[0].statement == "DSC drop of anterior under gaussian noise at level 5 of medmnist-c organ ct is below 5 %"
    )
    assert {(requirement.risks, requirement.line, requirement.structure) for requirement in found} == {
        (("H-3",), found[0].line, "anterior")
    }


def test_each_perturbation_up_to_a_level_takes_both_sides_at_once(spec_file):
    found = load(spec_file(EACH.format("every perturbation  up to level 5 of MedMNIST-C organ CT"))).requirements
    assert [requirement.id.removeprefix("ROB-001.") for requirement in found][-3:] == [
        "brightness",
        "contrast",
        "gamma",
    ]
    assert found[-1].domains[0].ranges == (Range("gamma", 0.4, 2.0),)


def test_each_perturbation_can_be_followed_by_another(spec_file):
    found = load(spec_file(EACH.format("each perturbation at level 1 of medmnist-c oct and gamma with gamma <= 1.2")))
    [requirement] = found.requirements
    assert [domain.perturbation for domain in requirement.domains] == ["speckle noise", "gamma"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            EACH.format("each perturbation at level 3 of medmnist-c oct"),
            r"level 3 of speckle noise .* is not on record here",
        ),
        (EACH.format("each perturbation at level 9 of rood-mri"), "there is no level 9"),
        (EACH.format("each perturbation at level 1 of rood"), "'rood is below 5 %': no such table; one of rood-mri"),
        (EACH.format("each perturbation"), "expected a perturbation"),
        (
            EACH.format("each perturbation at level 1 of medmnist-c oct") + 'measure = "dsc_drop"\nbelow = 0.05\n',
            "several requirements, which keys cannot repeat; leave out measure, below",
        ),
        (
            EACH.format("each perturbation at level 1 of medmnist-c oct")
            + '[[requirement]]\nid = "ROB-001.speckle-noise"\nstatement = "DSC is at least 0.8"\n',
            "an 'each perturbation' has this id too",
        ),
    ],
)
def test_a_mistake_in_each_perturbation_is_an_error(spec_file, text, message):
    with pytest.raises(SpecError, match=message):
        load(spec_file(text))


def test_each_perturbation_alone_is_no_single_requirement():
    with pytest.raises(SpecError, match="several requirements: it stands as a statement in a requirement file"):
        parse("DSC drop under each perturbation at level 5 of medmnist-c oct is below 5 %")
