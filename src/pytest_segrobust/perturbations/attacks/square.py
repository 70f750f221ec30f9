"""The square attack (Andriushchenko et al. 2020): a random search that asks a model for answers and no gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .declaration import declare_attack
from .objective import away_from_truth
from .radius import ball
from .strongest import Strongest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch
    from .ball import Ball
    from .objective import Objective

    Radius = Sequence[float] | None
    Window = tuple[slice[int, int, None], ...]

FIRST_SHARE = 0.8  # of all voxels that a square has at first; the paper's p for L-infinity
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10 000 queries, after which the share is halved


def square_attack(batch: Batch, *, epsilon: Radius = None, snr: Radius = None, l2: Radius = None) -> torch.Tensor:
    """The worst image among `queries` answers: stripes first, then ever smaller squares of ±radius."""
    return random_squares(batch, away_from_truth(batch), ball(batch, epsilon, snr, l2))


def random_squares(batch: Batch, objective: Objective, within: Ball) -> torch.Tensor:
    """The square attack on any objective; gradient attacks come to it for models that have no gradients.

    A square is a box of the image's, or its region's, proportions, so that it fits volumes of few slices. In L2 a box of
    half the radius is added and the whole scaled back to the sphere, which moves the change into the box; this is simpler
    than the paper's L2 form, which takes from one window what it gives to another.
    """
    import torch

    queries = max(batch.attacked.effort.queries if batch.attacked is not None else 1, 2)
    boxes = _boxes(batch)
    dimensions, channels = within.centre.ndim - 2, within.centre.shape[1]
    draws = batch.uniform(0, (queries, dimensions + channels)).tolist()
    strongest = Strongest(objective.harm)
    images = _stripes(batch, within)
    for query in range(1, queries):
        view = objective.look(images)
        strongest.offer(images, view)
        if query + 1 < queries:
            proposals = [
                _square(
                    within, strongest.images, place, _window(box, share_of(query, queries), draw), draw[dimensions:]
                )
                for place, (box, draw) in enumerate(zip(boxes, (each[query] for each in draws), strict=True))
            ]
            images = within.project(torch.stack(proposals))
    strongest.offer(within.centre, objective.look(within.centre))
    return strongest.images


def share_of(query: int, queries: int) -> float:
    """The share of voxels in a square at that query of so many: the paper's schedule of 10 000, rescaled."""
    place = int(query / queries * 10_000)
    return math.ldexp(FIRST_SHARE, -sum(place > mark for mark in HALVINGS))


def _stripes(batch: Batch, ball: Ball) -> torch.Tensor:
    """±radius in stripes along the first spatial axis, as the search starts; a random sign for each stripe."""
    signs = batch.uniform(1, (ball.centre.shape[1], 1, *ball.centre.shape[3:])) - 0.5
    return ball.moved(ball.centre, signs.sign().expand_as(ball.centre))


def _square(ball: Ball, images: torch.Tensor, place: int, window: Window, draw: Sequence[float]) -> torch.Tensor:
    """One sample's best image so far with a square in it, of one random sign per channel."""
    import torch

    image, inside = images[place].clone(), (slice(None), *window)
    signs = torch.tensor([1.0 if number < 0.5 else -1.0 for number in draw]).to(image)
    change = signs.reshape(-1, *(1 for _ in window)) * ball.radius[place]
    if ball.norm == "linf":
        image[inside] = ball.centre[place][inside] + change
    else:
        image[inside] += change / (2 * math.sqrt(image[inside].numel()))
    return image


def _boxes(batch: Batch) -> list[list[tuple[int, int]]]:
    """For each sample the first voxel and the extent, per axis, of the region, or of the image."""
    shape = batch.values.shape[2:]
    if batch.region is None:
        return [[(0, size) for size in shape]] * len(batch.values)
    boxes = []
    for mask in batch.region:
        places = mask.nonzero()
        first, last = places.amin(0).tolist(), places.amax(0).tolist()
        boxes.append([(a, b - a + 1) for a, b in zip(first, last, strict=True)])
    return boxes


def _window(box: Sequence[tuple[int, int]], share: float, draw: Sequence[float]) -> Window:
    """A box of that share of the voxels at a random place; `draw` has a number in [0, 1) for each axis, first of all."""
    window = []
    for (first, extent), number in zip(box, draw, strict=False):
        size = min(max(round(extent * share ** (1 / len(box))), 1), extent)
        start = first + min(int(number * (extent - size + 1)), extent - size)
        window.append(slice(start, start + size))
    return tuple(window)


declare_attack(
    "square attack",
    "Random squares that stay where they raise the loss; needs no gradient.",
    square_attack,
    "Andriushchenko et al. 2020, p = 0.8; boxes of the image's proportions in any dimension",
)
