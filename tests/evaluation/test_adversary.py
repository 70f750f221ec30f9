"""Attacks in the loop: the model is told the truth of each case, and what it may spend is part of every number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.evaluation.adversary import Adversary
from pytest_segrobust.evaluation.evaluation import Evaluation
from pytest_segrobust.models.segmenter import open_segmenter
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.settings import AttackSettings, ModelSettings

LOGITS = """
import torch

class Soft(torch.nn.Module):
    '''A disc is what is bright after a small blur; gradients flow.'''

    def forward(self, x):
        smooth = torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return torch.cat([0 * x, 20 * (smooth - 0.5)], 1)

def soft():
    return Soft()

class Harder(Soft):
    def forward(self, x):
        return super().forward(x + 0.02)

def harder():
    return Harder()

class Hidden(Soft):
    '''The same with a gradient of 0: it rounds.'''

    def forward(self, x):
        return super().forward(x + ((x * 64).round() / 64 - x).detach() - (x - x.detach()))

def hidden():
    return Hidden()

class Labels(Soft):
    def forward(self, x):
        return super().forward(x).argmax(1)

def labels():
    return Labels()

class Dropping(Soft):
    def forward(self, x):
        return super().forward(x) + 0.5 * torch.randn(())

def dropping():
    return Dropping()
"""

PGD, RANDOM = Point.of("pgd", epsilon=0.3), Point.of("random perturbation", epsilon=0.3)


@pytest.fixture(scope="module")
def soft(folder):
    (folder / "soft_networks.py").write_text(LOGITS, encoding="utf-8")
    return folder


@pytest.fixture
def attacked(evaluate, soft):
    """An evaluation of one of the networks above, with its own means of attack."""

    def make(model="soft", *, surrogate=None, settings=None, stored=False, labels=True, **means):
        base = evaluate(stored=stored, scores=("agreement",))
        dataset = base.dataset
        if not labels:
            for case in dataset.cases:
                object.__setattr__(case, "label", None)
            dataset.has_labels = False

        def opened(name):
            model_settings = ModelSettings(classes={"disc": 1}, batch_size=3, **(settings or {}))
            return open_segmenter([f"soft_networks:{name}"], model_settings, root=soft, device="cpu")

        return Evaluation(
            opened(model),
            dataset,
            store=base.store,
            score_keys=frozenset(["agreement"]),
            screening_patients=3,
            attack=AttackSettings(**{"steps": 5, "queries": 40, **means}),
            surrogate=None if surrogate is None else opened(surrogate),
        )

    return make


def mean(rows, key="dsc"):
    return float(np.mean([row.scores[key] for row in rows]))


def test_an_attack_harms_more_than_noise_of_its_norm_and_leaves_clean_scores(attacked):
    evaluation = attacked()
    clean, pgd, random = (mean(evaluation.measure([point])) for point in (CLEAN, PGD, RANDOM))
    assert pgd < random - 0.06
    assert random > clean - 0.06
    rows = evaluation.measure([PGD])
    assert all(row.strength["changed"] > 0.99 for row in rows)


def test_numbers_do_not_depend_on_the_order_or_on_screening(attacked):
    first = attacked().measure([PGD])
    other = attacked()
    screened = {row.case: row for row in other.measure([PGD], screening=True)}
    again = other.measure([CLEAN, PGD])[len(first) :]
    assert [row.scores for row in again] == [row.scores for row in first]
    assert all(screened[row.case].scores == row.scores for row in first if row.case in screened)


@pytest.mark.parametrize("means", [{"steps": 6}, {"restarts": 2}, {"queries": 41}, {"draws": 3}])
def test_what_an_attack_may_spend_is_part_of_the_context(attacked, means):
    assert attacked().context == attacked().context
    assert attacked(**means).context != attacked().context


def test_a_surrogate_is_attacked_in_the_models_stead_and_is_part_of_the_context(attacked):
    evaluation = attacked(surrogate="harder")
    assert evaluation.has_surrogate
    assert not attacked().has_surrogate
    assert evaluation.context not in (attacked().context, attacked(surrogate="soft").context)
    transfer = mean(evaluation.measure([Point.of("transfer attack", epsilon=0.3)]))
    assert mean(evaluation.measure([PGD])) <= transfer < mean(evaluation.measure([RANDOM])) - 0.03


def test_without_labels_the_clean_prediction_is_what_an_attack_destroys(attacked):
    evaluation = attacked(labels=False)
    assert mean(evaluation.measure([PGD]), "agreement") < mean(evaluation.measure([RANDOM]), "agreement") - 0.06


def test_a_model_of_label_maps_is_attacked_in_the_dark_and_that_is_said(attacked):
    evaluation = attacked("labels", settings={"outputs": "labels"}, steps=20)
    pgd = mean(evaluation.measure([PGD]))
    assert pgd < mean(evaluation.measure([CLEAN])) - 0.02
    assert pgd == pytest.approx(mean(evaluation.measure([Point.of("square attack", epsilon=0.3)])), abs=0.05)
    fewer, note = evaluation.attack_notes
    assert fewer == "[attack] allows 40 queries instead of 200, with which attacks find less"
    assert "gives no gradients" in note
    assert "40 queries" in note


def test_what_must_be_known_of_attacks_is_said_by_a_process_that_made_none(attacked):
    """Another worker, or an earlier run, may have measured everything."""
    measured = attacked("labels", settings={"outputs": "labels"}, stored=True)
    measured.measure([PGD])
    resumed = attacked("labels", settings={"outputs": "labels"})
    assert resumed.attack_notes == measured.attack_notes
    assert any("gives no gradients" in note for note in resumed.attack_notes)


def test_only_weaker_means_than_the_usual_are_told(attacked):
    assert attacked(steps=20, queries=200).attack_notes == []
    assert attacked(steps=40, queries=400).attack_notes == []
    assert attacked(steps=1, queries=200).attack_notes == [
        "[attack] allows 1 steps instead of 20, with which attacks find less"
    ]


def test_a_stochastic_network_is_attacked_in_expectation_and_that_is_said(attacked):
    evaluation = attacked("dropping", draws=4)
    evaluation.measure([PGD])
    assert any("stochastic" in note and "4 passes" in note for note in evaluation.attack_notes)


def test_what_moved_before_the_attack_is_attacked_where_it_is(attacked):
    evaluation = attacked()
    moved = mean(evaluation.measure([Point.of("flip", axis="rows") | PGD]))
    assert moved == pytest.approx(mean(evaluation.measure([PGD])), abs=0.05)
    assert moved < mean(evaluation.measure([Point.of("flip", axis="rows") | RANDOM])) - 0.06


def test_a_case_is_the_same_when_measured_alone(attacked):
    evaluation = attacked()
    rows = {row.case: row for row in evaluation.measure([PGD])}
    case = evaluation.dataset.cases[4]
    assert evaluation.measure_case(case, PGD)[0].scores == rows[case.id].scores


def test_the_adversary_tells_every_structure_and_moves_masks_to_the_models_device(soft):
    segmenter = open_segmenter(["soft_networks:soft"], ModelSettings(classes={"disc": 1}), root=soft, device="cpu")
    adversary = Adversary(segmenter, AttackSettings(steps=3))
    image, mask = torch.rand(1, 16, 16), np.ones((16, 16), bool)
    told = adversary.attacked(image, (1.0, 1.0), {"disc": mask}, lambda: None)
    assert told.effort.steps == 3
    assert told.surrogate is None
    assert told.structures["disc"].shape == (1, 16, 16)
    lost = adversary.attacked(image, (1.0, 1.0), None, lambda: None)  # its clean prediction failed
    assert not lost.structures["disc"].any()
