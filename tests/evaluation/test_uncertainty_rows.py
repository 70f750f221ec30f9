"""Uncertainty in the loop: rows, the frozen threshold, and that nothing else changes for it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_segrobust import perturbations as p
from pytest_segrobust.evaluation.evaluation import Evaluation
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.metrics.uncertainty.scoring import VOXEL_KEYS
from pytest_segrobust.models.segmenter import open_segmenter
from pytest_segrobust.perturbations.point import CLEAN
from pytest_segrobust.requirements.settings import ModelSettings

NOISE = p.gaussian_noise(sigma=0.3)
DROPPING = """
import torch


class Dropping(torch.nn.Module):
    def forward(self, x):
        x = torch.nn.functional.avg_pool2d(x, 5, 1, 2)
        return 20 * torch.cat([0.5 - x, x - 0.5], 1) * (1 + 0.5 * torch.randn(x.shape))


def dropping():
    return Dropping()
"""


def plain(rows):
    return sorted((r.case, r.point, r.realisation, tuple(sorted(r.scores.items())), r.failure) for r in rows)


@pytest.fixture
def uncertain(evaluate):
    def make(model: str = "discs", **others):
        return evaluate(model, scores={"uncertainty"}, stored=False, **others)

    return make


@pytest.fixture(scope="module", autouse=True)
def drawing_network(folder):
    source = folder / "drawing_network.py"
    source.write_text(DROPPING)
    yield
    source.unlink()


def stochastic(folder, dataset, *, batch: int, uncertainty=None, seed: int = 0, screening: int = 3) -> Evaluation:
    settings = ModelSettings(
        classes={"disc": 1}, batch_size=batch, uncertainty=uncertainty or {"method": "sampling", "passes": 4}
    )
    segmenter = open_segmenter(["drawing_network:dropping"], settings, root=folder, device="cpu", seed=seed)
    return Evaluation(
        segmenter, dataset, score_keys=frozenset({"uncertainty"}), screening_patients=screening, seed=seed
    )


def test_rows_hold_a_number_of_every_measure_or_the_reason(uncertain):
    for row in uncertain().measure([CLEAN, NOISE, p.rotation(angle=20), p.field_of_view(share=0.3)]):
        assert "uncertainty" in row.scores
        assert set(VOXEL_KEYS) == (set(row.scores) | set(row.undefined)) & set(VOXEL_KEYS)
        assert not set(row.scores) & set(row.undefined)
        assert len(row.reliability) == 20
        assert all(math.isfinite(value) for value in row.scores.values())


def test_the_other_scores_are_bit_by_bit_what_they_were(evaluate):
    points = [CLEAN, NOISE, p.rotation(angle=20)]
    without = evaluate(stored=False, scores={"hd95", "agreement"}).measure(points)
    within = evaluate(stored=False, scores={"hd95", "agreement", "uncertainty"}).measure(points)

    for row, wider in zip(without, within, strict=True):
        assert not row.undefined
        assert not row.reliability
        assert {key: wider.scores[key] for key in row.scores} == row.scores
        assert (row.failure, row.predicted_voxels) == (wider.failure, wider.predicted_voxels)


def test_neither_batches_nor_what_was_measured_before_changes_a_row(uncertain):
    alone = uncertain().measure([NOISE])
    after = uncertain()
    after.measure([CLEAN, p.gamma(gamma=1.3)])
    assert plain(after.measure([NOISE])) == plain(alone)
    assert plain(uncertain(batch=1, screening_patients=8).measure([NOISE])) == plain(
        uncertain(batch=8, screening_patients=8).measure([NOISE])
    )


def test_screening_gives_the_numbers_of_the_full_measurement(uncertain):
    some = uncertain().measure([NOISE], screening=True)
    assert set(plain(some)) <= set(plain(uncertain().measure([NOISE])))


def test_the_threshold_is_the_same_whatever_comes_first_and_with_and_without_measuring(uncertain):
    first, second = uncertain(), uncertain()
    second.measure([NOISE, CLEAN], screening=True)
    second.measure([NOISE])
    assert first.uncertainty == second.uncertainty
    assert first.uncertainty["threshold"] > 0
    assert "3 clean screening images" in first.uncertainty["threshold_rule"]
    assert set(first.uncertainty) >= {"method", "passes", "map", "aggregation", "words", "threshold", "threshold_rule"}


def test_patients_that_the_threshold_is_frozen_on_are_part_of_the_context(evaluate, uncertain):
    assert uncertain().context != uncertain(screening_patients=4).context
    assert evaluate(stored=False).context == evaluate(stored=False, screening_patients=4).context
    assert evaluate(stored=False).context != uncertain().context


def test_including_uncertainty_widens_and_freezes_once(evaluate):
    evaluation = evaluate(stored=False)
    assert evaluation.uncertainty == {}
    wider = evaluation.including("uncertainty")
    assert wider is not evaluation
    assert wider.including("dsc") is wider
    assert wider.including("uncertainty") is wider
    assert wider.measure([CLEAN])[0].scores["dsc"] == evaluation.measure([CLEAN])[0].scores["dsc"]
    before = wider.segmenter.forward_passes
    widest = wider.including("hd95")
    assert widest.uncertainty == wider.uncertainty
    assert wider.segmenter.forward_passes == before


def test_a_crash_warned_of_nothing_and_is_the_worst_of_everything(uncertain):
    rows = uncertain("not_a_number").measure([NOISE])
    failed = [row for row in rows if row.failure and "NaN" in row.failure]
    assert failed
    for row in failed:
        assert row.scores["uncertainty"] == 0
        assert {key: row.scores[key] for key in VOXEL_KEYS} == {key: MEASURES[key].worst for key in VOXEL_KEYS}
        assert not row.undefined
        assert not row.reliability


def test_what_the_store_keeps_is_what_was_measured(evaluate):
    first = evaluate(scores={"uncertainty"}).measure([NOISE])
    second = evaluate(scores={"uncertainty"})
    again = second.measure([NOISE])
    assert second.segmenter.forward_passes == 0
    assert plain(again) == plain(first)
    assert [(row.undefined, row.reliability) for row in again] == [(row.undefined, row.reliability) for row in first]


def test_a_map_is_given_where_it_is_asked_for(uncertain, evaluate):
    evaluation = evaluate(stored=False)
    case = evaluation.dataset.cases[0]
    assert evaluation.predict(case, NOISE)[1].uncertainty is None
    image, prediction = evaluation.predict(case, NOISE, keep_uncertainty=True)
    assert prediction.uncertainty.shape == (1, *image.image.shape[1:])


def test_a_network_that_draws_repeats_itself_in_any_batch(folder, evaluate):
    dataset = evaluate(stored=False).dataset
    rows = [
        stochastic(folder, dataset, batch=batch, screening=8).measure([CLEAN, NOISE], realisations=2)
        for batch in (1, 3, 3)
    ]
    assert plain(rows[0]) == plain(rows[1]) == plain(rows[2])
    other = stochastic(folder, dataset, batch=3, seed=1, screening=8).measure([CLEAN])
    assert {r.scores["uncertainty"] for r in other} != {
        r.scores["uncertainty"] for r in rows[0] if r.point == str(CLEAN)
    }
    assert np.ptp([row.scores["uncertainty"] for row in rows[0]]) > 0


def test_an_attack_says_what_the_model_s_view_of_it_leaves_out(folder, evaluate):
    dataset = evaluate(stored=False).dataset
    averaged = stochastic(folder, dataset, batch=3, uncertainty={"method": "tta"})
    assert any("augmentations" in note for note in averaged.attack_notes)
    assert not any("augmentations" in note for note in evaluate(stored=False).attack_notes)
