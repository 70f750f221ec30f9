"""A result keeps how large structures are, and the ranges that it claims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Domain, Measure, Options, Range, Requirement
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.verify import verify

NOISE = Domain("gaussian noise", (Range("sigma", 0.0, 0.1),))
FLIP = Domain("flip", (Options("axis", ("rows",)),))


def found(fake, domain: Domain, *, average: bool = False, change=lambda m: m):
    requirement = Requirement("R", Measure("dsc"), "at least", 0.5, domains=(domain,), average=average)
    evaluation = fake(lambda parameters, patient, structure: {"dsc": 0.9, "agreement": 1.0}, n=20)
    evaluation.change = change
    return verify(requirement, evaluation, decision=DecisionSettings(), budget=profile("smoke"), seed=0)


def shrunk(m):
    """Clean predictions are as large as the reference, perturbed ones lack a tenth; one case is lost."""
    if m.case.startswith("p03") and m.point != str(CLEAN):
        return replace(m, predicted_voxels=None)
    return replace(m, predicted_voxels=100 if m.point == str(CLEAN) else 90)


def test_volumes_stand_in_the_order_of_the_cases(fake):
    result = found(fake, NOISE, change=shrunk)
    volumes = result.volumes

    assert volumes["structure"] == "organ"
    assert volumes["point"] == result.worst["text"]
    assert Point.from_json(result.worst["parameters"]) == CLEAN or set(volumes["predicted"]) == {90, None}
    assert volumes["reference"] == volumes["clean"] == [100] * len(result.cases) == [100] * 20
    lost = [case.case for case, size in zip(result.cases, volumes["predicted"], strict=True) if size is None]
    assert all(case.startswith("p03") for case in lost)


@pytest.mark.parametrize("how", ["moved labels", "average", "no labels"])
def test_there_are_no_volumes_that_mean_nothing(fake, how):
    if how == "no labels":
        result = found(fake, NOISE, change=lambda m: replace(m, reference_voxels=None))
    else:
        result = found(fake, FLIP if how == "moved labels" else NOISE, average=how == "average", change=shrunk)

    assert result.volumes is None


def test_the_claimed_range_is_kept_with_its_unit(fake):
    assert found(fake, NOISE).domains == [
        {
            "perturbation": "gaussian noise",
            "on": None,
            "source": "",
            "parameters": [{"name": "sigma", "low": 0.0, "high": 0.1, "unit": ""}],
        }
    ]
    assert found(fake, FLIP).domains[0]["parameters"] == [{"name": "axis", "words": ["rows"]}]
