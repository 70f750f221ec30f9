"""How an image moves, and its labels with it: there, back again, and what stays in view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    from .frame import Frame


class Motion(Protocol):
    """One image's way through one step. Values are (C, *spatial), on any device."""

    @property
    def frame(self) -> Frame:
        """The moved image's frame."""

    @property
    def lossless(self) -> bool:
        """Whether every voxel in view keeps its value, there and back."""

    @property
    def complete(self) -> bool:
        """Whether the moved image shows all of the image and nothing else."""

    def image(self, values: torch.Tensor) -> torch.Tensor:
        """The moved image; what comes from outside of the image is air, each channel's lowest value."""

    def labels(self, values: torch.Tensor) -> torch.Tensor:
        """Labels or masks moved along; what comes from outside of the image is 0."""

    def back(self, values: torch.Tensor) -> torch.Tensor:
        """Moved labels or masks where the image was; what the moved image does not show is 0."""


@dataclass(frozen=True, eq=False)
class Movement:
    """All motions of one case in order; `shape` is that of the image at the start, (*spatial), `device` its own."""

    motions: tuple[Motion, ...]
    shape: tuple[int, ...]
    device: torch.device | str = "cpu"

    @property
    def lossless(self) -> bool:
        """Whether labels in view come back as they were, because nothing is interpolated."""
        return all(motion.lossless for motion in self.motions)

    def move(self, values: torch.Tensor) -> torch.Tensor:
        """Labels or masks (N, *spatial), moved as the reference moves."""
        for motion in self.motions:
            values = motion.labels(values)
        return values

    def restore(self, values: torch.Tensor) -> torch.Tensor:
        """Moved labels or masks (N, *spatial), moved back; 0 where `seen` is false."""
        for motion in reversed(self.motions):
            values = motion.back(values)
        return values

    @cached_property
    def view(self) -> torch.Tensor | None:
        """Bool, on the moved grid: the voxels that come from inside the image; None where all do."""
        if all(motion.complete for motion in self.motions):
            return None
        view = self.move(self._everything()).squeeze(0)
        return None if bool(view.all()) else view

    @cached_property
    def seen(self) -> torch.Tensor | None:
        """Bool, on the image's own grid: the voxels that the moved image still shows; None where it shows all."""
        if all(motion.complete for motion in self.motions):
            return None
        seen = self.restore(self.move(self._everything())).squeeze(0)
        return None if bool(seen.all()) else seen

    def _everything(self) -> torch.Tensor:
        import torch

        return torch.ones((1, *self.shape), dtype=torch.bool, device=self.device)
