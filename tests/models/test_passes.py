"""Predictions that are the mean of several passes: softmax, ensembles, and what goes wrong in one of them."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.running_moments import RunningMoments

FLAT, SOLID = (1.0, 1.0), (1.0, 1.0, 1.0)
KEEP = {"keep_probabilities": True, "keep_uncertainty": True}
SAMPLING = {"method": "sampling", "passes": 5}


def image(*shape, seed=0):
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed)) * 2


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3)])
@pytest.mark.parametrize("values", [{}, {"window": [8, 8]}])
def test_one_pass_has_the_entropy_of_its_probabilities_and_the_masks_it_had(
    segmenter, small, activation, shape, values
):
    ready = segmenter(small(), activation=activation, dimensions=2, **values)
    picture, spacing = image(*shape), (1.0,) * len(shape)
    (plain,) = ready.predict([picture], [spacing], keep_probabilities=True)
    (full,) = ready.predict([picture], [spacing], **KEEP)
    assert torch.equal(plain.masks, full.masks)
    assert torch.equal(plain.probabilities, full.probabilities)
    assert plain.uncertainty is None
    p = full.probabilities
    entropy = -(p * p.log()).sum(0, keepdim=True)
    if activation == "sigmoid":
        p = p[[1, 2]]
        entropy = -(p * p.log() + (1 - p) * (1 - p).log())
    torch.testing.assert_close(full.uncertainty, entropy, rtol=0, atol=1e-6)
    assert full.uncertainty.dtype == torch.float32


def test_an_ensemble_varies_as_its_members_do_and_keeps_its_masks(agrees, segmenter, small):
    networks, picture = [small(seed=seed) for seed in range(4)], image(12, 12)
    ready = segmenter(*networks)
    (plain,) = ready.predict([picture], [FLAT], keep_probabilities=True)
    (full,) = ready.predict([picture], [FLAT], **KEEP)
    assert agrees(full, torch.stack([network(picture[None])[0].softmax(0) for network in networks]).detach())
    assert torch.equal(plain.probabilities, full.probabilities)
    assert ready.forward_passes == 8


def test_a_sigmoid_ensemble_has_a_map_for_each_structure(segmenter, small):
    networks, picture = [small(seed=seed) for seed in range(3)], image(9, 9)
    ready = segmenter(*networks, activation="sigmoid", classes={"a": 1, "b": [0, 2]})
    (prediction,) = ready.predict([picture], [FLAT], **KEEP)
    p = torch.stack([network(picture[None])[0].sigmoid() for network in networks]).detach()
    heads = torch.stack([p[:, 1], p[:, [0, 2]].amax(1)], 1)
    torch.testing.assert_close(prediction.uncertainty, heads.var(0, correction=0), rtol=0, atol=1e-6)
    torch.testing.assert_close(prediction.probabilities, p.mean(0), rtol=0, atol=1e-6)


def test_label_maps_of_an_ensemble_vary_by_their_votes(segmenter, steps):
    class Says(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.value = value

        def forward(self, x):
            return torch.full_like(x[:, 0], self.value)

    (prediction,) = segmenter(Says(1.0), Says(2.0), Says(2.0), outputs="labels").predict([image(4, 4)], [FLAT], **KEEP)
    torch.testing.assert_close(prediction.uncertainty, torch.full((1, 4, 4), 2 / 9))


def test_several_checkpoints_without_their_spread_have_the_entropy_of_their_mean(segmenter, small):
    networks, picture = [small(seed=seed) for seed in range(2)], image(8, 8)
    (prediction,) = segmenter(*networks, uncertainty="softmax").predict([picture], [FLAT], **KEEP)
    p = prediction.probabilities
    torch.testing.assert_close(prediction.uncertainty, -(p * p.log()).sum(0, keepdim=True), rtol=0, atol=1e-6)


def ill(x):
    return x[:, :1, :1, :1] > 90


class Spoilt(nn.Module):
    """Stochastic; images whose first voxel is above 90 are spoilt in some passes."""

    def __init__(self, how, passes):
        super().__init__()
        self.how, self.passes, self.calls = how, passes, 0

    def forward(self, x):
        scores = torch.cat([0 * x, x - 0.5, 2 * x - 2], 1) + torch.randn(3, 1, 1)
        bad = ill(x).flatten()
        if bad.any():
            self.calls += 1
            if self.calls in self.passes:
                if self.how == "raise":
                    raise RuntimeError("no")
                scores[bad, 1, 0, :2] = torch.nan
        return scores


@pytest.mark.parametrize(
    ("how", "passes", "failure"),
    [
        ("nan", {3}, "NaN in 2 % of voxels (pass 3)"),
        ("nan", {2, 4}, "NaN in 2 % of voxels (2 of 5 passes, first pass 2)"),
        ("nan", {1, 2, 3, 4, 5}, "NaN in 2 % of voxels"),
        ("raise", set(range(100)), "crashed: RuntimeError: no"),
    ],
)
def test_a_bad_pass_fails_its_case_and_no_other(segmenter, how, passes, failure):
    good, bad = image(10, 10), image(10, 10, seed=1)
    bad[0, 0, 0] = 100
    ready = segmenter(Spoilt(how, passes), uncertainty=SAMPLING)
    ready.predict([good], [FLAT])
    one, other = ready.predict([good, bad], [FLAT] * 2, **KEEP, keys=["a", "b"])
    assert other.failure == failure
    assert other.masks is other.uncertainty is None
    (alone,) = ready.predict([good], [FLAT], **KEEP, keys=["a"])
    # not bit for bit: float sums of a batch of two may end otherwise than those of one, with several threads
    torch.testing.assert_close(one.uncertainty, alone.uncertainty, rtol=1e-5, atol=1e-6)


def test_memory_that_runs_out_changes_nothing_but_the_batch(segmenter, small):
    class Memory(nn.Module):
        def __init__(self, holds):
            super().__init__()
            self.network, self.holds = small(), holds

        def forward(self, x):
            if len(x) > self.holds:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self.network(x)

    pictures, keys = [image(8, 8, seed=i) for i in range(4)], list("abcd")
    values = {"uncertainty": {"method": "mc_dropout", "passes": 4}, "batch_size": 4}
    plenty, little = (
        segmenter(Memory(holds), **values).predict(pictures, [FLAT] * 4, **KEEP, keys=keys) for holds in (4, 1)
    )
    for one, other in zip(plenty, little, strict=True):
        torch.testing.assert_close(one.uncertainty, other.uncertainty, rtol=0, atol=1e-7)


def test_passes_are_counted(segmenter, small):
    ready = segmenter(small(), uncertainty={"method": "mc_dropout", "passes": 7})
    ready.predict([image(8, 8)], [FLAT], keys=["a"])
    assert ready.forward_passes == 7
    assert ready.forward_seconds > 0


def test_memory_does_not_grow_with_passes():
    def alive(passes):
        moments = RunningMoments("mutual_information")
        for _ in range(passes):
            moments.add(torch.rand(1, 2, 16, 16).softmax(1))
        return sum(value.numel() for value in vars(moments).values() if isinstance(value, torch.Tensor))

    assert alive(3) == alive(30)


@pytest.mark.parametrize("method", ["mc_dropout", "sampling", "tta", "ensemble"])
def test_a_prediction_never_holds_more_than_a_few_passes(segmenter, small, method):
    """What the network returned is let go of: with each pass, as many of the outputs before it are alive, or fewer."""

    class Watched(nn.Module):
        def __init__(self, seed):
            super().__init__()
            self.network, self.noisy = small(seed=seed), method == "sampling"

        def forward(self, x):
            scores = self.network(x) + (torch.randn(3, 1, 1) if self.noisy else 0)
            alive.append(sum(one() is not None for one in outputs))
            outputs.append(weakref.ref(scores))
            return scores

    most = {}
    for passes in (5, 25):
        alive, outputs = [], []
        if method in ("mc_dropout", "sampling"):
            networks, stated = [Watched(0)], {"method": method, "passes": passes}
        else:
            networks, stated = [Watched(seed) for seed in range(passes if method == "ensemble" else 1)], method
        ready = segmenter(*networks, uncertainty=stated)
        ready.predict([image(16, 16, seed=i) for i in range(2)], [FLAT] * 2, **KEEP, keys=["a", "b"])
        assert len(outputs) >= (7 if method == "tta" else passes)
        most[passes] = max(alive)
    assert most[25] == most[5] <= 4


@pytest.mark.parametrize(("share", "activation", "said"), [(1, "softmax", 0), (0.8, "softmax", 1), (0.8, "sigmoid", 0)])
def test_probabilities_of_classes_that_do_not_sum_to_1_are_warned_of(segmenter, small, share, activation, said):
    class Shares(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = small()

        def forward(self, x):
            return share * self.network(x).softmax(1)

    ready = segmenter(Shares(), outputs="probabilities", activation=activation)
    for _ in range(2):
        ready.predict([image(8, 8)], [FLAT])
    assert len([words for words in ready.warnings if "do not sum to 1 over its channels" in words]) == said


def test_keys_and_images_go_together(segmenter, steps):
    with pytest.raises(ModelError, match="2 images were given with 2 spacings and 1 keys"):
        segmenter(steps).predict([image(8, 8)] * 2, [FLAT] * 2, keys=["a"])


class Blur(nn.Module):
    """Deterministic, and of a mirrored image the mirror image, but for the order of its sums."""

    def forward(self, x):
        x = nn.functional.avg_pool2d(x, 5, 1, 2)
        return 20 * torch.cat([0.5 - x, x - 0.5, -x], 1)


TTA = {"uncertainty": {"method": "tta", "flips": [0, 1]}, "normalise": "zscore"}


@pytest.mark.parametrize("shown", ["variance", "summed_variance", "mutual_information"])
def test_rounding_of_mirrored_passes_is_no_uncertainty_and_is_warned_of(segmenter, shown):
    ready = segmenter(Blur(), uncertainty={**TTA["uncertainty"], "map": shown}, normalise="zscore")
    (prediction,) = ready.predict([0.5 + image(40, 40) / 20], [FLAT], **KEEP)
    assert (prediction.uncertainty == 0).all()
    warned = [words for words in ready.warnings if "do not differ beyond rounding" in words]
    assert len(warned) == 1
    assert '"tta"' in warned[0]


def test_an_ensemble_of_one_network_twice_is_warned_of_and_two_networks_are_not(segmenter, small):
    picture = image(12, 12)
    for networks, said in (((small(), small()), 1), ((small(seed=1), small(seed=2)), 0)):
        ready = segmenter(*networks, uncertainty="ensemble")
        ready.predict([picture], [FLAT])
        ready.predict([picture], [FLAT])
        assert len([words for words in ready.warnings if "do not differ beyond rounding" in words]) == said


def test_mirrored_passes_that_differ_are_not_warned_of(segmenter, small):
    ready = segmenter(small(), **TTA)
    ready.predict([image(12, 12)], [FLAT])
    assert not any("do not differ" in words for words in ready.warnings)
