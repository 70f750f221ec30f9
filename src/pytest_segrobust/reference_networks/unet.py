"""A small U-Net: convolution, norm and ReLU, max-pool on the way down, up-sampling and concatenation on the way up.

Every family is this one network: a family is made by other layers (`Layers`), the graph and the names of the weights
stay the same, so that the weights of one family can be loaded into another.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import torch
from torch import nn

from pytest_segrobust.reference_networks.dimensions import CONVOLUTION, INTERPOLATION, NORM, POOLING, Norm, Upsampling
from pytest_segrobust.reference_networks.instance_norm import channels_last

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Role = Literal["hidden", "up", "last"]
"""Where a convolution stands: `up` is the first one after an up-sampling, `last` gives the logits."""

FILTERS = (8, 16, 32)
"""Filters of each level from the top to the bottleneck; the way up mirrors them (the paper's hippocampus: 32, 64, 128)."""


class Form(TypedDict, total=False):
    """What every family's U-Net can be given: `convolutions` is how many units each level has."""

    channels: int
    classes: int
    filters: Sequence[int]
    convolutions: int
    norm: Norm
    upsampling: Upsampling


class Layers:
    """The layers of a deterministic U-Net; a family overrides those that it has otherwise."""

    def __init__(self, dimensions: int, norm: Norm, upsampling: Upsampling) -> None:
        if dimensions not in (2, 3):
            raise ValueError(f"dimensions must be 2 or 3, not {dimensions}")
        if norm not in ("batch", "instance"):
            raise ValueError(f'norm must be "batch" or "instance", not "{norm}"')
        if upsampling not in ("nearest", "linear"):
            raise ValueError(f'upsampling must be "nearest" or "linear", not "{upsampling}"')
        self.dimensions = dimensions
        self.kind: Norm = norm
        self.interpolation: Upsampling = upsampling

    def convolution(self, channels: int, filters: int, size: int, role: Role) -> nn.Module:
        """A convolution that keeps the grid; the last one alone has a bias, all others are followed by a norm."""
        make = CONVOLUTION[self.dimensions]
        return make(channels, filters, size, padding=size // 2, bias=role == "last")

    def norm(self, channels: int) -> nn.Module:
        """Batch or instance norm with a learnt gain and offset."""
        return NORM[self.kind, self.dimensions](channels)

    def rectifier(self) -> nn.Module:
        """ReLU."""
        return nn.ReLU()

    def pooling(self) -> nn.Module:
        """Max-pool over pairs of voxels of each axis."""
        return POOLING[self.dimensions](2)

    def upsampling(self) -> nn.Module:
        """Twice as many voxels along each axis."""
        return nn.Upsample(scale_factor=2, **INTERPOLATION[self.interpolation, self.dimensions])

    def concatenation(self) -> nn.Module:
        """Channels of two activations, one after the other."""
        return Concatenation()


class Concatenation(nn.Module):
    """Channels of two activations, one after the other."""

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """(N, A, *spatial) and (N, B, *spatial) to (N, A + B, *spatial)."""
        return torch.cat([first, second], 1)


class UNet(nn.Module):
    """(N, channels, *spatial) to logits (N, classes, *spatial); spatial sizes are multiples of 2 ** (levels - 1).

    `convolutions` is how many convolution-norm-ReLU units each level has, `dropout` the probability of Monte Carlo
    dropout at the bottleneck (the paper: 0.5, nowhere else), 0 for none. `layers` makes the family's layers.
    """

    def __init__(
        self,
        dimensions: int = 2,
        *,
        channels: int = 1,
        classes: int = 3,
        filters: Sequence[int] = FILTERS,
        convolutions: int = 2,
        norm: Norm = "batch",
        upsampling: Upsampling = "nearest",
        dropout: float = 0.0,
        layers: Callable[[int, Norm, Upsampling], Layers] | None = None,
    ) -> None:
        super().__init__()
        if not filters or convolutions < 1:
            raise ValueError("a U-Net needs at least one level and one convolution per level")
        kit = (layers or Layers)(dimensions, norm, upsampling)
        self.dimensions = dimensions
        self.multiple = 2 ** (len(filters) - 1)
        widths = [channels, *filters]
        self.down = nn.ModuleList(
            _level(kit, before, after, convolutions, "hidden") for before, after in itertools.pairwise(widths)
        )
        self.pool = kit.pooling()
        self.dropout: nn.Module = nn.Dropout(dropout) if dropout else nn.Identity()
        self.upsample = kit.upsampling()
        self.join = kit.concatenation()
        rising = list(reversed(filters))
        self.up = nn.ModuleList(
            _level(kit, below + beside, beside, convolutions, "up") for below, beside in itertools.pairwise(rising)
        )
        self.last = kit.convolution(filters[0], classes, 1, "last")

    def forward(self, image: Any) -> Any:
        """Logits of the image, or whatever this family's layers pass on."""
        return self.logits(channels_last(image))

    def logits(self, activation: Any) -> Any:
        """The last convolution's output; activations are tensors or this family's own."""
        shape = tuple(_grid(activation))
        if len(shape) != self.dimensions or any(size % self.multiple for size in shape):
            raise ValueError(
                f"an image of {shape} voxels: this U-Net takes {self.dimensions}-D ones, multiples of {self.multiple}"
            )
        skipped = []
        for place, level in enumerate(self.down):
            activation = level(self.pool(activation) if place else activation)
            skipped.append(activation)
        activation = self.dropout(skipped.pop())
        for level in self.up:
            activation = level(self.join(skipped.pop(), self.upsample(activation)))
        return self.last(activation)


def _grid(activation: Any) -> Sequence[int]:
    """The spatial sizes of a tensor, or of the mean of a Gaussian."""
    values: torch.Tensor = activation if isinstance(activation, torch.Tensor) else activation[0]
    return values.shape[2:]


def _level(layers: Layers, channels: int, filters: int, convolutions: int, first: Role) -> nn.Sequential:
    units: list[nn.Module] = []
    for place in range(convolutions):
        role: Role = "hidden" if place else first
        units.append(layers.convolution(filters if place else channels, filters, 3, role))
        units += [layers.norm(filters), layers.rectifier()]
    return nn.Sequential(*units)
