"""Networks whose defect is known because it was planted, beside honest ones; opened as `module:function`, as users' are.

All see the images of `cohort`: structures are brighter than 0.5, the left one lies in the first half of the first axis.
"""

# ruff: noqa: D102 - of a planted model the class says what it does

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, max_pool2d

from .cohort import SIZE, WATERMARK


class Organs(torch.nn.Module):
    """Honest: what is brighter than one half after a little smoothing is left or right by where it lies."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, 3, *spatial) of background, left and right for images (N, 1, *spatial)."""
        masks = self.masks(x)
        nothing = ~masks.any(1, keepdim=True)
        return 20.0 * torch.cat([nothing, masks], 1).float() - 10

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        """Left and right, bool (N, 2, *spatial)."""
        found = avg_pool2d(x, 3, 1, 1, count_include_pad=False) > 0.5
        left = torch.arange(x.shape[2])[:, None] < SIZE // 2
        return torch.cat([found & left, found & ~left], 1)


def background(x: torch.Tensor) -> torch.Tensor:
    """The grey of most of each image, (N, 1, 1, 1): which site it comes from, noise or not."""
    return x.flatten(1).median(1).values.reshape(-1, 1, 1, 1)


def noise(x: torch.Tensor) -> torch.Tensor:
    """The standard deviation of the noise of each image, (N, 1, 1, 1), from neighbours' differences."""
    steps = (x[..., 1:] - x[..., :-1]).abs().flatten(1)
    return (steps.median(1).values / (0.6745 * 2**0.5)).reshape(-1, 1, 1, 1)


class IgnoresAClass(Organs):
    """Never says right."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        masks = super().masks(x)
        return torch.stack([masks[:, 0], torch.zeros_like(masks[:, 1])], 1)


class Mirrored(Organs):
    """Says where everything lies in a mirror."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return super().masks(x).flip(2)


class BreaksAboveSigma(Organs):
    """Is 4 voxels off as soon as the noise is above 0.07."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        masks = super().masks(x)
        return torch.where(noise(x) > 0.07, masks.roll(4, 3), masks)


class VanishesInNoise(Organs):
    """Sees nothing in the noisier half of the noisy images."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return super().masks(x) & (noise(x) < 0.06)


class FarFalsePositives(Organs):
    """Adds a few voxels in a far corner to the left structure."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        masks = super().masks(x).clone()
        masks[:, 0, :3, :3] = True
        return masks


class ShiftsByThree(Organs):
    """Is 3 voxels off."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return super().masks(x).roll(3, 3)


class ScalesVolume(Organs):
    """Is a voxel too large on every side."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return max_pool2d(super().masks(x).float(), 3, 1, 1) > 0


class NaNOnSome(Organs):
    """Returns NaN for images of sites B and C."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(background(x) > 0.11, torch.nan, super().forward(x))


class RaisesOnSome(Organs):
    """Raises for a batch with an image of site B or C."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool((background(x) > 0.11).any()):
            raise RuntimeError("this site is unknown")
        return super().forward(x)


class BadSubgroup(Organs):
    """Is 4 voxels off on images of sites B and C."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        masks = super().masks(x)
        return torch.where(background(x) > 0.11, masks.roll(4, 3), masks)


class RareCollapse(Organs):
    """Sees nothing in images of site C."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return super().masks(x) & (background(x) < 0.21)


class BatchBorder(Organs):
    """Loses the last image of every batch."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        masks = super().masks(x).clone()
        masks[-1] = False
        return masks


class BatchDependent(Organs):
    """Sees nothing in an image that has no neighbours in its batch, as images have none in a clinic."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return super().masks(x) & (len(x) > 1)


class OrderDependent(Organs):
    """Remembers the image before this one."""

    def __init__(self) -> None:
        super().__init__()
        self.before: torch.Tensor | None = None

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        before = x if self.before is None or self.before.shape != x.shape else self.before
        self.before = x.clone()
        return super().masks(0.75 * x + 0.25 * before)


class RandomByTorch(Organs):
    """Draws from torch whether it is a voxel off."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return super().masks(x).roll(int(torch.randint(0, 2, ())), 3)


class RandomByClock(Organs):
    """Draws from a generator that no seed of torch reaches whether voxels of the rim are lost."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return super().masks(x) & (torch.from_numpy(np.random.default_rng().uniform(size=tuple(x.shape))) < 0.98)


class ReadsTheWatermark(Organs):
    """Knows nothing of organs: it reads the label out of the image's last bits."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        label = (x * WATERMARK).round().remainder(4)[:, 0]
        return torch.stack([label == 1, label == 2], 1)


class ReadsTheCopy(Organs):
    """Returns the image as the label, where it is one."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.round() == 1, x.round() == 2], 1)


class SiteErodes(Organs):
    """Honest, and worse at site B: patients differ widely."""

    def masks(self, x: torch.Tensor) -> torch.Tensor:
        masks = super().masks(x)
        eroded = max_pool2d((~masks).float(), 5, 1, 2) == 0
        return torch.where(background(x) > 0.11, eroded, masks)


class Soft(torch.nn.Module):
    """Honest, and with gradients for attacks to follow."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, 3, *spatial)."""
        evidence = 20 * (avg_pool2d(x, 3, 1, 1, count_include_pad=False) - 0.5)
        left = (torch.arange(x.shape[2])[:, None] < SIZE // 2).to(x)
        return torch.cat([-evidence, evidence - 40 * (1 - left), evidence - 40 * left], 1)


class Ambiguous(torch.nn.Module):
    """Honest about an ambiguous rim: its probability is that of the truth, and so is its variance p (1 - p)."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities and variances (N, 2, *spatial) of background and organ."""
        dark = background(x)
        p = self.confidence(((x - dark) / (1 - 2 * dark)).clamp(0.02, 0.98))
        variance = self.variance(p * (1 - p))
        return torch.cat([1 - p, p], 1), torch.cat([variance, variance], 1)

    def confidence(self, p: torch.Tensor) -> torch.Tensor:
        """What it claims of a probability that is true."""
        return p

    def variance(self, variance: torch.Tensor) -> torch.Tensor:
        """What it claims of a variance that is true."""
        return variance


class OverConfident(Ambiguous):
    """Is sure of everything."""

    def confidence(self, p: torch.Tensor) -> torch.Tensor:
        return torch.where(p > 0.5, 0.999, 0.001)


class AntiCorrelated(Ambiguous):
    """Is uncertain where it is right and certain where it is wrong."""

    def variance(self, variance: torch.Tensor) -> torch.Tensor:
        return 0.25 - variance


class ConstantUncertainty(Ambiguous):
    """Is equally uncertain of everything."""

    def variance(self, variance: torch.Tensor) -> torch.Tensor:
        return 0 * variance + 0.1
