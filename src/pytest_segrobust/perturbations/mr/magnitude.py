"""The signal of a voxel, counted from no signal at all: what a coil multiplies and what folds over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from ..frame import Frame


def magnitude(values: torch.Tensor, frame: Frame) -> torch.Tensor:
    """The image's own values in units of its scale, (C, *spatial), for unit-scale `values` of that shape.

    0 in a file of magnitudes is no signal, wherever the unit scale starts. A channel with negative values (z-scored,
    resampled with overshoot) is no magnitude: its lowest value then counts as no signal.
    """
    import numpy as np
    import torch

    zero = torch.as_tensor(-frame.low / (frame.high - frame.low)).to(values)
    lowest = torch.minimum(values.detach().flatten(1).amin(1), zero).reshape(-1, *(1 for _ in values.shape[1:]))
    own = values - lowest
    # Air that is 0 in the file has been to the unit scale and back; what rounding made of it is no signal.
    rounding = 8 * torch.finfo(values.dtype).eps * max(1.0, float(np.max(np.abs(frame.low / (frame.high - frame.low)))))
    return own - torch.where(own.abs() <= rounding, own, 0.0).detach()
