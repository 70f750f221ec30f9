"""What a perturbation must know of an image besides its voxels, and the batch that it is given to work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import PerturbationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import torch

    from .attacked import Attacked


@dataclass(frozen=True, eq=False)
class Frame:
    """One image's frame: `key` is the case, part of every random key.

    `low` and `high` are, per channel, the values that are 0 and 1 on the unit intensity scale. `spacing` is in mm per
    spatial axis; `axes` are NIfTI axis codes ("R", "A", "S" ...) or "?".
    """

    key: str
    low: np.ndarray
    high: np.ndarray
    spacing: tuple[float, ...]
    axes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples that go through the same step at once, each with its own numbers.

    `values` is (N, C, *spatial): the channels on the unit intensity scale, for a perturbation that moves labels in their
    own units. `region` is bool (N, *spatial) where the step is confined to a structure; what is changed outside of it is
    put back afterwards. `normal(number, shape)` is the unit normal field of that number, (N, *shape): the same for every
    θ, every batch and every device; `uniform` is a field in [0, 1) likewise. `attacked` is there for attacks alone.
    """

    values: torch.Tensor
    frames: tuple[Frame, ...]
    normal: Callable[[int, Sequence[int]], torch.Tensor]
    uniform: Callable[[int, Sequence[int]], torch.Tensor]
    region: torch.Tensor | None = None
    attacked: Attacked | None = None

    def each(self, numbers: Sequence[float] | torch.Tensor) -> torch.Tensor:
        """One number per sample, (N, 1, 1, ...), to be multiplied with `values`."""
        import torch

        column = torch.as_tensor(numbers, dtype=self.values.dtype, device=self.values.device)
        return column.reshape(-1, *(1 for _ in self.values.shape[1:]))


def unit_scale(frames: Sequence[Frame], like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`low` and `high - low` as (N, C, 1, ...), in the dtype and on the device of `like`.

    Raises:
        PerturbationError: the scale has no extent.
    """
    import numpy as np
    import torch

    for frame in frames:
        if not (np.all(np.isfinite(frame.low)) and np.all(np.isfinite(frame.high)) and np.all(frame.high > frame.low)):
            raise PerturbationError(
                f"case {frame.key}: its unit intensity scale runs from {frame.low} to {frame.high}; "
                "a perturbation's strength means nothing on it (is a channel constant?)"
            )
    shape = (len(frames), like.shape[1], *(1 for _ in like.shape[2:]))
    low = np.stack([frame.low for frame in frames]).astype(np.float64)
    high = np.stack([frame.high for frame in frames]).astype(np.float64)
    return torch.as_tensor(low).to(like).reshape(shape), torch.as_tensor(high - low).to(like).reshape(shape)
