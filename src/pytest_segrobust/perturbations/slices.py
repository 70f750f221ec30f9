"""Images as stacks of slices: which axis is the slice axis, and how an image is laid out slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from .frame import Frame


@dataclass(frozen=True)
class Stack:
    """How an image is cut: `axis` is the slice axis, None for an image that is one slice; `spacing` is in-plane, mm."""

    axis: int | None
    spacing: tuple[float, float]

    def slices(self, values: torch.Tensor) -> torch.Tensor:
        """(C, slices, height, width) of an image (C, *spatial)."""
        return values.unsqueeze(1) if self.axis is None else values.movedim(self.axis + 1, 1)

    def image(self, slices: torch.Tensor) -> torch.Tensor:
        """The inverse of `slices`."""
        return slices.squeeze(1) if self.axis is None else slices.movedim(1, self.axis + 1)


def through_plane(frame: Frame) -> int:
    """The axis across the slices: the one with the largest spacing, the last of several."""
    return max(range(len(frame.spacing)), key=lambda axis: (frame.spacing[axis], axis))


def thick_slices(frame: Frame) -> Stack:
    """Cut across the axis through the slices: what was acquired slice by slice."""
    return _stack(frame, through_plane(frame))


def axial_slices(frame: Frame) -> Stack:
    """Cut across the body's long axis, where the axes' codes name it: a CT gantry turns around it."""
    for axis, code in enumerate(frame.axes):
        if code in ("S", "I"):
            return _stack(frame, axis)
    return thick_slices(frame)


def _stack(frame: Frame, axis: int) -> Stack:
    if len(frame.spacing) == 2:
        return Stack(None, (frame.spacing[0], frame.spacing[1]))
    height, width = (spacing for i, spacing in enumerate(frame.spacing) if i != axis)
    return Stack(axis, (height, width))
