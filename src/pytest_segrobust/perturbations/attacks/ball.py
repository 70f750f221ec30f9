"""The images that an attack may reach: a ball about the image, within the intensities that such an image can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..strength import total

if TYPE_CHECKING:
    import torch

    from ..frame import Batch

Norm = Literal["linf", "l2"]

_BELOW = 1 - 4e-7  # float32 sums of squares are this exact


@dataclass(frozen=True, eq=False)
class Ball:
    """All images on the unit scale within `radius` (N, 1, ...) of `centre` (N, C, *spatial), by `norm`.

    Each channel stays within the image's own range or the unit scale, whichever is wider (`low` to `high`, (N, C, *spatial)
    or what broadcasts to it; for L-infinity they are the ball's own walls); outside `region` nothing changes.
    """

    centre: torch.Tensor
    radius: torch.Tensor
    norm: Norm
    region: torch.Tensor | None
    low: torch.Tensor
    high: torch.Tensor

    @classmethod
    def around(cls, centre: torch.Tensor, radius: torch.Tensor, norm: Norm, region: torch.Tensor | None = None) -> Ball:
        """The ball about images (N, C, *spatial) on the unit scale, in `region` bool (N, *spatial)."""
        import torch

        centre = centre.detach().clone()  # an attack is a search, not a differentiable step
        shape = (*centre.shape[:2], *(1 for _ in centre.shape[2:]))
        low = centre.flatten(2).amin(2).clamp(max=0.0).reshape(shape)
        high = centre.flatten(2).amax(2).clamp(min=1.0).reshape(shape)
        if norm == "linf":
            low = _wall(centre, torch.maximum(centre - radius, low), radius)
            high = _wall(centre, torch.minimum(centre + radius, high), radius)
        return cls(centre, radius, norm, None if region is None else region.unsqueeze(1), low, high)

    def scaled(self, factor: float) -> Ball:
        """The ball of `factor` times the radius about the same images."""
        region = None if self.region is None else self.region.squeeze(1)
        return Ball.around(self.centre, self.radius * factor, self.norm, region)

    def project(self, images: torch.Tensor) -> torch.Tensor:
        """The images moved into the ball: exactly so for L-infinity, for L2 by its norm to a rounding of float32."""
        import torch

        if self.norm == "l2":
            images = self._shrunk(images)
        images = images.clamp(self.low, self.high)
        return images if self.region is None else torch.where(self.region, images, self.centre)

    def step(self, gradient: torch.Tensor) -> torch.Tensor:
        """The step of length `radius` along which a linear function with this gradient grows most."""
        if self.region is not None:
            gradient = gradient * self.region
        return self.radius * (gradient.sign() if self.norm == "linf" else _normalised(gradient))

    def moved(self, images: torch.Tensor, gradient: torch.Tensor, share: float = 1.0) -> torch.Tensor:
        """Images after a step of `share` of the radius along a gradient."""
        return self.project(images + share * self.step(gradient))

    def extreme(self, batch: Batch, number: int) -> torch.Tensor:
        """The centre moved by a random step of the full radius: ±radius at each voxel, or a direction on the sphere."""
        return self.moved(self.centre, self.direction(batch, number))

    def somewhere(self, batch: Batch, number: int) -> torch.Tensor:
        """A random image of the ball; in L2 on its sphere, where nearly all of a ball of many dimensions lies."""
        if self.norm == "l2":
            return self.extreme(batch, number)
        return self.project(self.centre + self.radius * (2 * batch.uniform(number, self.centre.shape[1:]) - 1))

    def direction(self, batch: Batch, number: int) -> torch.Tensor:
        """A random direction: normal numbers, whose signs are fair coins."""
        return batch.normal(number, self.centre.shape[1:])

    def _shrunk(self, images: torch.Tensor) -> torch.Tensor:
        change = images - self.centre
        if self.region is not None:
            change = change * self.region
        images = self.centre + change
        for _ in range(3):  # adding to the centre rounds, and so can lengthen
            length = _length(images - self.centre)
            change = change * (self.radius * _BELOW / length.clamp_min(1e-30)).clamp(max=1.0)
            images = self.centre + change
        return images


def _wall(centre: torch.Tensor, wall: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """The wall one float nearer to the centre, where rounding had set it too far."""
    import torch

    return torch.where((wall - centre).abs() > radius, torch.nextafter(wall, centre), wall)


def _normalised(values: torch.Tensor) -> torch.Tensor:
    """Per sample of length 1; a sample of zeros stays. Divided by its largest first: squares of 1e-30 are 0."""
    flat = values.flatten(1).abs().amax(1).reshape(-1, *(1 for _ in values.shape[1:]))
    values = values / flat.masked_fill(flat == 0, 1.0)
    return values / _length(values).clamp_min(1e-30)


def _length(values: torch.Tensor) -> torch.Tensor:
    """The Euclidean length of each sample, (N, 1, ...)."""
    return total(values * values).sum(1).sqrt().reshape(-1, *(1 for _ in values.shape[1:]))
