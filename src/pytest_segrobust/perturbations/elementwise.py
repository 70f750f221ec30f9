"""Powers, exponentials and logarithms that have the same bits for every number of threads and every batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

BLOCK = 16384


def elementwise(function: Callable[[torch.Tensor], torch.Tensor], values: torch.Tensor) -> torch.Tensor:
    """A function of each value alone, such as `torch.exp`; it must be finite at 1.

    torch's vector and scalar forms of a transcendental function differ in the last bit, and which voxels are the scalar
    remainder depends on how a tensor is shared among threads. Blocks that one thread does, in whole vectors, have none.
    """
    import torch

    if values.device.type != "cpu":
        return function(values)
    padded = torch.nn.functional.pad(values.reshape(-1), (0, -values.numel() % 64), value=1.0)
    done = torch.cat([function(padded[i : i + BLOCK]) for i in range(0, len(padded), BLOCK)])
    return done[: values.numel()].reshape(values.shape)
