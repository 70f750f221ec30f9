"""Which way an ultrasound image is deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..frame import Frame


def depth_axis(frame: Frame) -> tuple[int, bool]:
    """The array axis along which the beam runs, and whether its last voxel is the one at the probe.

    The axis with the code A or P, the probe in front of the patient: an image with codes was put into a patient's frame.
    Where there is none, the first stored axis, the rows of a picture, with the probe above the first row.
    """
    for axis, code in enumerate(frame.axes):
        if code in ("A", "P"):
            return axis, code == "A"
    return 0, False


def depths(frame: Frame, size: int) -> list[float]:
    """How deep each of `size` voxels along the beam is, from 0 at the probe to 1 at the far end of the image."""
    shares = [i / max(size - 1, 1) for i in range(size)]
    return shares[::-1] if depth_axis(frame)[1] else shares
