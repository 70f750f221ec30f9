"""The network of the hippocampus example, and what it does to a volume before it looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

STRUCTURES = ("background", "anterior", "posterior")
WINDOW = (48, 64, 48)


def build_unet() -> torch.nn.Module:
    """A small 3-D U-Net: (N, 1, X, Y, Z) to logits (N, 3, X, Y, Z); X, Y and Z are multiples of 8."""
    from monai.networks.nets.unet import UNet

    return UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=len(STRUCTURES),
        channels=(16, 32, 64, 128),
        strides=(2, 2, 2),
        num_res_units=1,
        norm="instance",
        dropout=0.1,
    )


def preprocess(image: torch.Tensor, spacing: Sequence[float]) -> torch.Tensor:  # noqa: ARG001  part of the interface
    """Clip each channel of (C, *spatial) to its 0.5-99.5 percentiles and z-score it; `spacing` (mm) is not needed.

    A channel of one value alone becomes zeros. Percentiles are nearest ranks: selecting two ranks is much cheaper than
    sorting the volume for interpolated ones, and the volume has tens of thousands of voxels.
    """
    flat = image.reshape(image.shape[0], -1).float()
    last = flat.shape[1] - 1
    low = flat.kthvalue(1 + round(0.005 * last), dim=1, keepdim=True).values
    high = flat.kthvalue(1 + round(0.995 * last), dim=1, keepdim=True).values
    clipped = flat.clamp(low, high)
    centred = clipped - clipped.mean(dim=1, keepdim=True)
    deviation = centred.square().mean(dim=1, keepdim=True).sqrt()
    return (centred / deviation.clamp_min(1e-8)).reshape(image.shape)
