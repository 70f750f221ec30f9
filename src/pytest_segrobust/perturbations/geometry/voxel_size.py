"""The same anatomy on a grid of other voxel size: a scan that was resampled, or taken with other voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from .along_axis import along
from .resampling import VISIBLE, varies

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame
    from ..movement import Motion
    from .along_axis import Taps


@dataclass(frozen=True, eq=False)
class Resized:
    """A motion to a grid with the same centre that covers the same image; `given` and `size` are (*spatial).

    A voxel holds the mean of what its cell covers, or what lies at its centre, interpolated linearly, where it is
    smaller. Labels: the class with the largest share of the cell, of equals the lowest.
    """

    frame: Frame
    given: tuple[int, ...]
    size: tuple[int, ...]
    steps: tuple[float, ...]  # new over old spacing
    lossless = False
    complete = True

    def image(self, values: torch.Tensor) -> torch.Tensor:
        """The image on the new grid."""
        for axis, (old, new, step) in enumerate(zip(self.given, self.size, self.steps, strict=True)):
            if step != 1:
                values = along(values, axis + 1, cells(old, new, step, values.device))
        return values

    def labels(self, values: torch.Tensor) -> torch.Tensor:
        """The labels on the new grid."""
        return _largest_share(values, self)

    def back(self, values: torch.Tensor) -> torch.Tensor:
        """Labels of the new grid on the image's own."""
        return _largest_share(values, Resized(self.frame, self.size, self.given, tuple(1 / s for s in self.steps)))


def resampling(
    batch: Batch, *, factor: Sequence[float] | None = None, spacing: Sequence[float] | None = None
) -> list[Motion]:
    """Voxels `factor` times as long along every axis, or `spacing` mm long along those where they are shorter."""
    motions: list[Motion] = []
    for i, frame in enumerate(batch.frames):
        if factor is not None:
            steps = tuple(float(factor[i]) for _ in frame.spacing)
        else:
            steps = tuple(max(float((spacing or ())[i]), own) / own for own in frame.spacing)
        given = tuple(batch.values.shape[2:])
        size = tuple(max(1, math.ceil(n / step - 1e-6)) for n, step in zip(given, steps, strict=True))
        new = tuple(own * step for own, step in zip(frame.spacing, steps, strict=True))
        motions.append(Resized(replace(frame, spacing=new), given, size, steps))
    return motions


def cells(old: int, new: int, step: float, device: torch.device) -> Taps:
    """How much of each old voxel a new one holds; `step` is the new voxels' length in old ones."""
    import torch

    width = max(1.0, step)
    middle = (torch.arange(new, dtype=torch.float64, device=device) - (new - 1) / 2) * step + (old - 1) / 2
    low, high = middle - width / 2, middle + width / 2
    first = (low + 0.5).floor()
    places = torch.stack([first + k for k in range(math.ceil(width) + 1)])
    weights = (torch.minimum(high, places + 0.5) - torch.maximum(low, places - 0.5)).clamp(min=0) / width
    return places.clamp(0, old - 1).long(), weights


def could_resize(image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, **stated: float) -> bool:
    """Whether the image varies and a voxel becomes visibly longer or shorter."""
    steps = [stated["factor"]] if "factor" in stated else [stated["spacing"] / own for own in frame.spacing]
    return varies(image) and any(
        abs(math.log(step)) > VISIBLE for step in steps if step > 1 or (step > 0 and "factor" in stated)
    )


def _largest_share(values: torch.Tensor, to: Resized) -> torch.Tensor:
    import torch

    most = found = None
    for label in torch.unique(values).tolist():  # in ascending order
        share = to.image((values == label).to(torch.float64))
        if found is None or most is None:
            most, found = share, torch.full_like(share, label, dtype=values.dtype)
        else:
            found = torch.where(share > most, torch.full_like(found, label), found)
            most = torch.maximum(share, most)
    return values.new_zeros((0, *to.size)) if found is None else found


FACTOR = Parameter(
    "factor",
    identity=1.0,
    lowest=0.25,
    highest=20.0,
    scale="log",
    plausible=(0.7, 2.0),
    source="estimate, no survey: protocols differ about twofold in voxel length; "
    "ROOD-MRI (Boone et al. 2023) downsamples one axis by 2.8-10",
    meaning="length of the new voxels over the old ones', along every axis",
)
SPACING = Parameter(
    "spacing",
    identity=0.0,
    lowest=0.0,
    highest=50.0,
    unit="mm",
    plausible=(0.0, 5.0),
    source="estimate, no survey: slices of 5 mm are routine in CT",
    meaning="length that voxels get along every axis where they are shorter",
)

declare(
    Perturbation(
        "resampling",
        "The image and the reference on a grid of other voxel size, which a model is told.",
        alternatives=((FACTOR,), (SPACING,)),
        apply=resampling,
        moves_labels=True,
        local=False,
        synonyms=("voxel size",),
        source="mean over the new voxel's cell; linear interpolation where voxels become smaller",
        could_change=could_resize,
    )
)
