"""Soft tissue that lies otherwise: a smooth random deformation of known largest displacement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import PerturbationError
from ..catalogue import Parameter, Perturbation, declare
from .along_axis import along
from .resampling import Warped, centre, grid, linear, moves_visibly, slabs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame
    from ..movement import Motion
    from .along_axis import Taps

SIDE = 4  # control points along the image's longest side by default
SAFE = {1: 1 / 1.5, 2: 1 / 2.046392675, 3: 1 / 2.479472335}  # of the control spacing, Choi and Lee 2000
ITERATIONS, SETTLED = 60, 1e-3  # of the inverse, in voxels


def elastic_deformation(
    batch: Batch, *, displacement: Sequence[float], spacing: Sequence[float] | None = None
) -> list[Motion]:
    """Each voxel shows what lies elsewhere, nowhere farther than `displacement` mm and somewhere exactly so far.

    The displacement is a cubic B-spline over control points `spacing` mm apart, by default a quarter of the image's
    longest side, each with a random direction and size. The pattern is the same for every displacement.

    Raises:
        PerturbationError: the image would fold; the message says up to which displacement it does not.
    """
    shape = tuple(batch.values.shape[2:])
    motions: list[Motion] = []
    for i, (frame, largest) in enumerate(zip(batch.frames, displacement, strict=True)):
        longest = max(size * step for size, step in zip(shape, frame.spacing, strict=True))
        apart = spacing[i] if spacing is not None else longest / SIDE
        points = tuple(_points(size * step / 2 / apart) for size, step in zip(shape, frame.spacing, strict=True))
        drawn = batch.normal(0, (len(shape), *points))[i].double()
        pattern = Pattern(drawn, frame, shape, apart, largest)
        pattern.refuse_folds()
        motions.append(Warped(frame, pattern.source, pattern.target))
    return motions


def _points(reach: float) -> int:
    """How many control points an axis needs to reach so many of them from the centre: 8 or the next power of two."""
    count = 8
    while count / 2 - 3 < reach:
        count *= 2
    return count


@dataclass(frozen=True, eq=False)
class Pattern:
    """A displacement field of a random pattern, `largest` mm long where it is longest.

    `control` (D, *points), of any size, are control points `apart` mm from each other about the image's centre. Fields of
    the whole image are kept in single precision, which is a millionth of a voxel.
    """

    control: torch.Tensor
    frame: Frame
    shape: tuple[int, ...]
    apart: float
    largest: float

    @cached_property
    def field(self) -> torch.Tensor:
        """The displacement of every voxel, (D, *spatial), in the control points' size."""
        import torch

        planes = self._but_rows()
        return torch.cat([along(planes, 1, self._taps(0, *rows)).float() for rows in slabs(self.shape)], 1)

    @cached_property
    def millimetres(self) -> float:
        """The size of a control point of 1."""
        longest = max(float(self.field[:, start:stop].square().sum(0).max()) for start, stop in slabs(self.shape))
        return self.largest / math.sqrt(longest)

    def refuse_folds(self) -> None:
        """Raise where the map is not one to one; control points that move little never fold it (Choi and Lee 2000)."""
        if float(self.control.abs().max()) * self.millimetres < SAFE[len(self.shape)] * self.apart:
            return
        slopes = self._slopes()
        if _smallest_determinant(slopes, self.millimetres) > 0:
            return
        low, high = 0.0, 1.0
        for _ in range(10):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if _smallest_determinant(slopes, middle * self.millimetres) > 0 else (low, middle)
            )
        raise PerturbationError(
            f"case {self.frame.key}: an elastic deformation of {self.largest:.9g} mm with control points {self.apart:.3g} mm "
            f"apart folds this image onto itself; it does not below {low * self.largest:.3g} mm: "
            "state a smaller displacement, or a larger spacing"
        )

    def source(self, start: int, stop: int, device: torch.device) -> list[torch.Tensor]:
        """Where the voxels of some rows come from."""
        places = grid(self.shape, start, stop, device)
        field = self.field[:, start:stop].to(device)
        return [
            place + u * (self.millimetres / own)
            for place, u, own in zip(places, field, self.frame.spacing, strict=True)
        ]

    def target(self, start: int, stop: int, device: torch.device) -> list[torch.Tensor]:
        """Where they go to."""
        places = grid(self.shape, start, stop, device)
        return [place - u for place, u in zip(places, self._undone[:, start:stop].to(device), strict=True)]

    @cached_property
    def _undone(self) -> torch.Tensor:
        """The displacement in voxels at the place that each voxel q goes to: u(p) of p = q - u(p), by repetition.

        Between voxels u is interpolated linearly.
        """
        import torch

        own = torch.tensor(self.frame.spacing, dtype=torch.float64, device=self.field.device)
        voxels = (self.field.flatten(1) * (self.millimetres / own).unsqueeze(1)).float()
        return torch.cat([self._undone_rows(voxels, *rows) for rows in slabs(self.shape)], 1)

    def _undone_rows(self, voxels: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        places = grid(self.shape, start, stop, voxels.device)
        shape = (-1, stop - start, *self.shape[1:])
        found = voxels.reshape(-1, *self.shape)[:, start:stop]
        for _ in range(ITERATIONS):
            better = linear(voxels, [q - u for q, u in zip(places, found, strict=True)], self.shape)[0].reshape(shape)
            change = float((better - found).abs().max())
            found = better
            if change < SETTLED:
                return found
        raise PerturbationError(
            f"case {self.frame.key}: an elastic deformation of {self.largest:.9g} mm with control points {self.apart:.3g} mm "
            "apart is too steep to be undone: state a smaller displacement, or a larger spacing"
        )

    def _but_rows(self, slope: int | None = None, stride: int = 1) -> torch.Tensor:
        """The field with control points along the first axis still, (D, points, *the other axes), or a slope of it."""
        values = self.control
        for axis in reversed(range(1, len(self.shape))):
            values = along(values, axis + 1, self._taps(axis, 0, self.shape[axis], stride, slope=axis == slope))
        return values

    def _slopes(self) -> list[torch.Tensor]:
        """The field's slope along each axis per mm, (D, *places): eight places between control points, or every voxel."""
        stride = max(1, int(self.apart / 8 / max(self.frame.spacing))) if math.isfinite(self.apart) else max(self.shape)
        rows = 0, self.shape[0], stride
        return [
            along(self._but_rows(axis, stride), 1, self._taps(0, *rows, slope=axis == 0))
            for axis in range(len(self.shape))
        ]

    def _taps(self, axis: int, start: int, stop: int, stride: int = 1, *, slope: bool = False) -> Taps:
        """Cubic B-spline weights of the four control points around each voxel, or their slopes per mm."""
        import torch

        places = torch.arange(start, stop, stride, dtype=torch.float64, device=self.control.device)
        place = (places - centre(self.shape)[axis]) * (self.frame.spacing[axis] / self.apart)
        place = place + self.control.shape[axis + 1] / 2
        base = place.floor()
        t = place - base
        s = 1 - t
        if slope:
            weights = [-s * s / 2, t * (1.5 * t - 2), s * (2 - 1.5 * s), t * t / 2]
            weights = [weight / self.apart for weight in weights]
        else:
            weights = [s * s * s / 6, 2 / 3 - t * t * (2 - t) / 2, 2 / 3 - s * s * (2 - s) / 2, t * t * t / 6]
        return torch.stack([base + k for k in (-1, 0, 1, 2)]).long(), torch.stack(weights)


def _smallest_determinant(slopes: list[torch.Tensor], size: float) -> float:
    """The least volume of a voxel's source over its own, with the slopes so many times as steep."""
    axes = range(len(slopes))
    rows = [[slopes[j][i] * size + (i == j) for j in axes] for i in axes]
    return float(_determinant(rows).min())


def _determinant(rows: list[list[torch.Tensor]]) -> torch.Tensor:
    """By the first row's minors: elementwise, for up to three axes."""
    if len(rows) == 1:
        return rows[0][0]
    terms = [
        entry * _determinant([[x for k, x in enumerate(row) if k != column] for row in rows[1:]])
        for column, entry in enumerate(rows[0])
    ]
    total = terms[0]
    for column, term in enumerate(terms[1:], start=1):
        total = total - term if column % 2 else total + term
    return total


DISPLACEMENT = Parameter(
    "displacement",
    identity=0.0,
    lowest=0.0,
    highest=200.0,
    unit="mm",
    plausible=(0.0, 4.0),
    source="estimate, no survey: soft tissue moves by millimetres; ROOD-MRI (Boone et al. 2023), level 1: 6 mm",
    meaning="the largest of all voxels'",
)
SPACING = Parameter(
    "spacing",
    identity=math.inf,
    lowest=10.0,
    highest=math.inf,
    unit="mm",
    scale="reciprocal",
    plausible=(25.0, math.inf),
    source="estimate, no survey: a deformation of 4 mm over much less would fold tissue",
    meaning="between control points; without it, a quarter of the image's longest side",
)

declare(
    Perturbation(
        "elastic deformation",
        "A smooth random deformation without folds, the reference with it.",
        alternatives=((DISPLACEMENT,), (DISPLACEMENT, SPACING)),
        apply=elastic_deformation,
        random=True,
        moves_labels=True,
        local=False,
        synonyms=("elastic",),
        source="cubic B-spline of random normal control points (Rueckert et al. 1999), linear interpolation",
        could_change=moves_visibly(DISPLACEMENT),
    )
)
