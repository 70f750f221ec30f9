"""Small networks in a spec's folder, in every format, and segmenters over networks made in the test."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_segrobust.models.checkpoint import Checkpoint
from pytest_segrobust.models.segmenter import Segmenter
from pytest_segrobust.requirements.settings import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NETS = """
import torch

class Small(torch.nn.Module):
    def __init__(self, dimensions=2, channels=1, classes=3):
        super().__init__()
        conv = torch.nn.Conv3d if dimensions == 3 else torch.nn.Conv2d
        self.first = conv(channels, 4, 3, padding=1)
        self.drop = torch.nn.Dropout(0.5)
        self.last = conv(4, classes, 1)

    def forward(self, x):
        return self.last(self.drop(torch.relu(self.first(x))))

def build():
    return Small()

def build_solid():
    return Small(3)

def build_wide():
    net = Small()
    net.first = torch.nn.Conv2d(1, 5, 3, padding=1)
    return net

def nothing():
    return None

def broken():
    raise ValueError("no such thing\\nand more")

ready = Small()
number = 3

def centred(image, spacing):
    image -= image.mean()
    return image * spacing[0]

def halved(image, spacing):
    return image[:, ::2]

def listed(image, spacing):
    return image.tolist()

def doubled(image, spacing):
    return torch.cat([image, image])

def refusing(image, spacing):
    if image.max() > 100:
        raise ValueError("too bright")
    return image
"""


class Steps(torch.nn.Module):
    """A pointwise network whose answer is known: channel 1 wins between 0.5 and 1.5, channel 2 above."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros_like(x), x - 0.5, 2 * x - 2], 1)

    @staticmethod
    def masks(image: torch.Tensor) -> torch.Tensor:
        """The masks of an image, by their definition."""
        return torch.stack([(image[0] > 0.5) & (image[0] <= 1.5), image[0] > 1.5])


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def settings() -> Callable[..., ModelSettings]:
    """[model] with two structures, and what else is given."""

    def make(**values: Any) -> ModelSettings:
        return ModelSettings(**{"classes": {"a": 1, "b": 2}, "pad_multiple": 1, **values})

    return make


@pytest.fixture
def segmenter(settings: Callable[..., ModelSettings]) -> Callable[..., Segmenter]:
    """A segmenter over ready networks: segmenter(net, net, window=[8, 8])."""

    def make(*networks: torch.nn.Module, **values: Any) -> Segmenter:
        members = [Checkpoint("net", "function", "", network.eval()) for network in networks]
        return Segmenter(members, settings(**values), device=torch.device("cpu"))

    return make


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A spec's folder with nets.py."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "nets.py").write_text(NETS, encoding="utf-8")
    return folder


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., torch.nn.Module]:
    """The network of nets.py with weights of its own, in eval mode."""
    file = tmp_path_factory.mktemp("small") / "small_nets.py"
    file.write_text(NETS, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("small_nets", file)
    nets = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(nets)

    def make(dimensions: int = 2, seed: int = 0) -> torch.nn.Module:
        torch.manual_seed(seed)
        network: torch.nn.Module = nets.Small(dimensions)
        return network.eval()

    return make


@pytest.fixture
def agrees() -> Callable[..., bool]:
    """Whether a prediction has masks, probabilities and variance of the predicted class of passes (T, channels, *spatial)."""

    def check(prediction: Any, stack: torch.Tensor) -> bool:
        mean = stack.mean(0)
        torch.testing.assert_close(prediction.probabilities, mean, rtol=0, atol=1e-6)
        variance = stack.var(0, correction=0).gather(0, mean.argmax(0, keepdim=True))
        torch.testing.assert_close(prediction.uncertainty, variance, rtol=0, atol=1e-6)
        return torch.equal(prediction.masks, torch.stack([mean.argmax(0) == 1, mean.argmax(0) == 2]))

    return check


class Hostile:
    """An object whose pickle leaves a folder behind when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)

    @property
    def ran(self) -> bool:
        return self.trace.exists()


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return Hostile(tmp_path / "trace")
