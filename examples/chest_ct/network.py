"""The network of the chest CT example: a small 2-D U-Net in plain torch, and what it does to a slice first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = (-1000.0, 400.0)  # HU


class UNet(nn.Module):
    """(N, 1, X, Y) to logits (N, 3, X, Y): background, right lung, left lung; X and Y are multiples of 8."""

    def __init__(self, widths: Sequence[int] = (8, 16, 32, 48)) -> None:
        """`widths` are the channels at full, half, quarter and eighth resolution."""
        super().__init__()
        self.down = nn.ModuleList(block(before, width) for before, width in zip((1, *widths[:-1]), widths, strict=True))
        self.up = nn.ModuleList(
            block(below + width, width) for below, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.last = nn.Conv2d(widths[0], 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of a batch."""
        kept: list[torch.Tensor] = []
        x = image
        for level, layer in enumerate(self.down):
            x = layer(x if level == 0 else nn.functional.max_pool2d(x, 2))
            kept.append(x)
        kept.pop()
        for layer in self.up:
            wide = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = layer(torch.cat([wide, kept.pop()], dim=1))
        logits: torch.Tensor = self.last(x)
        return logits


def block(before: int, width: int) -> nn.Sequential:
    """Two convolutions, each with instance norm."""
    layers: list[nn.Module] = []
    for channels in (before, width):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.InstanceNorm2d(width, affine=True), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers)


def build_unet() -> nn.Module:
    """The network without weights."""
    return UNet()


def preprocess(image: torch.Tensor, spacing: Sequence[float]) -> torch.Tensor:  # noqa: ARG001  part of the interface
    """HU (1, X, Y) clipped to the window and mapped to 0 ... 1; `spacing` (mm) is not needed."""
    low, high = WINDOW
    return (image.clamp(low, high) - low) / (high - low)
