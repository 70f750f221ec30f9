"""What a CT scanner measures of an image: attenuation per mm, slice by slice.

An image's own units are taken as Hounsfield units (HU), which no file can prove: -1000 is air and 0 is water. A scanner
sees what the image shows: a cropped image attenuates less than the patient did, so noise in photons comes out too weak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..frame import unit_scale
from ..slices import Stack, axial_slices
from .projection import Scanner, scanner

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from ..frame import Batch, Frame

WATER = 0.0193  # per mm: water at 70 keV, about the mean energy of a 120 kVp beam (NIST XCOM: 0.193 cm²/g)
AIR = -500.0  # HU; what is denser belongs to the body


@dataclass(frozen=True, eq=False)
class Scan:
    """One image as its scanner sees it: `slices` (C, slices, height, width) of attenuation per mm."""

    frame: Frame
    stack: Stack
    slices: torch.Tensor
    span: torch.Tensor
    scanner: Scanner

    def in_hounsfield(self, difference: torch.Tensor) -> torch.Tensor:
        """A difference of attenuations (C, slices, height, width) as one of HU."""
        return difference * (1000 / WATER)

    def on_unit_scale(self, difference: torch.Tensor) -> torch.Tensor:
        """A difference in HU (C, slices, height, width) as one of the image (C, *spatial) on the unit intensity scale."""
        return self.stack.image(difference / self.span)


def hounsfield(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The images (N, C, *spatial) in their own units, taken as HU, and how many of them one unit is, (N, C, 1, ...)."""
    low, span = unit_scale(batch.frames, batch.values)
    return batch.values * span + low, span


def scans(batch: Batch) -> Iterator[Scan]:
    """The images of a batch as their scanners see them, one by one."""
    for image, span, frame in zip(*hounsfield(batch), batch.frames, strict=True):
        stack = axial_slices(frame)
        slices = stack.slices((1 + image / 1000).clamp_min(0) * WATER)
        height, width = slices.shape[2:]
        yield Scan(
            frame=frame,
            stack=stack,
            slices=slices,
            span=span.reshape(-1, 1, 1, 1),
            scanner=scanner((height, width), stack.spacing, slices.dtype, slices.device),
        )


def densest(image: torch.Tensor, frame: Frame) -> float:
    """The highest HU of an image (C, *spatial) on the unit intensity scale."""
    highest = image.detach().flatten(1).amax(1).tolist()
    return max(float(u * (b - a) + a) for u, a, b in zip(highest, frame.low, frame.high, strict=True))
