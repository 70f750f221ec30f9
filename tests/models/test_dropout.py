"""Monte Carlo dropout: dropout alone is switched on, and each image draws as if it were alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import nn

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.draws import Draw
from pytest_segrobust.models.segmenter import open_segmenter
from pytest_segrobust.reference_networks.unet import UNet

FLAT = (1.0, 1.0)
PASSES = 6
KEYS = ["case-0", "case-1", "case-2", "case-3"]
MC = {"method": "mc_dropout", "passes": PASSES}


def images(count=4, *shape):
    return [torch.rand(1, *(shape or (8, 8)), generator=torch.Generator().manual_seed(i)) * 2 for i in range(count)]


class Net(nn.Module):
    """Convolution, norm, whatever drops out, convolution."""

    def __init__(self, drop, dimensions=2):
        super().__init__()
        torch.manual_seed(0)
        conv = nn.Conv3d if dimensions == 3 else nn.Conv2d
        self.first, self.last = conv(1, 4, 3, padding=1), conv(4, 3, 1)
        self.norm = (nn.BatchNorm3d if dimensions == 3 else nn.BatchNorm2d)(4)
        self.norm.running_mean.fill_(0.1)
        self.drop = drop

    def forward(self, x):
        return self.last(self.drop(self.norm(self.first(x))))


class Functional(Net):
    """Drops out by a call that reads the `training` of a module which holds a norm."""

    def __init__(self, call=F.dropout, share=0.5):
        super().__init__(nn.Identity())
        self.call, self.share = call, share

    def forward(self, x):
        return self.last(self.call(self.norm(self.first(x)), self.share, training=self.training))


class Named(nn.Dropout):
    """A user's subclass that draws by itself."""

    def forward(self, x):
        return x * (1 + 0.3 * torch.randn_like(x)) if self.training else x


class Tokens(nn.Module):
    """Dropout of tokens in front of images: rows of the dropped tensor are not images."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        tokens = self.drop(x.flatten(2).permute(2, 0, 1))  # (voxels, N, channels)
        x = tokens.permute(1, 2, 0).reshape(x.shape)
        return torch.cat([0 * x, x - 0.5, 2 * x - 2], 1)


def by_hand(network, image, seed_of, layers=(nn.modules.dropout._DropoutNd,)):
    """The loop that a user would write: all in eval mode, dropout layers in training, seeded pass by pass."""
    network.eval()
    for module in network.modules():
        if isinstance(module, layers):
            module.train()
    stack = []
    for number in range(PASSES):
        torch.manual_seed(seed_of(number))
        with torch.no_grad():
            stack.append(network(image[None])[0].softmax(0))
    network.eval()
    return torch.stack(stack)


LAYERS = [
    nn.Dropout(0.5),
    nn.Dropout(0.3, inplace=True),
    nn.Dropout2d(0.5),
    nn.AlphaDropout(0.4),
    nn.FeatureAlphaDropout(0.4),
]


@pytest.mark.parametrize("drop", [*LAYERS, Named(0.5)], ids=lambda layer: f"{type(layer).__name__}-{layer.inplace}")
@pytest.mark.parametrize("batch_size", [1, 3, 4])
def test_it_is_the_loop_by_hand_with_the_same_seeds_whatever_the_batch(segmenter, drop, batch_size):
    network = Net(drop)
    ready = segmenter(network, uncertainty=MC, batch_size=batch_size)
    pictures = images()
    for _ in range(2):  # the first batch is tried out, the second is not
        predictions = ready.predict(pictures, [FLAT] * 4, keep_probabilities=True, keep_uncertainty=True, keys=KEYS)
    assert ready.warnings == ()
    for key, picture, prediction in zip(KEYS, pictures, predictions, strict=True):
        stack = by_hand(network, picture, lambda number, key=key: Draw(0, key, number).seed_of())
        mean = stack.mean(0)
        assert stack.var(0).max() > 1e-4
        torch.testing.assert_close(prediction.probabilities, mean, rtol=0, atol=1e-6)
        variance = stack.var(0, correction=0).gather(0, mean.argmax(0, keepdim=True))
        torch.testing.assert_close(prediction.uncertainty, variance, rtol=0, atol=1e-6)
        assert torch.equal(prediction.masks, torch.stack([mean.argmax(0) == 1, mean.argmax(0) == 2]))


@pytest.mark.parametrize("drop", [nn.Dropout(0.5), nn.Dropout3d(0.5)], ids=lambda layer: type(layer).__name__)
def test_volumes_too(segmenter, drop):
    network = Net(drop, dimensions=3)
    ready = segmenter(network, uncertainty=MC)
    (picture,) = images(1, 6, 5, 4)
    (prediction,) = ready.predict([picture], [(1.0,) * 3], keep_probabilities=True, keys=["v"])
    stack = by_hand(network, picture, lambda number: Draw(0, "v", number).seed_of())
    torch.testing.assert_close(prediction.probabilities, stack.mean(0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_the_reference_network_with_dropout_is_the_loop_by_hand(segmenter, dimensions, batch_size):
    torch.manual_seed(0)
    network = UNet(dimensions, filters=(2, 4), dropout=0.5, norm="instance").eval()
    pictures = images(2, *(8,) * dimensions)
    ready = segmenter(network, uncertainty=MC, batch_size=batch_size)
    for _ in range(2):
        found = ready.predict(
            pictures, [(1.0,) * dimensions] * 2, keep_probabilities=True, keep_uncertainty=True, keys=KEYS[:2]
        )
    for key, picture, prediction in zip(KEYS, pictures, found, strict=False):
        stack = by_hand(network, picture, lambda number, key=key: Draw(0, key, number).seed_of())
        mean = stack.mean(0)
        variance = stack.var(0, correction=0).gather(0, mean.argmax(0, keepdim=True))
        assert variance.max() > 1e-5
        torch.testing.assert_close(prediction.probabilities, mean, rtol=0, atol=1e-6)
        torch.testing.assert_close(prediction.uncertainty, variance, rtol=0, atol=1e-6)


def test_one_image_has_the_bits_of_the_loop_by_hand(segmenter):
    network = Net(nn.Dropout(0.5))
    ready = segmenter(network, uncertainty=MC, batch_size=1)
    picture = images()[0]
    (prediction,) = ready.predict([picture], [FLAT], keep_probabilities=True, keys=["a"])
    stack = by_hand(network, picture, lambda number: Draw(0, "a", number).seed_of())
    total = stack[0]
    for one in stack[1:]:
        total = total + one
    assert torch.equal(prediction.probabilities, total / PASSES)


@pytest.mark.parametrize(
    "drop", [nn.Dropout(0.5), nn.Dropout2d(0.5), Named(0.5)], ids=lambda layer: type(layer).__name__
)
def test_an_image_does_not_know_of_its_batch_or_its_place_in_it(segmenter, drop):
    network, pictures = Net(drop), images()
    results = []
    for order, size in (([0, 1, 2, 3], 4), ([3, 1, 0, 2], 3), ([2, 0], 2), ([1], 1), ([3], 1)):
        ready = segmenter(network, uncertainty=MC, batch_size=size)
        found = ready.predict(
            [pictures[i] for i in order], [FLAT] * len(order), keep_uncertainty=True, keys=[KEYS[i] for i in order]
        )
        results.append({i: prediction.uncertainty for i, prediction in zip(order, found, strict=True)})
    for result in results[1:]:
        for i, uncertainty in result.items():
            torch.testing.assert_close(uncertainty, results[0][i], rtol=0, atol=1e-7)
    assert not torch.allclose(results[0][0], results[0][1], atol=1e-4)


@pytest.mark.parametrize(("network", "together"), [(Net(nn.Dropout(0.5)), True), (Tokens(), False)])
def test_images_share_a_pass_where_that_is_known_to_be_harmless(segmenter, network, together):
    sizes = []
    network.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    ready = segmenter(network, uncertainty=MC, batch_size=4)
    ready.predict(images(), [FLAT] * 4, keys=KEYS)
    tried = 4 + 4 + 1  # together, alone, and one with another seed to compare with
    assert ready.forward_passes == sum(sizes) == tried + 4 * (PASSES - 1)
    sizes.clear()
    ready.predict(images(), [FLAT] * 4, keys=KEYS)
    assert sizes == ([4] * PASSES if together else [1] * 4 * PASSES)


def test_the_users_generator_and_the_network_are_left_as_they_were(segmenter):
    network = Net(nn.Dropout(0.5))
    ready = segmenter(network, uncertainty=MC)
    before, buffers = torch.get_rng_state(), {name: value.clone() for name, value in network.state_dict().items()}
    ready.predict(images(), [FLAT] * 4, keys=KEYS)
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(module.training for module in network.modules())
    assert all(torch.equal(value, buffers[name]) for name, value in network.state_dict().items())


def test_norms_stay_as_they_are_in_an_ordinary_prediction(segmenter):
    seen = []
    network = Net(nn.Dropout(0.5))
    network.norm.register_forward_hook(
        lambda module, inputs, output: seen.append((module.training, network.drop.training))
    )
    segmenter(network, uncertainty=MC).predict(images(), [FLAT] * 4)
    assert set(seen) == {(False, True)}


@pytest.mark.parametrize("call", [F.dropout, F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_functional_dropout_is_switched_on_without_the_norms_and_said(segmenter, call, batch_size):
    network = Functional(call)
    buffers = {name: value.clone() for name, value in network.state_dict().items()}
    ready = segmenter(network, uncertainty=MC, batch_size=batch_size)
    pictures = images()
    for _ in range(2):
        predictions = ready.predict(pictures, [FLAT] * 4, keep_probabilities=True, keys=KEYS)
    assert len(ready.warnings) == 1
    assert "calls dropout in its forward rather than by a layer: 1 such calls" in ready.warnings[0]
    assert all(torch.equal(value, buffers[name]) for name, value in network.state_dict().items())
    for key, picture, prediction in zip(KEYS, pictures, predictions, strict=True):
        stack = []
        for number in range(PASSES):
            torch.manual_seed(Draw(0, key, number).seed_of())
            with torch.no_grad():
                hidden = network.norm(network.first(picture[None]))
                stack.append(network.last(call(hidden, 0.5, training=True))[0].softmax(0))
        torch.testing.assert_close(prediction.probabilities, torch.stack(stack).mean(0), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "network",
    [Net(nn.Identity()), Net(nn.Dropout(0.0)), Functional(share=0.0)],
    ids=["none", "share 0", "functional share 0"],
)
def test_a_network_without_dropout_is_refused(segmenter, network):
    with pytest.raises(ModelError, match="has no dropout with a share above 0: choose another"):
        segmenter(network, uncertainty=MC).predict(images(), [FLAT] * 4)


def test_functional_dropout_that_is_never_off_is_dropout_and_said(segmenter):
    """`F.dropout(x)` without `training`: no layer to switch on, and yet the loop by hand has passes that differ."""

    class Always(Net):
        def forward(self, x):
            return self.last(F.dropout(self.norm(self.first(x)), 0.4))

    network, pictures = Always(nn.Identity()), images()
    ready = segmenter(network, uncertainty=MC)
    predictions = ready.predict(pictures, [FLAT] * 4, keep_probabilities=True, keys=KEYS)
    assert len(ready.warnings) == 1
    assert "calls dropout in its forward rather than by a layer, and 1 such calls" in ready.warnings[0]
    assert "are on in ordinary predictions, too" in ready.warnings[0]
    for key, picture, prediction in zip(KEYS, pictures, predictions, strict=True):
        stack = by_hand(network, picture, lambda number, key=key: Draw(0, key, number).seed_of())
        torch.testing.assert_close(prediction.probabilities, stack.mean(0), rtol=0, atol=1e-6)


def test_dropout_that_is_never_reached_is_refused(segmenter):
    class Bypassed(Net):
        def forward(self, x):
            return self.last(self.norm(self.first(x)))

    with pytest.raises(ModelError, match="no dropout of net is reached"):
        segmenter(Bypassed(nn.Dropout(0.5)), uncertainty=MC).predict(images(), [FLAT] * 4)


def test_other_draws_beside_dropout_are_each_images_own_too(segmenter):
    class Noisy(Net):
        def forward(self, x):
            return super().forward(x) + torch.randn(len(x), 3, 1, 1)

    network, pictures = Noisy(nn.Dropout(0.5)), images()
    together, alone = (
        segmenter(network, uncertainty=MC, batch_size=size).predict(
            pictures, [FLAT] * 4, keep_uncertainty=True, keys=KEYS
        )
        for size in (4, 1)
    )
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one.uncertainty, other.uncertainty)


def test_dropout_of_a_layout_without_images_first_is_each_images_own_too(segmenter):
    pictures = images()
    for repeats in (1, 2):
        made = [segmenter(Tokens(), uncertainty=MC, batch_size=size) for size in (4, 1)]
        for _ in range(repeats):
            together, alone = (ready.predict(pictures, [FLAT] * 4, keep_uncertainty=True, keys=KEYS) for ready in made)
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one.uncertainty, other.uncertainty, rtol=0, atol=1e-6)


def test_attention_drops_out_too(segmenter):
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.attention = nn.MultiheadAttention(4, 2, dropout=0.3, batch_first=True)
            self.first, self.last = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 3, 1)

        def forward(self, x):
            y = self.first(x)
            tokens = y.flatten(2).transpose(1, 2)
            tokens = self.attention(tokens, tokens, tokens)[0]
            return self.last(tokens.transpose(1, 2).reshape(y.shape))

    pictures = images()
    together, alone = (
        segmenter(Attending(), uncertainty=MC, batch_size=size).predict(
            pictures, [FLAT] * 4, keep_uncertainty=True, keys=KEYS
        )
        for size in (4, 1)
    )
    assert together[0].uncertainty.max() > 0
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.uncertainty, other.uncertainty, rtol=0, atol=1e-7)


def test_a_scripted_network_drops_out_and_a_traced_one_is_refused(project, tmp_path, settings):
    network = Net(nn.Dropout(0.5)).eval()
    torch.jit.script(network).save(str(tmp_path / "scripted.pt"))
    torch.jit.trace(network, torch.zeros(1, 1, 8, 8)).save(str(tmp_path / "traced.pt"))
    pictures = images()
    ready = open_segmenter([str(tmp_path / "scripted.pt")], settings(uncertainty=MC), root=project, device="cpu")
    for key, picture, prediction in zip(
        KEYS, pictures, ready.predict(pictures, [FLAT] * 4, keep_probabilities=True, keys=KEYS), strict=True
    ):
        stack = by_hand(network, picture, lambda number, key=key: Draw(0, key, number).seed_of())
        torch.testing.assert_close(prediction.probabilities, stack.mean(0), rtol=0, atol=1e-6)
    traced = open_segmenter([str(tmp_path / "traced.pt")], settings(uncertainty=MC), root=project, device="cpu")
    with pytest.raises(ModelError, match="a traced program has fixed it as off"):
        traced.predict(pictures, [FLAT] * 4)


def test_an_exported_program_has_no_dropout_left(project, tmp_path, settings):
    program = torch.export.export(Net(nn.Dropout(0.5)).eval(), (torch.zeros(1, 1, 8, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(ModelError, match="hand over weights with network where a program was exported"):
        open_segmenter([str(tmp_path / "net.pt2")], settings(uncertainty=MC), root=project, device="cpu")
