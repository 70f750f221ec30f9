"""What a model says of a batch: one output type for every kind of model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Prediction:
    """One image's prediction.

    `masks` is bool (structures, *spatial) in the order of the model's `structures`; structures may overlap where the
    model is sigmoid. `probabilities` is float (channels, *spatial), the mean over all passes, and `uncertainty` float
    (1, *spatial), or (structures, *spatial) where the model is sigmoid; both are kept only where asked for. `failure` is None, or
    what was wrong with the output ("NaN in 12 % of voxels", "shape (2, 48, 48) instead of ...", "crashed: ...");
    a failed prediction has no masks.
    """

    masks: torch.Tensor | None
    probabilities: torch.Tensor | None = None
    failure: str | None = None
    uncertainty: torch.Tensor | None = None
