"""Rigid poses of an image, in mm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch


@dataclass(frozen=True, eq=False)
class Pose:
    """A rotation about the centre of the image, then a shift, in the order of the array's axes.

    `turn` is along the axis of the rotation and as long as its angle in radians, (3,); in 2-D it is the signed angle,
    (1,). `shift` is in mm, (d,).
    """

    turn: np.ndarray
    shift: np.ndarray

    def towards(self, other: Pose | None, share: float) -> Pose:
        """The pose at a share of the way to another, or to the image as given."""
        turn, shift = (0.0, 0.0) if other is None else (other.turn, other.shift)
        return Pose(self.turn + share * (turn - self.turn), self.shift + share * (shift - self.shift))


def drawn_poses(
    directions: np.ndarray, shares: np.ndarray, angle: float, distance: float, dimensions: int
) -> list[Pose]:
    """One pose for each row of `directions` (M, 2, 3), standard normal, and `shares` (M, 2), in [0, 1).

    The first has the whole angle, in degrees, and the whole distance, in mm; the others have that share of them. In 2-D
    the sign of the angle is drawn, in 3-D its axis.
    """
    found = []
    for number, ((turn, shift), (of_angle, of_distance)) in enumerate(zip(directions, shares, strict=True)):
        whole_angle = math.radians(angle) * (of_angle if number else 1.0)
        whole_distance = distance * (of_distance if number else 1.0)
        axis = _unit(turn[:1] if dimensions == 2 else turn)
        found.append(Pose(whole_angle * axis, whole_distance * _unit(shift[:dimensions])))
    return found


def in_pose(values: torch.Tensor, pose: Pose, spacing: Sequence[float]) -> torch.Tensor:
    """An image (C, *spatial) as it looks in a pose: linear interpolation, edges continued."""
    import numpy as np
    import torch

    shape = values.shape[1:]
    backwards = _matrix(pose.turn).T  # where what is seen at a place comes from
    sources = []
    for row, size, width in zip(range(len(shape)), shape, spacing, strict=True):
        scale = 2 / (width * (size - 1)) if size > 1 else 0.0  # from mm to the -1 ... 1 of grid_sample
        place = torch.as_tensor(-scale * (backwards[row] @ pose.shift)).to(values)
        for axis, (n, step) in enumerate(zip(shape, spacing, strict=True)):
            part = scale * backwards[row, axis] * (np.arange(n) - (n - 1) / 2) * step
            place = place + torch.as_tensor(part).to(values).reshape(-1, *(1 for _ in shape[axis + 1 :]))
        sources.append(place)
    grid = torch.stack(sources[::-1], -1).unsqueeze(0)  # x, the last axis, comes first there
    moved = torch.nn.functional.grid_sample(values.unsqueeze(0), grid, padding_mode="border", align_corners=True)
    return moved.squeeze(0)


def _unit(vector: np.ndarray) -> np.ndarray:
    import numpy as np

    result: np.ndarray = vector / np.linalg.norm(vector)
    return result


def _matrix(turn: np.ndarray) -> np.ndarray:
    """The rotation matrix, in 3-D by Rodrigues' formula."""
    import numpy as np

    angle = float(np.linalg.norm(turn))
    if len(turn) == 1:
        cos, sin = math.cos(angle), math.sin(float(turn[0]))
        return np.array([[cos, -sin], [sin, cos]])
    x, y, z = turn / angle if angle else turn
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned: np.ndarray = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross)
    return turned
