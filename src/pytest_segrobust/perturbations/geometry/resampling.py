"""Images and labels at other places: the sampling that every warp shares.

An image is interpolated linearly. A label is the one with the most weight among the same neighbours: the class whose
one-hot image, interpolated linearly, is largest, and of equals the lowest. Voxels fill their cells, so that the image
reaches half a voxel beyond its outermost centres, where it goes on as it is at its edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from ..catalogue import Parameter
    from ..frame import Frame

# Where to look for the voxels of some rows (first axis, from, to): for each axis of the array looked in a position in
# voxels, float64, which broadcasts to (rows, *the other axes).
Positions = Callable[[int, int, "torch.device"], "list[torch.Tensor]"]

SLAB = 1 << 16  # voxels sampled at a time: what is needed for them stays in the processor's cache
GRID = float(1 << 20)  # positions are multiples of 1/GRID voxel: a shift by whole voxels takes whole voxels
VISIBLE = 1e-4  # in a perturbation's own unit; rounding may hide what is weaker


@dataclass(frozen=True, eq=False)
class Warped:
    """A motion by a smooth map between grids of the same shape.

    `source` says of every voxel of the moved grid where in the image it comes from, `target` of every voxel of the image
    where in the moved grid it goes.
    """

    frame: Frame
    source: Positions
    target: Positions
    lossless = False
    complete = False

    def image(self, values: torch.Tensor) -> torch.Tensor:
        """The image interpolated linearly, air around it."""
        return interpolated(values, self.source)

    def labels(self, values: torch.Tensor) -> torch.Tensor:
        """The labels by the largest weight, 0 around them."""
        return elected(values, self.source)

    def back(self, values: torch.Tensor) -> torch.Tensor:
        """The moved labels at the image's own voxels."""
        return elected(values, self.target)


def interpolated(values: torch.Tensor, positions: Positions) -> torch.Tensor:
    """An image (C, *spatial) at as many positions, linearly; outside of it, each channel's lowest value."""
    import torch

    flat = values.flatten(1)
    air = flat.amin(1, keepdim=True)
    parts = []
    for start, stop in slabs(values.shape[1:]):
        found, inside = linear(flat, positions(start, stop, values.device), values.shape[1:])
        parts.append(torch.where(inside.reshape(1, -1), found, air))
    return torch.cat(parts, 1).reshape(values.shape)


def linear(
    flat: torch.Tensor, positions: Sequence[torch.Tensor], shape: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """An array of `shape`, flat (C, voxels), at M positions: (C, M), at its edge where they lie beyond; which do not."""
    import torch

    axes, inside = _neighbours(positions, shape)
    found = torch.zeros((), dtype=flat.dtype, device=flat.device)
    for corner in product(*axes):
        index, weight = _corner(corner)
        term = flat.index_select(1, index.expand(inside.shape).reshape(-1))
        found = found + term * weight.to(flat.dtype).expand(inside.shape).reshape(1, -1)
    return found, inside


def elected(values: torch.Tensor, positions: Positions) -> torch.Tensor:
    """Labels or masks (C, *spatial) at as many positions, by the largest weight; outside of them 0."""
    import torch

    flat, border = values.flatten(1), _border(values).flatten(1)
    parts = []
    for start, stop in slabs(values.shape[1:]):
        axes, inside = _neighbours(positions(start, stop, values.device), values.shape[1:])
        index = _corner([near for near, _ in axes])[0].expand(inside.shape).reshape(-1)
        found = flat.index_select(1, index) * inside.reshape(1, -1)
        channel, voxel = (border.index_select(1, index) & inside.reshape(1, -1)).nonzero(as_tuple=True)
        if len(voxel):  # few voxels: only they have neighbours that differ
            place = torch.unravel_index(voxel, inside.shape)
            corners = [
                _corner([(i.expand(inside.shape)[place], w.expand(inside.shape)[place]) for i, w in corner])
                for corner in product(*axes)
            ]
            labels = torch.stack([flat[channel, i] for i, _ in corners])
            found[channel, voxel] = _winner(labels, torch.stack([w for _, w in corners]))
        parts.append(found)
    return torch.cat(parts, 1).reshape(values.shape)


def _border(labels: torch.Tensor) -> torch.Tensor:
    """Bool, where labels (C, *spatial) differ among a voxel and its neighbours towards higher indices."""
    import torch

    low = high = labels.to(torch.uint8) if labels.dtype == torch.bool else labels
    for axis in range(1, labels.ndim):
        low, high = (
            extreme(x, torch.cat([x.narrow(axis, 1, x.shape[axis] - 1), x.narrow(axis, x.shape[axis] - 1, 1)], axis))
            for extreme, x in ((torch.minimum, low), (torch.maximum, high))
        )
    return low != high


def _winner(labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Of the labels (corners, M) of each column the one whose weights sum up to most, the lowest of equals, (M,)."""
    import torch

    def votes_for(label: torch.Tensor) -> torch.Tensor:
        votes = torch.zeros_like(weights[0])
        for other, weight in zip(labels, weights, strict=True):
            votes = votes + torch.where(other == label, weight, torch.zeros_like(weight))
        return votes

    best, most = labels[0], votes_for(labels[0])
    for label in labels[1:]:
        votes = votes_for(label)
        better = (votes > most) | ((votes == most) & (label < best))
        best, most = torch.where(better, label, best), torch.where(better, votes, most)
    return best


def slabs(shape: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Rows (from, to) that make about SLAB voxels."""
    rows = max(1, SLAB // max(1, math.prod(shape[1:])))
    for start in range(0, shape[0], rows):
        yield start, min(start + rows, shape[0])


Neighbour = tuple["torch.Tensor", "torch.Tensor"]  # its place in the flat array, and its weight in float64


def _neighbours(
    positions: Sequence[torch.Tensor], shape: Sequence[int]
) -> tuple[list[tuple[Neighbour, Neighbour]], torch.Tensor]:
    """Per axis the neighbours on both sides, and which positions are inside the array."""
    import torch

    axes, inside = [], torch.ones((), dtype=torch.bool, device=positions[0].device)
    for axis, (position, size) in enumerate(zip(positions, shape, strict=True)):
        stride = math.prod(shape[axis + 1 :])
        place = (position * GRID).round() / GRID
        inside = inside & (place >= -0.5) & (place <= size - 0.5)
        place = place.clamp(0, size - 1)
        low = place.floor()
        share, first = place - low, low.long()
        axes.append(((first * stride, 1 - share), ((first + 1).clamp(max=size - 1) * stride, share)))
    return axes, inside


def _corner(corner: Sequence[Neighbour]) -> Neighbour:
    """One neighbour in all axes from one in each: places add up, weights multiply."""
    index, weight = corner[0]
    for more_index, more_weight in corner[1:]:
        index, weight = index + more_index, weight * more_weight
    return index, weight


def grid(shape: Sequence[int], start: int, stop: int, device: torch.device) -> list[torch.Tensor]:
    """The positions of the voxels of some rows, one broadcastable tensor per axis."""
    import torch

    ranges = [(start, stop), *((0, size) for size in shape[1:])]
    return [
        torch.arange(low, high, dtype=torch.float64, device=device).reshape(
            [-1 if a == b else 1 for b in range(len(shape))]
        )
        for a, (low, high) in enumerate(ranges)
    ]


def centre(shape: Sequence[int]) -> tuple[float, ...]:
    """The middle of an image, in voxels."""
    return tuple((size - 1) / 2 for size in shape)


def moves_visibly(*parameters: Parameter) -> Callable[..., bool]:
    """A `could_change` for movers: the image varies, and one of these parameters is visibly off its identity."""
    declared = {parameter.name: parameter for parameter in parameters}

    def could_move(image: torch.Tensor, _region: torch.Tensor | None, _frame: Frame, **values: float | str) -> bool:
        strengths = [
            abs(p.to_coordinate(float(values[name])) - p.to_coordinate(p.identity))
            for name, p in declared.items()
            if name in values
        ]
        return varies(image) and max(strengths) > VISIBLE

    return could_move


def varies(image: torch.Tensor) -> bool:
    """Whether a channel of an image (C, *spatial) holds more than one value."""
    flat = image.flatten(1)
    return bool((flat != flat[:, :1]).any())
