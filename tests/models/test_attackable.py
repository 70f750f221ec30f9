"""A model as attacks see it: the log of its mean class probabilities, with the gradient of the expectation."""

from __future__ import annotations

import math

import pytest
import torch

from pytest_segrobust.perturbations.frame import Frame

GRID = {2: (10, 12), 3: (6, 8, 4)}


def frames(count=1, dimensions=2):
    import numpy as np

    return [Frame(f"case-{i}", np.zeros(1), np.ones(1), (1.0,) * dimensions, ("?",) * dimensions) for i in range(count)]


def seen(segmenter, image, **options):
    return segmenter.attackable(image, (1.0,) * (image.ndim - 1), **options)


@pytest.fixture
def image():
    return torch.rand((1, *GRID[2]), generator=torch.Generator().manual_seed(0)) * 3


def test_one_network_gives_its_log_softmax(segmenter, steps, image):
    (head,) = seen(segmenter(steps), image).log_probabilities(image[None], frames())
    assert torch.allclose(head, steps(image[None]).log_softmax(1), atol=1e-6)


def test_an_ensemble_gives_the_log_of_its_mean_probabilities(segmenter, steps, image):
    class Other(torch.nn.Module):
        def forward(self, x):
            return torch.cat([x, -x, 0.5 * x], 1)

    (head,) = seen(segmenter(steps, Other()), image).log_probabilities(image[None], frames())
    mean = (steps(image[None]).softmax(1) + Other()(image[None]).softmax(1)) / 2
    assert torch.allclose(head, mean.log(), atol=1e-6)


def test_the_logarithm_of_a_sure_networks_probabilities_keeps_its_gradient(segmenter, image):
    class Sure(torch.nn.Module):
        def forward(self, x):
            return torch.cat([0 * x, 1000 * x, -1000 * x], 1)

    model = seen(segmenter(Sure()), image)
    start = image.clone().requires_grad_()
    (head,) = model.log_probabilities(start[None], frames())
    head[:, 2].sum().backward()
    assert bool((start.grad.abs() > 100).all())  # probabilities of exactly 0 would have none


def test_channels_of_the_same_structures_are_one_class_and_overlaps_are_classes_of_their_own(segmenter, image):
    class Five(torch.nn.Module):
        def forward(self, x):
            return torch.cat([x * k for k in (0.0, 1.0, -1.0, 0.5, 2.0)], 1)

    model = seen(segmenter(Five(), classes={"whole": [1, 2, 3], "core": [2, 3]}), image)
    (head,) = model.log_probabilities(image[None], frames())
    p = Five()(image[None]).softmax(1)
    expected = torch.stack([p[:, 0] + p[:, 4], p[:, 1], p[:, 2] + p[:, 3]], 1)
    assert torch.allclose(head.exp(), expected, atol=1e-6)
    whole = torch.tensor([[0, 1, 1, 0]]).bool()
    core = torch.tensor([[0, 0, 1, 1]]).bool()
    (classes,) = model.classes({"whole": whole, "core": core})
    assert classes.tolist() == [[0, 1, 2, -1]]  # core outside of whole: no channel says that


def test_seventy_structures_are_told_apart(segmenter, image):
    class Many(torch.nn.Module):
        def forward(self, x):
            return x.expand(-1, 71, *x.shape[2:])

    names = {f"s{k}": k for k in range(1, 71)}
    model = seen(segmenter(Many(), classes=names), image)
    masks = {name: torch.arange(72)[None] == k for name, k in names.items()}
    assert model.classes(masks)[0].tolist() == [[*range(71), 0]]


def test_sigmoid_has_a_head_of_two_classes_for_each_structure(segmenter, steps, image):
    model = seen(segmenter(steps, activation="sigmoid", classes={"a": 1, "b": [0, 2]}), image)
    a, b = model.log_probabilities(image[None], frames())
    logits = steps(image[None])
    for head, p in ((a, logits[:, 1].sigmoid()), (b, logits[:, [0, 2]].amax(1).sigmoid())):
        assert torch.allclose(head.exp(), torch.stack([1 - p, p], 1), atol=1e-6)
    masks = {"a": image > 1, "b": image > 2}
    assert torch.equal(model.classes(masks)[1], masks["b"].long())


@pytest.mark.parametrize("options", [{"window": [6, 6]}, {"pad_multiple": 16}, {"normalise": "zscore"}])
def test_padding_windows_and_normalisation_are_those_of_a_prediction(segmenter, image, options):
    class Wide(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv = torch.nn.Conv2d(1, 3, 3, padding=1)

        def forward(self, x):
            return self.conv(x)

    made = segmenter(Wide(), **options)
    (head,) = seen(made, image).log_probabilities(image[None], frames())
    (prediction,) = made.predict([image], [(1.0, 1.0)], keep_probabilities=True)
    assert torch.allclose(head[0].exp(), prediction.probabilities, atol=1e-5)


def test_a_volume_goes_through_a_flat_network_slice_by_slice_and_keeps_its_gradient(segmenter, steps):
    volume = torch.rand((1, *GRID[3]), generator=torch.Generator().manual_seed(0)) * 3
    made = segmenter(steps, dimensions=2, batch_size=3)
    start = volume.clone().requires_grad_()
    (head,) = seen(made, volume).log_probabilities(start[None], frames(dimensions=3))
    (prediction,) = made.predict([volume], [(1.0, 1.0, 1.0)], keep_probabilities=True)
    assert torch.allclose(head[0].exp(), prediction.probabilities, atol=1e-5)
    head[:, 2].sum().backward()
    assert bool((start.grad != 0).all())


def test_images_of_a_batch_do_not_know_of_each_other(segmenter, steps, image):
    images = torch.stack([image, image * 2, image * 0.5])
    model = seen(segmenter(steps), image)
    (together,) = model.log_probabilities(images, frames(3))
    for i in range(3):
        assert torch.equal(model.log_probabilities(images[i : i + 1], frames(1))[0][0], together[i])


def test_what_has_no_gradients_says_so(segmenter, steps, image, monkeypatch):
    class Rounding(torch.nn.Module):
        def forward(self, x):
            return steps(x.detach())

    assert seen(segmenter(steps), image).differentiable
    assert not seen(segmenter(Rounding()), image).differentiable

    class Labels(torch.nn.Module):
        def forward(self, x):
            return steps(x).argmax(1)

    model = seen(segmenter(Labels(), outputs="labels"), image)
    assert not model.differentiable
    (head,) = model.log_probabilities(image[None], frames())
    assert torch.equal(head.argmax(1), steps(image[None]).argmax(1))


def test_an_image_that_crashes_the_model_is_nan_and_the_others_are_not(segmenter, steps, image):
    class Shy(torch.nn.Module):
        def forward(self, x):
            if float(x.max()) > 100:
                raise ValueError("too bright")
            return steps(x)

    model = seen(segmenter(Shy()), image)
    (head,) = model.log_probabilities(torch.stack([image, image + 200]), frames(2))
    assert bool(head[0].isfinite().all())
    assert bool(head[1].isnan().all())


def test_a_stochastic_network_is_averaged_over_draws_that_repeat(segmenter, image):
    class Noisy(torch.nn.Module):
        def forward(self, x):
            return torch.cat([0 * x, x + torch.randn(()), x - 1], 1)

    made = segmenter(Noisy())
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = (seen(made, image, seed=seed, draws=400) for seed in (1, 1, 2))
    assert first.stochastic
    a, b, c = (model.log_probabilities(image[None], frames())[0] for model in (first, again, other))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert not torch.equal(first.log_probabilities(image[None], frames())[0], a)  # each step of an attack draws anew
    assert torch.equal(torch.get_rng_state(), state)  # the user's generator is left as it was
    draws = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    u = float(image[0, 0, 0])
    logits = torch.stack([torch.zeros_like(draws), u + draws, torch.full_like(draws, u - 1)])
    mean = logits.softmax(0).mean(1)
    assert a[0, :, 0, 0].exp().tolist() == pytest.approx(mean.tolist(), abs=4 * 0.5 / math.sqrt(400))


def test_an_attack_sees_the_mean_of_dropouts_passes_and_its_gradient(segmenter, image):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 1), torch.nn.BatchNorm2d(8), torch.nn.Dropout(0.5), torch.nn.Conv2d(8, 3, 1)
    )
    plain, made = (seen(segmenter(network, **values), image) for values in ({}, {"uncertainty": "mc_dropout"}))
    assert not plain.stochastic
    assert made.stochastic
    assert made.draws == 8
    model = seen(segmenter(network, uncertainty="mc_dropout"), image, draws=600)
    start = image.clone().requires_grad_()
    (head,) = model.log_probabilities(start[None], frames())
    head[:, 1].sum().backward()
    assert bool(start.grad.isfinite().all())
    assert bool((start.grad != 0).any())
    ready = segmenter(network, uncertainty={"method": "mc_dropout", "passes": 600})
    (prediction,) = ready.predict([image], [(1.0, 1.0)], keep_probabilities=True)
    assert torch.allclose(head[0].exp(), prediction.probabilities, atol=0.05)
    assert not torch.allclose(plain.log_probabilities(image[None], frames())[0][0].exp(), head[0].exp(), atol=1e-4)
    assert not network[1].training


@pytest.mark.parametrize("outputs", ["mean_variance", "dirichlet"])
def test_networks_that_return_their_doubt_are_attacked_at_their_mean_probabilities(segmenter, steps, image, outputs):
    class Doubting(torch.nn.Module):
        def forward(self, x):
            p = steps(x).softmax(1)
            return (p, p / 9) if outputs == "mean_variance" else 20 * p + 1e-6

    made = segmenter(Doubting(), outputs=outputs)
    model = seen(made, image)
    assert model.differentiable
    (head,) = model.log_probabilities(image[None], frames())
    (prediction,) = made.predict([image], [(1.0, 1.0)], keep_probabilities=True)
    assert torch.allclose(head[0].exp(), prediction.probabilities, atol=1e-6)
    assert not model.stochastic


def test_an_attack_ignores_augmentations_and_says_so(segmenter, steps, image):
    model = seen(segmenter(steps, uncertainty="tta"), image)
    assert "do not see that the product averages over augmentations" in model.note
    assert seen(segmenter(steps), image).note == ""
    (head,) = model.log_probabilities(image[None], frames())
    assert torch.allclose(head, steps(image[None]).log_softmax(1), atol=1e-6)
