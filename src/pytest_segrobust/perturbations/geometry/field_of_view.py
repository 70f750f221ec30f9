"""A field of view that is too small: part of the image is missing at its edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..catalogue import Choice, Parameter, Perturbation, declare
from .orientation import ANATOMICAL, STORED, axis_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame
    from ..movement import Motion


@dataclass(frozen=True, eq=False)
class Cut:
    """A motion that leaves `margins` voxels out at both ends of each axis."""

    frame: Frame
    margins: tuple[int, ...]
    lossless = True
    complete = False

    def image(self, values: torch.Tensor) -> torch.Tensor:
        """What is left."""
        for axis, margin in enumerate(self.margins):
            values = values.narrow(axis + 1, margin, values.shape[axis + 1] - 2 * margin)
        return values.contiguous()

    def labels(self, values: torch.Tensor) -> torch.Tensor:
        """The same of labels."""
        return self.image(values)

    def back(self, values: torch.Tensor) -> torch.Tensor:
        """What is left in its place, 0 around it."""
        import torch

        padding = [margin for margin in reversed(self.margins) for _ in range(2)]
        return torch.nn.functional.pad(values, padding)


def field_of_view(batch: Batch, *, share: Sequence[float], axis: str | None = None) -> list[Motion]:
    """The image without a share of its extent at both ends of every axis, or of one; rounded to whole voxels."""
    motions: list[Motion] = []
    for frame, lost in zip(batch.frames, share, strict=True):
        chosen = None if axis is None else axis_number(frame, axis)
        margins = tuple(
            margin(size, lost) if chosen in (None, number) else 0 for number, size in enumerate(batch.values.shape[2:])
        )
        motions.append(Cut(frame, margins))
    return motions


def margin(size: int, share: float) -> int:
    """The voxels lost at either end of an axis: the share rounded to whole ones, halves up; one is always left."""
    return min(int(share * size + 0.5), (size - 1) // 2)


def could_cut(
    image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, share: float, axis: str | None = None
) -> bool:
    """Whether the share is a voxel or more along any axis in question."""
    chosen = None if axis is None else axis_number(frame, axis)
    sizes = enumerate(image.shape[1:])
    return any(margin(size, share) > 0 for number, size in sizes if chosen in (None, number))


SHARE = Parameter(
    "share",
    identity=0.0,
    lowest=0.0,
    highest=0.45,
    plausible=(0.0, 0.1),
    source="estimate, no survey: scans that are planned too tightly miss some centimetres of an organ",
    meaning="of the image's extent that is missing at each end of an axis, in whole voxels",
)

declare(
    Perturbation(
        "field of view",
        "The image cut at its edges, the reference with it.",
        alternatives=(
            (SHARE,),
            (
                SHARE,
                Choice(
                    "axis",
                    (*ANATOMICAL, *STORED),
                    meaning="that is cut, at both ends; all axes without one",
                ),
            ),
        ),
        apply=field_of_view,
        moves_labels=True,
        local=False,
        synonyms=("crop",),
        source="voxels left out; nothing is interpolated",
        could_change=could_cut,
    )
)
