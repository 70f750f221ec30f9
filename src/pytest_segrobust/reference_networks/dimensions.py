"""What is named differently in torch for 2-D and for 3-D images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from torch import nn
from torch.nn import functional

from pytest_segrobust.reference_networks.instance_norm import InstanceNorm

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

Norm = Literal["batch", "instance"]
Upsampling = Literal["nearest", "linear"]

CONVOLUTION: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
CONVOLVE: dict[int, Callable[..., torch.Tensor]] = {2: functional.conv2d, 3: functional.conv3d}
POOLING: dict[int, type[nn.MaxPool2d | nn.MaxPool3d]] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
POOL_WITH_INDICES: dict[int, Callable[..., tuple[torch.Tensor, torch.Tensor]]] = {
    2: functional.max_pool2d_with_indices,
    3: functional.max_pool3d_with_indices,
}
NORM: dict[tuple[str, int], Callable[..., nn.Module]] = {
    ("batch", 2): nn.BatchNorm2d,
    ("batch", 3): nn.BatchNorm3d,
    ("instance", 2): InstanceNorm,
    ("instance", 3): InstanceNorm,
}
INTERPOLATION: dict[tuple[str, int], dict[str, Any]] = {
    ("nearest", 2): {"mode": "nearest"},
    ("nearest", 3): {"mode": "nearest"},
    ("linear", 2): {"mode": "bilinear", "align_corners": False},
    ("linear", 3): {"mode": "trilinear", "align_corners": False},
}
