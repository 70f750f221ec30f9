"""Images to perturb, and for every perturbation of the catalogue points to do it at."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import Frame
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, catalogue
from pytest_segrobust.perturbations.point import Point

SHAPES = {2: (53, 47), 3: (33, 29, 41)}  # odd: no whole vectors, no whole blocks; 3-D is large enough for two threads
AXES = {2: ("L", "P"), 3: ("L", "P", "S")}
SPACING = {2: (0.8, 1.0), 3: (0.8, 1.0, 1.5)}


def strong_values(parameter: Parameter | Choice) -> list[float | str]:
    """Both ends of what a clinic meets, or every word."""
    if isinstance(parameter, Choice):
        return list(parameter.options)
    return [value for value in parameter.plausible if value != parameter.identity]


def strong_points(group: tuple[Parameter | Choice, ...]) -> list[dict[str, float | str]]:
    """All combinations of ends, or all combinations of words with the ends in turn: a word and an end seldom meet badly."""
    words = [parameter for parameter in group if isinstance(parameter, Choice)]
    numbers = [parameter for parameter in group if not isinstance(parameter, Choice)]
    ends = [dict(zip([p.name for p in numbers], e, strict=True)) for e in product(*map(strong_values, numbers))]
    said = [dict(zip([p.name for p in words], w, strict=True)) for w in product(*map(strong_values, words))]
    return [{**said[i % len(said)], **ends[i % len(ends)]} for i in range(max(len(said), len(ends)))]


def points_of_the_catalogue() -> list[Point]:
    return [
        Point.of(perturbation.name, **values)
        for perturbation in catalogue().values()
        if not perturbation.attack  # which needs a model: tests/perturbations/attacks
        for group in perturbation.alternatives
        for values in strong_points(group)
    ]


def possible_in(point: Point, dimensions: int) -> bool:
    words = {part for _, value in point.steps[0].parameters for part in str(value).split("-")}
    words |= set(point.steps[0].name.split())
    return dimensions == 3 or not words & {"slices", "inferior", "superior", "coronal", "sagittal"}


def has_numbers(point: Point) -> bool:
    return any(not isinstance(value, str) for _, value in point.steps[0].parameters)


EVERYWHERE = [
    pytest.param((dimensions, point), id=f"{dimensions}D {point}")
    for dimensions in (2, 3)
    for point in points_of_the_catalogue()
    if possible_in(point, dimensions)
]


@dataclass
class Scan:
    """A batch of images of several cases in their own units, with labels and frames."""

    images: torch.Tensor
    labels: torch.Tensor
    frames: list[Frame]

    def unit(self, images: torch.Tensor) -> np.ndarray:
        low = torch.tensor(np.stack([f.low for f in self.frames]))
        high = torch.tensor(np.stack([f.high for f in self.frames]))
        shape = (*low.shape, *(1 for _ in images.shape[2:]))
        return ((images.double() - low.reshape(shape)) / (high - low).reshape(shape)).numpy()


def make_scan(dimensions: int, cases: int = 3, channels: int = 2, seed: int = 0) -> Scan:
    """Warm blobs on a cold ground with texture, between 0 and about 1200, whose unit scale runs from 100 to 900."""
    generator = torch.Generator().manual_seed(seed)
    shape = SHAPES[dimensions]
    grid = torch.stack(torch.meshgrid(*(torch.linspace(-1, 1, n) for n in shape), indexing="ij"))
    images, labels = [], []
    for _ in range(cases):
        centre = (torch.rand(dimensions, generator=generator) - 0.5).reshape(-1, *(1 for _ in shape))
        distance = ((grid - centre) ** 2).sum(0).sqrt()
        labels.append((distance < 0.5).int() + (distance < 0.25).int())
        texture = torch.rand((channels, *shape), generator=generator)
        images.append(
            150 + 500 * torch.exp(-4 * distance**2) + 300 * texture * (distance < 0.9) - 140 * (distance > 1.2)
        )
    frames = [
        Frame(f"case-{i}", np.full(channels, 100.0), np.full(channels, 900.0), SPACING[dimensions], AXES[dimensions])
        for i in range(cases)
    ]
    return Scan(torch.stack(images), torch.stack(labels), frames)


@pytest.fixture(params=EVERYWHERE)
def anywhere(request: pytest.FixtureRequest) -> tuple[Scan, Point]:
    """Every perturbation of the catalogue at every end of its plausible range, in 2-D and 3-D."""
    dimensions, point = request.param
    return make_scan(dimensions), point


@pytest.fixture(params=[each for each in EVERYWHERE if has_numbers(each.values[0][1])])
def with_numbers(request: pytest.FixtureRequest) -> tuple[Scan, Point]:
    """The same without steps of words alone, which have no strength."""
    dimensions, point = request.param
    return make_scan(dimensions), point


@pytest.fixture(
    params=[each for each in EVERYWHERE if catalogue()[each.values[0][1].steps[0].name].differentiable],
)
def differentiable(request: pytest.FixtureRequest) -> tuple[Scan, Point]:
    """The same of the differentiable ones."""
    dimensions, point = request.param
    return make_scan(dimensions), point


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def scan(request: pytest.FixtureRequest) -> Scan:
    return make_scan(request.param)


@pytest.fixture
def volume() -> Scan:
    return make_scan(3)


@pytest.fixture
def bits():
    """The bits of a tensor, for which -0.0 is not 0.0."""
    return lambda tensor: tensor.contiguous().view({4: torch.int32, 8: torch.int64}[tensor.dtype.itemsize])
