"""The shadow behind bone, a stone or gas, which the beam does not pass."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..noise.amplitude import shows
from .depth import depth_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

SHARE_OF_WIDTH = 0.2  # of the image across the beam, where no width is stated


def acoustic_shadow(
    batch: Batch, *, attenuation: Sequence[float], width: Sequence[float] | None = None
) -> torch.Tensor:
    """Give u (1 - attenuation · s) where u > 0, with s = 1 from a random obstacle on along its beam and 0 well beside it.

    The obstacle is a random voxel that has an echo, in the near half of those along its beam, so that no shadow falls
    on black. Beams are parallel, as of a linear array.
    """
    import torch

    places = batch.uniform(0, (2,)).tolist()
    widths = width if width is not None else [SHARE_OF_WIDTH * _across(frame, batch.values) for frame in batch.frames]
    shaded = [
        _shaded(values, frame, place, share, wide)
        for values, frame, place, share, wide in zip(
            batch.values, batch.frames, places, attenuation, widths, strict=True
        )
    ]
    return torch.stack(shaded)


def could_shade(
    image: torch.Tensor,
    _region: torch.Tensor | None,
    frame: Frame,
    *,
    attenuation: float,
    width: float = math.inf,
) -> bool:
    """Whether there is an echo to lose, and the obstacle, a voxel at least, is not thinner than nothing."""
    return width > 0 and shows(attenuation * float(image.max()), image, frame)


def _shaded(
    values: torch.Tensor, frame: Frame, place: Sequence[float], attenuation: float, width: float
) -> torch.Tensor:
    import torch

    depth, probe_last = depth_axis(frame)
    echo = (values.detach() > 0).any(0).movedim(depth, -1)  # (lateral axes ..., depth)
    echo = echo.flip(-1) if probe_last else echo
    start = _obstacle(echo, place)
    if start is None or width == 0:
        return values
    *lateral, near = start
    spacing = [mm for axis, mm in enumerate(frame.spacing) if axis != depth]
    beam = [attenuation * s for s in _profile(_distances(lateral, echo.shape[:-1], spacing), width)]
    behind = [float(i >= near) for i in range(echo.shape[-1])]
    lost = values.new_tensor(beam).reshape(*echo.shape[:-1], 1) * values.new_tensor(behind)
    lost = lost.flip(-1) if probe_last else lost
    return torch.where(values > 0, values * (1 - lost).movedim(-1, depth), values)


def _obstacle(echo: torch.Tensor, place: Sequence[float]) -> list[int] | None:
    """The voxel at the share `place[0]` of all beams' echoes, and at half the share `place[1]` of those of its beam.

    Counts of voxels, which are the same on every device.
    """
    import numpy as np

    per_beam = echo.sum(-1)
    ends = per_beam.reshape(-1).cumsum(0)
    if int(ends[-1]) == 0:
        return None
    beam = int((ends <= int(place[0] * int(ends[-1]))).sum())
    lateral = [int(i) for i in np.unravel_index(beam, per_beam.shape)]
    along = echo[tuple(lateral)].nonzero().reshape(-1)
    return [*lateral, int(along[int(place[1] / 2 * len(along))])]


def _distances(centre: Sequence[int], shape: Sequence[int], spacing: Sequence[float]) -> list[float]:
    """The distance of each beam from the centre in mm, the last lateral axis fastest."""
    squares = [0.0]
    for c, size, mm in zip(centre, shape, spacing, strict=True):
        squares = [square + ((i - c) * mm) ** 2 for square in squares for i in range(size)]
    return [math.sqrt(square) for square in squares]


def _profile(distances: Sequence[float], width: float) -> list[float]:
    """1 up to a quarter of the width from the middle, 1/2 at half of it, 0 from three quarters on: a raised cosine."""
    shares = [min(max((distance / width - 0.25) / 0.5, 0.0), 1.0) for distance in distances]
    return [math.cos(math.pi / 2 * share) ** 2 if share < 1 else 0.0 for share in shares]


def _across(frame: Frame, values: torch.Tensor) -> float:
    """The longest side of the image across the beam, in mm."""
    depth = depth_axis(frame)[0]
    sizes = zip(values.shape[2:], frame.spacing, strict=True)
    return max(size * mm for axis, (size, mm) in enumerate(sizes) if axis != depth)


ATTENUATION = Parameter(
    "attenuation",
    identity=0.0,
    lowest=0.0,
    highest=1.0,
    plausible=(0.0, 0.8),
    source="estimate, no survey: behind bone and gas next to no echo is left, behind dense tissue half",
    meaning="share of the unit-scale intensity that is lost in the middle of the shadow",
)

declare(
    Perturbation(
        "acoustic shadow",
        "A band along the beam darkened from a random depth on.",
        alternatives=(
            (ATTENUATION,),
            (
                ATTENUATION,
                Parameter(
                    "width",
                    identity=0.0,
                    lowest=0.0,
                    highest=500.0,
                    unit="mm",
                    plausible=(0.0, 15.0),
                    source="estimate, no survey: a gallstone or a rib",
                    meaning="across the beam, between the places where half of the attenuation is left; without it a fifth "
                    "of the image's longest side across the beam",
                ),
            ),
        ),
        apply=acoustic_shadow,
        random=True,
        local=False,
        synonyms=("shadow",),
        source="x = u (1 - attenuation · s), s a band parallel to the beam with raised-cosine edges",
        could_change=could_shade,
        modalities=("ultrasound",),
    )
)
