"""A patient who moves during the acquisition: k-space is put together from several poses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from .k_space import filtered, lines, of_the_real_part, phase_axis, varies
from .poses import Pose, drawn_poses, in_pose

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from ..frame import Batch, Frame

MOVEMENTS = 2.0  # where a sentence does not say: TorchIO's default
MOST = 20
STILL, LAST = 0.1, 0.4  # distances of a movement from the centre of k-space, in shares of all lines
SHORTEST = 9  # lines of an axis of which at least one is beyond every movement


def motion(
    batch: Batch,
    *,
    rotation: Sequence[float] | None = None,
    translation: Sequence[float] | None = None,
    movements: Sequence[float] | None = None,
) -> torch.Tensor:
    """K-space of which each line is taken from the image in the pose at its time; real part of the inverse transform.

    A pose is a rotation about the centre of the image and a translation, in two dimensions within the image. The first
    of the `movements` (2 where not stated) goes to the largest rotation and the largest translation, exactly `rotation`
    degrees and `translation` mm; each other goes to a share of them. A fraction is a last movement that has gone that
    share of its way. Directions, shares and times are drawn once per case. The phase-encode axis, along which time runs
    from the first line to the last, is the shorter side of the slices.

    Which pose is "the" anatomy is ambiguous. Here it is the one at the centre of k-space: the central fifth of the lines
    is from the image as given, and movements lead away from it to either side, so that the labels stay where they are.
    Images in a pose are interpolated linearly, and continue beyond their edges with the values there.
    """
    import torch

    still = [0.0] * len(batch.frames)
    numbers = movements or [MOVEMENTS] * len(still)
    times = batch.uniform(0, (MOST,)).tolist()
    shares = batch.uniform(1, (MOST, 2)).double().cpu().numpy()
    directions = batch.normal(0, (MOST, 2, 3)).double().cpu().numpy()
    changed = []
    for i, (angle, distance, number) in enumerate(zip(rotation or still, translation or still, numbers, strict=True)):
        values, frame, count = batch.values[i], batch.frames[i], math.ceil(number)
        axis = phase_axis(values, frame)
        if axis is None or count == 0 or angle == distance == 0:
            changed.append(values)
            continue
        poses = drawn_poses(directions[i, :count], shares[i, :count], angle, distance, values.ndim - 1)
        schedule = acquired(values.shape[axis + 1], times[i][:count])
        poses[-1] = poses[-1].towards(before_last(times[i][:count], poses), count - number)
        changed.append(_composed(values, frame, axis, poses, schedule))
    return torch.stack(changed)


def acquired(size: int, times: Sequence[float]) -> np.ndarray:
    """After which movement each k-space line is acquired, in the order of an FFT; -1 for the image as given.

    A time in [0, 1) below one half is before the centre, at a distance of 0.1 to 0.4 of all lines, and so beyond.
    """
    import numpy as np

    numbers = lines(size)
    after = np.full(size, -1)
    for movement, time in sorted(enumerate(times), key=lambda each: _distance(each[1])):
        after[numbers * _side(time) >= _distance(time) * size] = movement
    return after


def before_last(times: Sequence[float], poses: Sequence[Pose]) -> Pose | None:
    """The pose from which the last of the movements leads away, as seen from the centre of k-space; None for the image as given."""
    *earlier, last = times
    nearer = [
        (_distance(time), movement)
        for movement, time in enumerate(earlier)
        if _side(time) == _side(last) and _distance(time) <= _distance(last)
    ]
    return poses[max(nearer)[1]] if nearer else None


def could_move(
    image: torch.Tensor,
    _region: torch.Tensor | None,
    frame: Frame,
    *,
    rotation: float = 0.0,
    translation: float = 0.0,
    movements: float = MOVEMENTS,
) -> bool:
    """Whether a voxel is displaced visibly, and there are lines enough and signal on them."""
    axis = phase_axis(image, frame)
    extents = [size * spacing for size, spacing in zip(image.shape[1:], frame.spacing, strict=True)]
    largest = translation + math.radians(rotation) * math.hypot(*extents) / 2
    moving = min(movements, 1.0) * largest > 1e-3 * min(frame.spacing)
    return moving and axis is not None and image.shape[axis + 1] >= SHORTEST and varies(image, axis)


def _side(time: float) -> int:
    return -1 if time < 0.5 else 1


def _distance(time: float) -> float:
    return STILL + (LAST - STILL) * (2 * time % 1)


def _composed(
    values: torch.Tensor, frame: Frame, axis: int, poses: Sequence[Pose], schedule: np.ndarray
) -> torch.Tensor:
    result = values
    for movement, pose in enumerate(poses):
        mask = schedule == movement
        if mask.any():
            difference = in_pose(values, pose, frame.spacing) - values
            result = result + filtered(difference, of_the_real_part(mask.astype(float)), (axis,))
    return result


ROTATION = Parameter(
    "rotation",
    identity=0.0,
    lowest=0.0,
    highest=90.0,
    unit="deg",
    plausible=(0.0, 2.0),
    source="estimate, no survey: a head in a coil, with more the scan is repeated; ROOD-MRI (Boone et al. 2023): 1-5",
    meaning="largest rotation away from the pose at the centre of k-space",
)
TRANSLATION = Parameter(
    "translation",
    identity=0.0,
    lowest=0.0,
    highest=100.0,
    unit="mm",
    plausible=(0.0, 1.5),
    source="estimate, no survey: a head in a coil, with more the scan is repeated; ROOD-MRI (Boone et al. 2023): 2-10",
    meaning="largest translation away from the pose at the centre of k-space",
)

declare(
    Perturbation(
        "motion",
        "A patient who moves between the lines of k-space: ghosts and blur.",
        alternatives=(
            (ROTATION, TRANSLATION),
            (ROTATION,),
            (TRANSLATION,),
            (
                ROTATION,
                TRANSLATION,
                Parameter(
                    "movements",
                    identity=0.0,
                    lowest=0.0,
                    highest=float(MOST),
                    plausible=(0.0, 4.0),
                    source="estimate, no survey; TorchIO's default is 2, ROOD-MRI (Boone et al. 2023): 2-10",
                    meaning="how often the patient moves during the acquisition; of a fraction, the last has gone that share of its way",
                ),
            ),
        ),
        apply=motion,
        random=True,
        local=False,
        synonyms=("patient motion", "motion artefact"),
        source="Shaw et al. 2019, as TorchIO's RandomMotion, with the centre of k-space in the image's own pose",
        could_change=could_move,
        modalities=("MR",),
    )
)
