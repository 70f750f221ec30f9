from __future__ import annotations

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.outputs import fault_of, masks_of, not_finite, tensor_of, votes, winners

X = torch.zeros(1, 2, 4, 4)
OTHER = torch.ones(1, 2, 4, 4)


@pytest.mark.parametrize(
    "output",
    [
        X,
        {"logits": X, "aux": OTHER},
        {"aux": OTHER, "out": X},
        {"pred": X},
        {"y": X},
        (X, OTHER),
        [X, OTHER],
        ({"out": X},),
    ],
)
def test_the_tensor_that_counts_is_found(output):
    assert tensor_of(output) is X


@pytest.mark.parametrize(
    ("output", "words"), [(None, "NoneType"), ({"a": X, "b": X}, "a, b"), ([], "list"), ("mask", "str")]
)
def test_anything_else_is_refused_by_name(output, words):
    with pytest.raises(ModelError, match=words):
        tensor_of(output)


@pytest.mark.parametrize("channels", [1, 2, 3, 7, 300])
def test_winners_are_argmax(channels):
    scores = torch.randn(channels, 5, 6, 7, generator=torch.Generator().manual_seed(channels))
    assert torch.equal(winners(scores).long(), scores.argmax(0))


def test_the_lowest_channel_wins_a_tie():
    assert winners(torch.tensor([[1.0, 0.0], [1.0, 2.0], [0.0, 2.0]])).tolist() == [0, 1]


def test_masks_are_channels_and_unions_of_channels():
    scores = torch.eye(4).reshape(4, 2, 2)
    masks = masks_of(scores, [(1,), (1, 3)], None)
    assert masks.dtype == torch.bool
    assert masks.int().tolist() == [[[0, 1], [0, 0]], [[0, 1], [0, 1]]]


def test_with_a_threshold_masks_may_overlap_and_the_threshold_itself_is_outside():
    scores = torch.tensor([[0.6, 0.5], [0.7, 0.2]])
    assert masks_of(scores, [(0,), (1,), (0, 1)], 0.5).tolist() == [[True, False], [True, False], [True, False]]


def test_votes_put_each_label_into_its_channel_and_strangers_into_the_last():
    labels = torch.tensor([[[0, 1], [2, 9]]])
    assert votes(labels, 3).argmax(1).tolist() == [[[0, 1], [2, 3]]]
    assert (votes(labels, 3).sum(1) == 1).all()


def test_votes_keep_nan_where_it_was():
    labels = torch.tensor([[[0.0, torch.nan], [2.0, 1.0]]])
    assert votes(labels, 3).isnan().any(1).tolist() == [[[False, True], [False, False]]]


def test_voxels_that_are_not_finite_are_counted_once_whatever_the_channel():
    scores = torch.zeros(3, 10, 10)
    assert not_finite(scores) == (0, 0)
    scores[0, 0, :5] = torch.nan
    scores[1, 0, :6] = torch.nan
    scores[2, 1, 0] = -torch.inf
    assert not_finite(scores) == (6, 1)


@pytest.mark.parametrize(
    ("nan", "infinite", "voxels", "words"),
    [
        (0, 0, 100, None),
        (12, 0, 100, "NaN in 12 % of voxels"),
        (1, 0, 150_000, "NaN in 0.00067 % of voxels"),
        (100, 0, 100, "NaN in all voxels"),
        (0, 5, 100, "infinity in 5 % of voxels"),
        (1, 1, 100, "NaN in 1 % of voxels and infinity in 1 % of voxels"),
    ],
)
def test_a_fault_says_how_much_and_never_0(nan, infinite, voxels, words):
    assert fault_of({"NaN": nan, "infinity": infinite}, voxels) == words
