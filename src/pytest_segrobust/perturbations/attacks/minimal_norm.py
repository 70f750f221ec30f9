"""The smallest radius at which an attack breaks a case: bisection, each attack starting from the last that succeeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


@dataclass(frozen=True, eq=False)
class MinimalRadius:
    """For each image the smallest radius that was seen to break it, and the largest below it that was not; (N,) each.

    `breaks` is infinite where nothing up to the highest radius broke the image, 0 where the clean one is broken already.
    `images` are those that broke it, or the last ones tried. An attack that fails at a radius proves nothing about it:
    `breaks` bounds the true minimum from above, `holds` does not bound it from below.
    """

    breaks: torch.Tensor
    holds: torch.Tensor
    images: torch.Tensor


def minimal_radius(
    clean: torch.Tensor,
    attack_at: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    broken: Callable[[torch.Tensor], torch.Tensor],
    *,
    high: float,
    iterations: int = 10,
) -> MinimalRadius:
    """Bisection for each of the images (N, C, *spatial) between 0 and `high`, to high / 2^iterations.

    Args:
        clean: the images.
        attack_at: (radii (N,), starts) -> attacked images, each within its radius of the clean one; `starts` are the
            changes that broke the images last, scaled down to the radius, and nothing at first.
        broken: attacked images -> bool (N,).
        high: the largest radius tried.
        iterations: halvings.
    """
    import torch

    def column(numbers: torch.Tensor) -> torch.Tensor:
        return numbers.reshape(-1, *(1 for _ in clean.shape[1:])).to(clean.dtype)

    radii = torch.full((len(clean),), float(high), dtype=clean.dtype, device=clean.device)
    already = broken(clean)
    images = attack_at(radii, clean)
    breaks = broken(images)
    images = torch.where(column(already) > 0, clean, images)
    upper = torch.where(breaks, radii, torch.inf).masked_fill(already, 0.0)
    lower = torch.where(breaks, 0.0, radii).masked_fill(already, 0.0)
    for _ in range(iterations):
        searching = upper.isfinite() & ~already
        radii = torch.where(searching, (lower + upper) / 2, torch.where(already, 0.0, float(high)))
        shrink = torch.where(searching, radii / upper.clamp_min(torch.finfo(clean.dtype).tiny), 1.0)
        found = attack_at(radii, clean + (images - clean) * column(shrink))
        breaks = broken(found) & searching
        images = torch.where(column(breaks) > 0, found, images)
        upper = torch.where(breaks, radii, upper)
        lower = torch.where(searching & ~breaks, radii, lower)
    return MinimalRadius(upper, lower, images)
