"""Models to attack whose worst case can be computed by hand, and batches to attack them with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.attacked import Attacked, Effort
from pytest_segrobust.perturbations.catalogue import catalogue
from pytest_segrobust.perturbations.frame import Batch, Frame
from pytest_segrobust.perturbations.unit_noise import normal_fields, uniform_fields

LOW, HIGH = 100.0, 300.0
EFFORT = Effort(steps=8)
SHAPES = {2: (9, 12), 3: (6, 7, 5)}


@dataclass
class Softmax:
    """One head: "organ" is class 1, "tumour" class 2 of `logits(u)` (N, 3, *spatial); voxels of "unknown" count nowhere."""

    logits: object
    differentiable: bool = True
    calls: int = 0
    shapes: list = field(default_factory=list)

    def log_probabilities(self, images, frames):
        assert len(images) == len(frames)
        self.calls += 1
        low = torch.tensor(np.stack([f.low for f in frames])).to(images)
        span = torch.tensor(np.stack([f.high - f.low for f in frames])).to(images)
        unit = (images - low.reshape(*low.shape, *(1 for _ in images.shape[2:]))) / span.reshape(
            *low.shape, *(1 for _ in images.shape[2:])
        )
        heads = [self.logits(unit).log_softmax(1)]
        return heads if self.differentiable else [head.detach() for head in heads]

    def classes(self, structures):
        found = structures["organ"].long() + 2 * structures["tumour"].long()
        return [found.masked_fill(structures["unknown"], -1) if "unknown" in structures else found]


@dataclass
class Raw(Softmax):
    """The same whose heads are what `logits(u)` gives: losses that are exactly linear in the image."""

    def log_probabilities(self, images, frames):
        self.calls += 1
        return [self.logits((images - LOW) / (HIGH - LOW))]


@dataclass
class Sigmoid(Softmax):
    """Two heads of two classes each, [not organ, organ] and [not tumour, tumour], of logits (N, 2, *spatial)."""

    def log_probabilities(self, images, frames):
        self.calls += 1
        z = self.logits((images - LOW) / (HIGH - LOW))
        log = torch.nn.functional.logsigmoid
        return [torch.stack([log(-z[:, i]), log(z[:, i])], 1) for i in range(2)]

    def classes(self, structures):
        return [structures["organ"].long(), structures["tumour"].long()]


def linear(slopes=(-8.0, 0.0, 8.0), offsets=(4.0, 1.0, -4.0)):
    """Logits a_k u + b_k of the first channel: low is background, the middle organ, high tumour."""

    def logits(unit):
        return torch.stack([a * unit[:, 0] + b for a, b in zip(slopes, offsets, strict=True)], 1)

    return logits


def convolutional(dimensions, classes=3, channels=1, seed=0):
    """A fixed small network without trained weights, all of whose sensitivity is its own."""
    generator = torch.Generator().manual_seed(seed)
    kernel = (3,) * dimensions
    first = torch.randn(8, channels, *kernel, generator=generator) / 3
    second = torch.randn(classes, 8, *kernel, generator=generator) / 3
    convolve = torch.nn.functional.conv2d if dimensions == 2 else torch.nn.functional.conv3d

    def logits(unit):
        return 4 * convolve(torch.tanh(convolve(unit, first, padding=1)), second, padding=1)

    return logits


def make_batch(
    model,
    *,
    dimensions=2,
    cases=2,
    channels=1,
    seed=0,
    region=None,
    structures=None,
    effort=EFFORT,
    surrogate=None,
    values=None,
):
    """Images in 0.1..0.9 with structures at random, on a unit scale from 100 to 300."""
    generator = torch.Generator().manual_seed(seed)
    shape = SHAPES[dimensions]
    if values is None:
        values = 0.1 + 0.8 * torch.rand((cases, channels, *shape), generator=generator)
    kinds = torch.randint(0, 3, (len(values), *values.shape[2:]), generator=generator)
    if structures is None:
        structures = {"organ": kinds == 1, "tumour": kinds == 2}
    frames = tuple(
        Frame(f"case-{i}", np.full(channels, LOW), np.full(channels, HIGH), (1.0,) * dimensions, ("?",) * dimensions)
        for i in range(len(values))
    )

    def keys(number):
        return [(0, frame.key, "attack", 0, number, 0) for frame in frames]

    return Batch(
        values,
        frames,
        normal=lambda number, shape: normal_fields(keys(number), shape, like=values),
        uniform=lambda number, shape: uniform_fields(keys(number), shape, like=values),
        region=region,
        attacked=Attacked(model, structures, effort, surrogate),
    )


def one_of(batch, place):
    """The batch of one sample alone."""
    frames = (batch.frames[place],)

    def keys(number):
        return [(0, frame.key, "attack", 0, number, 0) for frame in frames]

    like = batch.values[place : place + 1]
    return replace(
        batch,
        values=like,
        frames=frames,
        normal=lambda number, shape: normal_fields(keys(number), shape, like=like),
        uniform=lambda number, shape: uniform_fields(keys(number), shape, like=like),
        region=None if batch.region is None else batch.region[place : place + 1],
        attacked=replace(
            batch.attacked,
            structures={name: mask[place : place + 1] for name, mask in batch.attacked.structures.items()},
        ),
    )


ATTACKS = sorted(name for name, perturbation in catalogue().items() if perturbation.attack)
TARGETED = [name for name in ATTACKS if name.startswith("targeted")]
GUIDED = [name for name in ATTACKS if name not in TARGETED and name != "random perturbation"]
ITERATIVE = [name for name in GUIDED if name not in ("fgsm", "square attack")]  # by gradients


def run(name, batch, **parameters):
    """The attacked images of a batch; a number means the same for all samples."""
    numbers = {
        key: (value,) * len(batch.values) if isinstance(value, float) else value for key, value in parameters.items()
    }
    if name in TARGETED:
        numbers = {"source": "tumour", "target": "organ"} | numbers
    return catalogue()[name].apply(batch, **numbers)


def common_loss(batch, images, model=None):
    """Mean cross-entropy per sample, written again."""
    model = model or batch.attacked.model
    heads = model.log_probabilities(images * (HIGH - LOW) + LOW, batch.frames)
    classes = model.classes(batch.attacked.structures)
    losses = [
        torch.stack(
            [
                torch.nn.functional.nll_loss(logs[i : i + 1], true[i : i + 1], ignore_index=-1)
                for i in range(len(images))
            ]
        )
        for logs, true in zip(heads, classes, strict=True)
    ]
    return torch.stack(losses).mean(0)


def dice(reference, prediction, numbers=(1, 2)):
    """The mean Dice of one sample's structures that the reference has, written again."""
    scores = [
        2 * float((reference[prediction == k] == k).sum()) / float((reference == k).sum() + (prediction == k).sum())
        for k in numbers
        if (reference == k).any()
    ]
    return sum(scores) / len(scores) if scores else 0.0


def harm(batch, images):
    """Lost Dice per sample of a one-headed model, and where that is equal its loss."""
    model = batch.attacked.model
    (logs,) = model.log_probabilities(images * (HIGH - LOW) + LOW, batch.frames)
    (true,) = model.classes(batch.attacked.structures)
    losses = common_loss(batch, images)
    return [(round(1 - dice(true[i], logs[i].argmax(0)), 9), float(losses[i])) for i in range(len(images))]


class Room:
    """What the tests of this folder share."""

    Softmax, Raw, Sigmoid = Softmax, Raw, Sigmoid
    linear, convolutional = staticmethod(linear), staticmethod(convolutional)
    batch, one_of, run, common_loss, harm, dice = (
        staticmethod(make_batch),
        staticmethod(one_of),
        staticmethod(run),
        staticmethod(common_loss),
        staticmethod(harm),
        staticmethod(dice),
    )
    guided, targeted, attacks = GUIDED, TARGETED, ATTACKS


@pytest.fixture
def room():
    return Room


def pytest_generate_tests(metafunc):
    for fixture, names in (("attack", ATTACKS), ("iterative", ITERATIVE), ("guided", GUIDED), ("targeted", TARGETED)):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, names)
    if "dimensions" in metafunc.fixturenames:
        metafunc.parametrize("dimensions", [2, 3], ids=["2D", "3D"])
    if "radius" in metafunc.fixturenames:
        metafunc.parametrize("radius", ["epsilon", "snr", "l2"])
