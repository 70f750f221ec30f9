"""The radius that breaks each case, against a threshold whose answer is known."""

from __future__ import annotations

import math

import pytest

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.evaluation.evaluation import Evaluation
from pytest_segrobust.evaluation.minimal_radius import CaseRadius, MinimalRadii, minimal_radii
from pytest_segrobust.models.segmenter import open_segmenter
from pytest_segrobust.perturbations.point import Point
from pytest_segrobust.requirements.settings import AttackSettings, ModelSettings

POINTWISE = """
import torch

class Pointwise(torch.nn.Module):
    '''A disc is what is brighter than 0.5, voxel by voxel; a voxel of value v turns at a change of |v - 0.5|.'''

    def forward(self, x):
        return torch.cat([0 * x, 10 * (x - 0.5)], 1)

def pointwise():
    return Pointwise()
"""


@pytest.fixture
def evaluation(evaluate, folder):
    (folder / "pointwise_networks.py").write_text(POINTWISE, encoding="utf-8")
    base = evaluate(stored=False)
    segmenter = open_segmenter(
        ["pointwise_networks:pointwise"], ModelSettings(classes={"disc": 1}, batch_size=3), root=folder, device="cpu"
    )
    return Evaluation(segmenter, base.dataset, attack=AttackSettings(steps=4))


def exact(evaluation, case, drop):
    """The smallest change of every voxel against its class at which DSC has dropped, found among all voxels' margins."""
    sample = evaluation.dataset.read(case)
    image, disc = sample.image[0], sample.label == 1

    def dsc(radius):
        found = (image + radius * (1 - 2 * disc)) > 0.5
        return 2 * (found & disc).sum() / (found.sum() + disc.sum())

    margins = sorted({0.0, *abs(image - 0.5).ravel().tolist()})
    return next((m for m in margins if dsc(0) - dsc(m + 1e-6) >= drop), math.inf)


def test_the_radius_is_that_of_the_closed_form_for_each_case(evaluation):
    found = minimal_radii(evaluation, Point.of("fgsm", epsilon=0.6), drop=0.2, structures=("disc",), iterations=8)
    for each, case in zip(found.cases, evaluation.dataset.cases, strict=True):
        assert each.case == case.id
        assert each.holds < each.breaks
        assert each.breaks - each.holds <= 0.6 / 2**8 * 1.001
        assert each.breaks == pytest.approx(exact(evaluation, case, 0.2), abs=0.6 / 2**8 + 1e-3)
    assert found.share_broken(0.6) == 1
    assert found.share_broken(found.median) >= 0.5


def test_what_never_breaks_is_infinite(evaluation):
    found = minimal_radii(evaluation, Point.of("fgsm", epsilon=0.001), drop=0.5, structures=("disc",), iterations=2)
    assert found.median == math.inf
    assert found.share_broken(0.001) == 0


def test_a_patient_is_broken_with_its_first_case():
    cases = (CaseRadius("a1", "a", 0.3, 0.2), CaseRadius("a2", "a", 0.1, 0.05), CaseRadius("b1", "b", math.inf, 0.6))
    found = MinimalRadii(Point.of("pgd", epsilon=0.6), 0.2, cases)
    assert found.patients == {"a": 0.1, "b": math.inf}
    assert found.share_broken(0.2) == 0.5


@pytest.mark.parametrize(
    "point",
    [
        Point.of("gaussian noise", sigma=0.1),
        Point.of("pgd", snr=20),
        Point.of("gamma", gamma=2) | Point.of("pgd", epsilon=0.1),
    ],
)
def test_what_has_no_radius_is_refused(evaluation, point):
    with pytest.raises(PerturbationError, match="largest radius"):
        minimal_radii(evaluation, point, drop=0.2, structures=("disc",), iterations=2)
