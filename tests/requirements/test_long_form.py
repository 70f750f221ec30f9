from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements import long_form
from pytest_segrobust.requirements.requirement_table import RequirementTable
from pytest_segrobust.requirements.sentence import parse, render

SAME: list[tuple[str, dict[str, Any]]] = [
    (
        "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %",
        {"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"sigma": [0, 0.1]}}, "below": 0.05},
    ),
    (
        "relative DSC drop of anterior under gaussian noise on posterior with snr >= 10 dB is at most 5 % for 90 % of patients with 99 % confidence",
        {
            "measure": "relative_dsc_drop",
            "structure": "anterior",
            "perturbation": {"gaussian noise": {"snr": [10, math.inf], "on": "posterior"}},
            "at_most": 0.05,
            "patients": 0.9,
            "confidence": 0.99,
        },
    ),
    (
        "NSD drop at 2 mm under blur with sigma = 1 mm is below 5 %",
        {"measure": "nsd_drop", "tolerance": 2, "perturbation": {"blur": {"sigma": 1}}, "below": 0.05},
    ),
    ("mean DSC is above 0.8", {"measure": "dsc", "average": True, "above": 0.8}),
    ("DSC is at least 0.8", {"measure": "dsc", "at_least": 0.8}),
    (
        "volume bias under flip with axis = left-right is within 5 %",
        {"measure": "volume_bias", "perturbation": {"flip": {"axis": "left-right"}}, "within": 0.05},
    ),
    (
        "gross failure rate under flip followed by gamma with gamma >= 0.7 is below 5 %",
        {"measure": "gross_failure_rate", "perturbation": {"flip": {}, "gamma": {"gamma": [0.7, 1]}}, "below": 0.05},
    ),
    (
        "DSC drop under targeted pgd from anterior to posterior with epsilon <= 2/255 is below 20 %",
        {
            "measure": "dsc_drop",
            "perturbation": {"targeted_pgd": {"source": "anterior", "target": "posterior", "epsilon": [0, 2 / 255]}},
            "below": 0.2,
        },
    ),
    (
        "HD95 increase under motion with rotation <= 5 deg and translation <= 5 mm and kind = slow drift is below 3 mm",
        {
            "measure": "hd95_increase",
            "perturbation": {"motion": {"kind": ["slow_drift"], "translation": [0, 5], "rotation": [0, 5]}},
            "below": 3,
        },
    ),
    (
        "uncertainty of anterior correlates with error by Kendall above 0.4 under gaussian noise with sigma <= 0.1",
        {
            "measure": "kendall",
            "structure": "anterior",
            "perturbation": {"gaussian_noise": {"sigma": [0, 0.1]}},
            "above": 0.4,
        },
    ),
    (
        "uncertainty rises with severity under gaussian noise with snr >= 10 dB",
        {"measure": "severity_tau", "perturbation": {"gaussian_noise": {"snr": [10, math.inf]}}, "above": 0},
    ),
    ("uncertainty separates errors with AUROC above 0.8", {"measure": "error_auroc", "above": 0.8}),
    ("removing uncertain voxels raises DSC by at least 1 %", {"measure": "delta_dsc", "at_least": 0.01}),
    (
        "recall of failures for DSC below 0.7 at 20 % referral is at least 0.9",
        {"measure": "failure_recall", "dsc_below": 0.7, "referral": 0.2, "at_least": 0.9},
    ),
    (
        "early warning rate for a DSC drop above 0.1 under gamma with gamma <= 1.5 is above 80 %",
        {"measure": "early_warning", "fall": 0.1, "perturbation": {"gamma": {"gamma": [1, 1.5]}}, "above": 0.8},
    ),
    (
        "ECE increase under flip is below 2 %",
        {"measure": "ece_increase", "perturbation": {"flip": {}}, "below": 0.02},
    ),
]


def table(**keys) -> RequirementTable:
    return RequirementTable(id="R", **keys)


@pytest.mark.parametrize(("sentence", "keys"), SAME, ids=[sentence[:40] for sentence, _ in SAME])
def test_both_forms_are_the_same_requirement_with_the_same_canonical_sentence(perturbations, sentence, keys):
    spelt = long_form.read(table(**keys), perturbations)
    assert spelt.claim == parse(sentence, perturbations).claim
    assert render(spelt, perturbations) == render(parse(sentence, perturbations), perturbations)


NOISE = {"gaussian_noise": {"sigma": [0, 0.1]}}
BAD: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"below": 0.05}, ("measure is missing", "dsc_drop")),
    ({"measure": "dsc_dorp", "below": 0.05}, ("measure: no measure 'dsc_dorp'; did you mean 'dsc_drop'?",)),
    ({"measure": "nsd", "at_least": 0.9}, ("tolerance: NSD needs its tolerance", "tolerance = 2")),
    ({"measure": "dsc", "tolerance": 2, "at_least": 0.9}, ("tolerance: DSC has no tolerance",)),
    ({"measure": "dsc"}, ("state exactly one limit, not none", "at_least")),
    ({"measure": "dsc", "at_least": 0.8, "above": 0.7}, ("state exactly one limit, not above and at_least",)),
    ({"measure": "dsc", "below": 0.8}, ("below: DSC is better higher",)),
    ({"measure": "dsc", "at_least": 85}, ("at_least: 85 is not a DSC", "0.85")),
    ({"measure": "dsc_drop", "below": 0.05}, ("DSC drop on clean images is always 0",)),
    ({"measure": "dsc", "average": True, "structure": "a", "at_least": 0.8}, ("cannot be of 'a' alone",)),
    ({"measure": "gross_failure_rate", "patients": 0.9, "below": 0.1}, ("patients: a gross failure rate",)),
    ({"measure": "dsc_drop", "perturbation": {"guassian_noise": {}}, "below": 0.05}, ("perturbation.guassian_noise: no such perturbation; did you mean 'gaussian_noise'?",)),
    ({"measure": "dsc_drop", "perturbation": {"gaussian_noise": {}}, "below": 0.05}, ("perturbation.gaussian_noise: gaussian noise needs a range",)),
    ({"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"sigm": 1}}, "below": 0.05}, ("perturbation.gaussian_noise: sigm: gaussian noise has no parameter 'sigm'; did you mean 'sigma'?",)),
    ({"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"sigma": [0.3, 0.1]}}, "below": 0.05}, ("sigma: no sigma is at least 0.3 and at most 0.1",)),
    ({"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"sigma": [0, math.nan]}}, "below": 0.05}, ("sigma of gaussian noise cannot be nan",)),
    ({"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"snr": math.inf}}, "below": 0.05}, ("changes nothing",)),
    ({"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"sigma": [0.1]}}, "below": 0.05}, ("sigma: write [low, high]",)),
    ({"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"sigma": "0.1"}}, "below": 0.05}, ("sigma: write [low, high]",)),
    ({"measure": "dsc_drop", "perturbation": {"flip": {"axis": "lft-right"}}, "below": 0.05}, ("axis: axis of flip cannot be 'lft-right'; did you mean 'left-right'?",)),
    ({"measure": "dsc_drop", "perturbation": {"flip": {"axis": []}}, "below": 0.05}, ("axis of flip needs a word",)),
    ({"measure": "dsc_drop", "perturbation": {"flip": {"on": "anterior"}}, "below": 0.05}, ("flip acts on the whole image",)),
    ({"measure": "dsc_drop", "perturbation": {"gaussian_noise": {"sigma": 1, "on": 3}}, "below": 0.05}, ("on names one structure",)),
    ({"measure": "dsc_drop", "perturbation": {"targeted_pgd": {"epsilon": 0.1}}, "below": 0.05}, ("targeted pgd needs two structures", 'source = "A", target = "B"')),
    ({"measure": "dsc_drop", "perturbation": {"targeted_pgd": {"source": "a", "target": "a", "epsilon": 0.1}}, "below": 0.05}, ("name two structures",)),
    ({"measure": "dsc_drop", "perturbation": {"targeted_pgd": {"source": ["a"], "target": "b", "epsilon": 0.1}}, "below": 0.05}, ("source names one structure",)),
    ({"measure": "failure_auroc", "above": 0.8}, ("measure: failure detection AUROC needs the DSC below which a case is a failure", "dsc_below = 0.7")),
    ({"measure": "ece", "dsc_below": 0.7, "below": 0.05}, ("measure: ECE takes no 'for DSC below ...'; leave dsc_below out",)),
    ({"measure": "dsc", "referral": 0.2, "at_least": 0.8}, ("DSC takes no 'at 20 % ...'; leave referral out",)),
    ({"measure": "spearman", "below": 0.4}, ("below: Spearman correlation with error is better higher",)),
    ({"measure": "error_auroc", "above": 0.4}, ("above: an uncertainty that knows nothing",)),
    ({"measure": "severity_tau", "above": 0}, ("clean images have none",)),
    ({"measure": "sperman", "above": 0.4}, ("no measure 'sperman'; did you mean 'spearman'?",)),
    ({"measure": "dsc_drop", "perturbation": NOISE | {"gaussian noise": {"sigma": 1}}, "below": 0.05}, ("stands twice",)),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "parts"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_keys_that_mean_nothing_are_an_error_that_names_the_key(perturbations, keys, parts):
    with pytest.raises(SpecError) as caught:
        long_form.read(table(**keys), perturbations)
    message = str(caught.value)
    assert message.isprintable()
    for part in parts:
        assert part in message


def test_the_keys_of_the_long_form_are_those_of_the_table():
    assert set(long_form.KEYS) < set(RequirementTable.model_fields)
    assert long_form.stated(table(measure="dsc", below=0.1, rationale="x")) == ["measure", "below"]
