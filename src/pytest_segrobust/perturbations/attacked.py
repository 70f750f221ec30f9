"""What an attack is given besides the image: the model, the true structures, and how much it may ask of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from .frame import Frame


class AttackedModel(Protocol):
    """A model as an attack sees it, whatever its family: the logarithm of its mean class probabilities.

    A head is one decision between exclusive classes: all of a softmax network's voxels have one head, those of a
    sigmoid network one of two classes for each structure. For an ensemble or a stochastic network the probabilities are
    averaged before the logarithm is taken, so that a gradient is the one of the expectation.
    """

    @property
    def differentiable(self) -> bool:
        """Whether gradients reach the image; without them `log_probabilities` gives values alone."""

    def log_probabilities(self, images: torch.Tensor, frames: Sequence[Frame]) -> list[torch.Tensor]:
        """For each head (N, classes, *spatial) of images (N, C, *spatial) in their own units."""

    def classes(self, structures: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        """For each head the true class of every voxel, int64 (N, *spatial), -1 where no class of the head is true."""


@dataclass(frozen=True)
class Effort:
    """What an attack may spend on one image: gradient steps of each start, random starts, and queries of black-box ones."""

    steps: int = 20
    restarts: int = 1
    queries: int = 200


@dataclass(frozen=True, eq=False)
class Attacked:
    """The model under attack, the reference masks bool (N, *spatial) by structure, and the effort.

    `surrogate` is another model, for attacks that are made on it and tried on this one.
    """

    model: AttackedModel
    structures: Mapping[str, torch.Tensor]
    effort: Effort = Effort()
    surrogate: AttackedModel | None = None
