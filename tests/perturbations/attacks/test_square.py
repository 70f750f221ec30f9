"""The square attack: queries alone, and not more than were allowed."""

from __future__ import annotations

import pytest
import torch

from pytest_segrobust.perturbations.attacked import Effort
from pytest_segrobust.perturbations.attacks.square import share_of


def test_squares_shrink_as_in_the_paper():
    assert [share_of(query, 10_000) for query in (0, 10, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001)] == [
        0.8 / 2**k for k in (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    ]
    assert share_of(100, 200) == 0.8 / 2**7  # the same schedule, rescaled to fewer queries


@pytest.mark.parametrize("queries", [2, 3, 40])
def test_a_model_is_asked_as_often_as_was_allowed(room, queries):
    model = room.Softmax(room.linear(), differentiable=False)
    batch = room.batch(model, effort=Effort(queries=queries))
    room.run("square attack", batch, epsilon=0.05)
    assert model.calls == queries


def test_without_gradients_harm_is_done_and_more_queries_do_more(room, radius, dimensions):
    model = room.Softmax(room.convolutional(dimensions), differentiable=False)
    harms = []
    for queries in (2, 30, 200):
        batch = room.batch(model, dimensions=dimensions, effort=Effort(queries=queries))
        number = {"epsilon": 0.05, "snr": 20.0, "l2": 0.03}[radius]
        harms.append(room.harm(batch, room.run("square attack", batch, **{radius: number})))
    for found in zip(room.harm(batch, batch.values), *harms, strict=True):
        assert list(found) == sorted(found)
        assert found[3] > found[1]


def test_it_comes_near_the_worst_case_of_a_linear_model(room):
    model = room.Softmax(lambda unit: torch.stack([-8 * unit[:, 0], 8 * unit[:, 0] - 8, 0 * unit[:, 0] - 50], 1))
    organ = torch.zeros(1, 9, 12, dtype=torch.bool)
    organ[:, :, 6:] = True
    batch = room.batch(model, cases=1, structures={"organ": organ, "tumour": organ & False}, effort=Effort(queries=400))
    worst = batch.values + 0.05 * (1 - 2.0 * organ.unsqueeze(1))
    clean, found, most = (
        float(room.common_loss(batch, images))
        for images in (batch.values, room.run("square attack", batch, epsilon=0.05), worst)
    )
    assert found - clean > 0.8 * (most - clean)


def test_squares_stay_about_a_small_region_so_that_no_query_is_lost(room):
    region = torch.zeros(1, 9, 12, dtype=torch.bool)
    region[0, 3:6, 7:10] = True
    seen = []

    def logits(unit):
        seen.append(unit.detach().clone())
        return room.linear()(unit)

    batch = room.batch(room.Softmax(logits), cases=1, region=region, effort=Effort(queries=30))
    room.run("square attack", batch, epsilon=0.05)
    unseen = sum(torch.equal(a, b) for a, b in zip(seen[1:-1], seen[:-2], strict=True))
    outside = torch.stack(seen)[:, 0, 0][:, ~region[0]]
    torch.testing.assert_close(outside, batch.values[0, 0][~region[0]].expand_as(outside), rtol=0, atol=1e-6)
    assert unseen < 15
