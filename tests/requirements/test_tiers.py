from __future__ import annotations

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements import tiers
from pytest_segrobust.requirements.sentence import parse, render
from pytest_segrobust.requirements.spec import load


@pytest.mark.parametrize(
    ("words", "tier", "part"),
    [
        # the tests' catalogue: sigma 0 to 0.2, snr 10 to 40 dB, gamma 0.7 to 1.5
        ("gaussian noise with sigma <= 0.2", "plausible", "gaussian noise with sigma <= 0.2"),
        ("gaussian noise with sigma <= 0.3", "stress", "gaussian noise with sigma <= 0.2"),
        ("gaussian noise with 0.3 <= sigma <= 0.4", "stress", None),
        ("gaussian noise with sigma = 0.3", "stress", None),
        ("gaussian noise with snr >= 10 dB", "plausible", "gaussian noise with snr >= 10 dB"),
        ("gaussian noise with 45 dB <= snr <= 50 dB", "plausible", "gaussian noise with 45 dB <= snr <= 50 dB"),
        ("gaussian noise with snr >= 5 dB", "stress", "gaussian noise with snr >= 10 dB"),
        ("gamma with 0.5 <= gamma <= 1.4", "stress", "gamma with 0.7 <= gamma <= 1.4"),
        ("gamma with gamma <= 2 and gaussian noise with sigma <= 0.1", "stress", "gamma with gamma <= 1.5 followed by gaussian noise with sigma <= 0.1"),
        ("gamma with gamma = 2 and gaussian noise with sigma <= 0.1", "stress", None),
        # no plausible range is stated: nothing goes beyond it
        ("flip", "plausible", "flip"),
        ("pgd with epsilon <= 0.9", "plausible", "pgd with epsilon <= 0.9"),
    ],
)  # fmt: skip
def test_a_range_beyond_the_plausible_one_is_a_stress_test(perturbations, words, tier, part):
    requirement = parse(f"DSC drop under {words} is below 5 %", perturbations)
    found = tiers.plausible_part(requirement, perturbations)

    assert tiers.tier(requirement, perturbations) == tier
    assert (found and render(found, perturbations)) == (part and f"DSC drop under {part} is below 5 %")


def test_clean_images_are_plausible(perturbations):
    assert tiers.tier(parse("DSC is at least 0.8", perturbations), perturbations) == "plausible"


STRESS = '[[requirement]]\nid = "S"\nstatement = "DSC drop under gaussian noise with sigma <= 0.3 is below 5 %"\n'
PLAUSIBLE = '[[requirement]]\nid = "P"\nstatement = "DSC drop under gaussian noise with sigma <= 0.2 is below 5 %"\n'
ALL = "[decision]\ngate_stress = true\n"


@pytest.mark.parametrize(
    ("text", "gates"),
    [
        (STRESS, False),
        (STRESS + "gate = true\n", True),
        (STRESS + "gate = false\n", False),
        (STRESS + ALL, True),
        (STRESS + "gate = false\n" + ALL, False),
        (PLAUSIBLE, True),
        (PLAUSIBLE + "gate = true\n", True),
        (PLAUSIBLE + ALL, True),
    ],
)
def test_a_stress_test_gates_where_it_is_asked_to(spec_file, perturbations, text, gates):
    [requirement] = load(spec_file(text), perturbations).requirements
    assert requirement.gates is gates


def test_a_plausible_requirement_cannot_be_kept_from_gating(spec_file, perturbations):
    for text in (PLAUSIBLE, '[[requirement]]\nid = "C"\nstatement = "DSC is at least 0.8"\n'):
        with pytest.raises(SpecError, match=r"gate: its ranges are those that a clinic meets, so it gates"):
            load(spec_file(text + "gate = false\n"), perturbations)


def test_the_warning_says_whether_a_stress_test_gates(spec_file, perturbations):
    [*_, warning] = load(spec_file(STRESS), perturbations).warnings
    assert warning.endswith(
        "a stress test that does not gate, unless it is not met within the plausible range (gate = true makes it)"
    )
    [*_, warning] = load(spec_file(STRESS + "gate = true\n"), perturbations).warnings
    assert warning.endswith("a stress test that gates, as asked")


def test_the_hash_changes_with_what_gates(spec_file, perturbations):
    one, other = (load(spec_file(STRESS + more), perturbations).sha256 for more in ("", "gate = true\n"))
    assert one != other
    one, other = (load(spec_file(PLAUSIBLE + more), perturbations).sha256 for more in ("", "gate = true\n"))
    assert one == other
