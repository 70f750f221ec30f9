"""Networks that are stochastic by themselves: each case's draws are its own, in a sampling run and in an ordinary one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.checkpoint import Checkpoint
from pytest_segrobust.models.draws import Draw
from pytest_segrobust.models.segmenter import Segmenter
from pytest_segrobust.reference_networks.bayes_by_backprop import MeanFieldUNet
from pytest_segrobust.reference_networks.swag import Swag
from pytest_segrobust.reference_networks.unet import UNet

FLAT, SOLID = (1.0, 1.0), (1.0, 1.0, 1.0)
KEEP = {"keep_probabilities": True, "keep_uncertainty": True}
SAMPLING = {"method": "sampling", "passes": 5}


def image(*shape, seed=0):
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed)) * 2


class Weights(nn.Module):
    """Bayes by backprop in a line: one draw of weights for a forward call."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.sizes = []

    def forward(self, x):
        self.sizes.append(len(x))
        weight = self.conv.weight + 0.5 * torch.randn_like(self.conv.weight)
        return torch.nn.functional.conv2d(x, weight, self.conv.bias, padding=1)


class Latents(Weights):
    """A probabilistic U-Net in a line: one draw for each image of a batch."""

    def forward(self, x):
        self.sizes.append(len(x))
        return self.conv(x) + torch.randn(len(x), 3, 1, 1)


def drawn(network, picture, key, passes, seed=0):
    """Probabilities of passes, drawn as the segmenter draws."""
    stack = []
    for number in range(passes):
        torch.manual_seed(Draw(seed, key, number, of_network=True).seed_of())
        stack.append(network(picture[None])[0].softmax(0))
    return torch.stack(stack).detach()


@pytest.mark.parametrize("kind", [Weights, Latents])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_stochastic_network_is_drawn_for_each_case_and_pass(agrees, segmenter, kind, batch_size):
    network, pictures, keys = kind(), [image(8, 8, seed=i) for i in range(3)], ["a", "b", "c"]
    for order in ([0, 1, 2], [2, 0, 1]):
        ready = segmenter(network, uncertainty=SAMPLING, batch_size=batch_size)
        found = ready.predict([pictures[i] for i in order], [FLAT] * 3, **KEEP, keys=[keys[i] for i in order])
        for i, prediction in zip(order, found, strict=True):
            assert agrees(prediction, drawn(network, pictures[i], keys[i], 5))
        assert ready.warnings == ()


@pytest.mark.parametrize("kind", [Weights, Latents])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_all_slices_of_a_pass_are_of_one_draw_of_the_network(agrees, segmenter, kind, batch_size):
    network, picture = kind(), image(8, 8, 5)
    ready = segmenter(network, uncertainty=SAMPLING, batch_size=batch_size, dimensions=2)
    for _ in range(2):
        (prediction,) = ready.predict([picture], [SOLID], **KEEP, keys=["a"])
    slices = [drawn(network, one, "a", 5) for one in picture.unbind(-1)]
    assert agrees(prediction, torch.stack(slices, -1))
    network.sizes.clear()
    ready.predict([picture], [SOLID], keys=["a"])
    if kind is Latents:
        assert set(network.sizes) == {1}
    elif batch_size == 5:
        assert network.sizes == [5] * 5


@pytest.mark.parametrize("method", ["mc_dropout", "sampling"])
@pytest.mark.parametrize("solid", [False, True])
def test_windows_and_slices_do_not_depend_on_how_many_are_passed_at_once(segmenter, small, method, solid):
    values = {"uncertainty": {"method": method, "passes": 4}, "window": [8, 8], "dimensions": 2}
    picture = image(14, 11, 3) if solid else image(14, 11)
    results = []
    for size in (1, 2, 7):
        network = small() if method == "mc_dropout" else Latents()
        ready = segmenter(network, batch_size=size, **values)
        for _ in range(2):
            (prediction,) = ready.predict([picture], [SOLID if solid else FLAT], **KEEP, keys=["a"])
        results.append(prediction)
    assert results[0].uncertainty.max() > 1e-3
    for result in results[1:]:
        torch.testing.assert_close(result.uncertainty, results[0].uncertainty, rtol=0, atol=1e-6)
        assert torch.equal(result.masks, results[0].masks)


def test_slices_of_a_volume_drop_out_independently(segmenter, small):
    flat = torch.ones(1, 8, 8, 2)  # equal slices
    ready = segmenter(small(), uncertainty={"method": "mc_dropout", "passes": 3}, dimensions=2)
    (prediction,) = ready.predict([flat], [SOLID], **KEEP)
    assert not torch.allclose(prediction.uncertainty[..., 0], prediction.uncertainty[..., 1])


def test_the_run_s_seed_changes_the_draws_and_the_same_seed_repeats_them(settings):

    def predicted(seed):
        members = [Checkpoint("net", "function", "", Weights().eval())]
        made = Segmenter(members, settings(uncertainty=SAMPLING), device=torch.device("cpu"), seed=seed)
        return made.predict([image(8, 8)], [FLAT], **KEEP)[0].uncertainty

    assert torch.equal(predicted(1), predicted(1))
    assert not torch.allclose(predicted(1), predicted(2), atol=1e-4)


def test_a_deterministic_network_is_not_sampled(segmenter, steps):
    with pytest.raises(ModelError, match="its passes do not differ"):
        segmenter(steps, uncertainty=SAMPLING).predict([image(8, 8)], [FLAT])


def test_draws_of_another_generator_are_said(segmenter, steps):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator = torch.Generator().manual_seed(0)

        def forward(self, x):
            return steps(x) + torch.randn((), generator=self.generator)

    ready = segmenter(Own(), uncertainty=SAMPLING)
    ready.predict([image(8, 8)], [FLAT])
    assert len(ready.warnings) == 1
    assert "draws from another generator than torch's own" in ready.warnings[0]


def test_draws_without_effect_are_said(segmenter, steps):
    class Idle(nn.Module):
        def forward(self, x):
            torch.rand(1)
            return steps(x)

    ready = segmenter(Idle(), uncertainty=SAMPLING)
    (prediction,) = ready.predict([image(8, 8)], [FLAT], **KEEP)
    assert not prediction.uncertainty.any()
    assert "its passes of the first images do not differ" in ready.warnings[0]


@pytest.mark.parametrize("values", [{}, {"window": [6, 6]}, {"uncertainty": "tta"}])
def test_a_stochastic_network_in_an_ordinary_run_is_said_and_repeats(segmenter, values):
    torch.manual_seed(3)
    pictures, keys = [image(8, 8, seed=i) for i in range(3)], ["a", "b", "c"]
    results = []
    for order, size in (([0, 1, 2], 3), ([2, 1, 0], 1)):
        ready = segmenter(Latents(), batch_size=size, **values)
        state = torch.get_rng_state()
        found = ready.predict([pictures[i] for i in order], [FLAT] * 3, **KEEP, keys=[keys[i] for i in order])
        again = ready.predict([pictures[i] for i in order], [FLAT] * 3, **KEEP, keys=[keys[i] for i in order])
        assert torch.equal(torch.get_rng_state(), state)
        assert len(ready.warnings) == 1
        assert 'set uncertainty = "sampling"' in ready.warnings[0]
        for one, other in zip(found, again, strict=True):
            assert torch.equal(one.probabilities, other.probabilities)
        results.append({i: prediction.probabilities for i, prediction in zip(order, found, strict=True)})
    for i in range(3):
        torch.testing.assert_close(results[0][i], results[1][i], rtol=0, atol=1e-6)


def test_a_deterministic_network_is_passed_once_and_not_warned_of(segmenter, small):
    ready = segmenter(small())
    ready.predict([image(8, 8)] * 3, [FLAT] * 3, **KEEP, keys=["a", "b", "c"])
    assert ready.forward_passes == 3
    assert ready.warnings == ()


def collected(dimensions):
    """A SWAG of three snapshots of a U-Net."""
    torch.manual_seed(0)
    network = UNet(dimensions, filters=(2, 4), norm="instance")
    swag = Swag(network, rank=2)
    for _ in range(3):
        for parameter in network.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        swag.collect(network)
    return swag.eval()


def mean_field(dimensions):
    """Bayes by backprop with deviations of 0.13."""
    torch.manual_seed(0)
    network = MeanFieldUNet(dimensions, filters=(2, 4), norm="instance")
    for name, parameter in network.named_parameters():
        if name.endswith(".rho"):
            torch.nn.init.constant_(parameter, -2.0)
    return network.eval()


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("family", ["mean-field", "SWAG"])
def test_stochastic_reference_networks_are_the_loop_by_hand(agrees, segmenter, family, dimensions):
    network = collected(dimensions) if family == "SWAG" else mean_field(dimensions)
    pictures = [image(*(8,) * dimensions, seed=i) for i in range(2)]
    ready = segmenter(network, uncertainty=SAMPLING, batch_size=2)
    for _ in range(2):  # the first batch is tried out, the second is not
        found = ready.predict(pictures, [(1.0,) * dimensions] * 2, **KEEP, keys=["a", "b"])
    assert ready.warnings == ()
    for key, picture, prediction in zip("ab", pictures, found, strict=True):
        assert prediction.uncertainty.max() > 1e-4
        assert agrees(prediction, drawn(network, picture, key, 5))
