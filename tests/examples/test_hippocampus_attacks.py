"""Attacks that bite: on the hippocampus network and two real volumes, against random changes of the same size."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from pytest_segrobust.evaluation.adversary import Adversary
from pytest_segrobust.evaluation.preparation import prepare
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.settings import AttackSettings
from pytest_segrobust.requirements.spec import load
from pytest_segrobust.run import Run, RunSettings

FOLDER = Path(__file__).parents[2] / "examples" / "hippocampus"
EPSILON = 8 / 255


class Attacked:
    """Two volumes and the network; `masks(point)` predicts both structures of each, with the reference beside them."""

    def __init__(self, data: Path) -> None:
        spec = FOLDER / "attacks.segrobust.toml"
        run = Run(RunSettings(spec, (str(FOLDER / "weights.pt"),), report=data / "none", data_root=data), load(spec))
        self.dataset, self.segmenter = run.open_dataset(), run.open_segmenter()
        self.adversary = Adversary(self.segmenter, AttackSettings(steps=5, queries=30))
        self._known: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}

    def masks(self, point: Point) -> list[tuple[torch.Tensor, torch.Tensor]]:
        if str(point) not in self._known:
            self._known[str(point)] = [self._of(case, point) for case in self.dataset.cases[:2]]
        return self._known[str(point)]

    def _of(self, case, point):
        prepared = prepare(self.dataset, case, point, device="cpu", realisation=0, seed=0, adversary=self.adversary)
        (prediction,) = self.segmenter.predict([prepared.image], [prepared.spacing])
        reference = self.dataset.masks(prepared.label)
        return prediction.masks, torch.stack([torch.from_numpy(reference[n]) for n in self.segmenter.structures])

    def dsc(self, point: Point) -> list[float]:
        """The mean DSC of both structures, per volume."""
        found = []
        for masks, reference in self.masks(point):
            both = (masks & reference).flatten(1).sum(1)
            found.append(float((2 * both / (masks.flatten(1).sum(1) + reference.flatten(1).sum(1))).mean()))
        return found

    def turned(self, point: Point, source: int, target: int) -> float:
        """The share of the source's voxels that are predicted as the target, over both volumes."""
        hits = [masks[target][reference[source]].double().mean() for masks, reference in self.masks(point)]
        return float(torch.stack(hits).mean())


@pytest.fixture(scope="module")
def attacked():
    shared = Path(os.environ.get("SEGROBUST_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    data = shared / "hippocampus"
    if not data.is_dir():
        pytest.skip(f"the hippocampus volumes are not here: {data}")
    yield Attacked(data)
    sys.modules.pop("network", None)  # another example has a module of that name


def test_gradient_attacks_beat_random_changes_of_the_same_size_by_a_wide_margin(attacked):
    clean, random = attacked.dsc(CLEAN), attacked.dsc(Point.of("random perturbation", epsilon=EPSILON))
    for name in ("fgsm", "pgd", "apgd"):
        for before, shaken, broken in zip(clean, random, attacked.dsc(Point.of(name, epsilon=EPSILON)), strict=True):
            assert before - broken > 0.1
            assert before - broken > 10 * abs(before - shaken)


def test_steps_find_more_than_a_single_one(attacked):
    single, several = (attacked.dsc(Point.of(name, epsilon=EPSILON)) for name in ("fgsm", "pgd"))
    assert all(more < less for more, less in zip(several, single, strict=True))


@pytest.mark.parametrize(("source", "target"), [("anterior", "posterior"), ("posterior", "anterior")])
def test_a_targeted_attack_turns_one_part_into_the_other(attacked, source, target):
    places = [attacked.segmenter.structures.index(name) for name in (source, target)]
    point = Point.of("targeted pgd", source=source, target=target, epsilon=EPSILON)
    other = Point.of("targeted pgd", source=target, target=source, epsilon=EPSILON)
    clean, there, back = (attacked.turned(each, *places) for each in (CLEAN, point, other))
    assert there > clean + 0.1
    assert back < clean + 0.05  # the attack in the other direction does not
