"""Doing points to images: the one entry through which every image is perturbed.

A perturbed image is a function of the image, the point and the key (seed, case, perturbation, realisation). Samples of
one call may go through different points; whom a sample shares a batch with never changes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import PerturbationError
from .course import movement, route, start, together
from .frame import Frame
from .movement import Movement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from .attacked import Attacked
    from .point import Point

__all__ = ["Frame", "Movement", "Perturbed", "move", "perturb"]


@dataclass(frozen=True, eq=False)
class Perturbed:
    """What came of a batch.

    `images` is (N, C, *spatial) in the images' own units, in the dtype and on the device given. `labels` (N, *spatial)
    and `spacings` (mm) are moved along where the points move labels, which `movements` can do to others and undo.
    `strengths` is described at `Course.strengths`.
    """

    images: torch.Tensor
    labels: torch.Tensor | None
    spacings: list[tuple[float, ...]]
    strengths: list[dict[str, float]]
    movements: list[Movement]


def perturb(
    images: torch.Tensor,
    labels: torch.Tensor | None,
    points: Sequence[Point],
    frames: Sequence[Frame],
    *,
    realisation: int = 0,
    seed: int = 0,
    regions: Mapping[str, torch.Tensor] | None = None,
    attacked: Attacked | None = None,
) -> Perturbed:
    """Each image at its point.

    Args:
        images: floating (N, C, *spatial) in their own units; gradients flow to them through differentiable steps.
        labels: integers or bool (N, *spatial), or None.
        points: one per sample.
        frames: one per sample.
        realisation: which draw of the random fields.
        seed: of the run; part of every random key.
        regions: bool (N, *spatial) by structure, for steps that are confined to one. A sample whose region is empty
            stays as it is, which its strength says.
        attacked: the model under attack with the reference masks (N, *spatial) by structure, for steps that attack.

    Raises:
        PerturbationError: a step that cannot be done to a case; a step that should have changed a case and did not;
            a result that is not finite; samples that come back in different shapes.
    """
    if not len(images) == len(points) == len(frames) > 0:
        raise ValueError(f"{len(images)} images, {len(points)} points and {len(frames)} frames do not belong together")
    if not images.is_floating_point():
        raise PerturbationError(f"case {frames[0].key}: images must be floating, not {images.dtype}, which would round")
    groups: dict[object, list[int]] = {}
    for i, point in enumerate(points):
        groups.setdefault(route(point), []).append(i)
    courses = []
    for members in groups.values():
        course = start(
            members,
            images,
            labels,
            points=points,
            frames=frames,
            regions=regions or {},
            attacked=attacked,
            draw=(int(seed), int(realisation)),
        )
        course.run()
        courses.append(course)
    # All groups lie one after the other now; sample i lies at places[i].
    places = sorted(range(len(points)), key=[i for members in groups.values() for i in members].__getitem__)
    strengths = [strength for course in courses for strength in course.strengths()]
    spacings = [frame.spacing for course in courses for frame in course.frames]
    movements = [each for course in courses for each in course.movements()]
    moved_labels = [course.labels for course in courses if course.labels is not None]
    return Perturbed(
        images=_together([course.images for course in courses], places, frames).to(images.dtype),
        labels=None if labels is None else _together(moved_labels, places, frames),
        spacings=[spacings[place] for place in places],
        strengths=[strengths[place] for place in places],
        movements=[movements[place] for place in places],
    )


def move(values: torch.Tensor, point: Point, frame: Frame, *, realisation: int = 0, seed: int = 0) -> torch.Tensor:
    """Labels or masks (N, *spatial) of one case, moved as `perturb` moves that case's labels; other steps do nothing."""
    import torch

    image = torch.zeros((1, *values.shape[1:]), device=values.device)  # floating, as random fields are
    return movement(point, frame, image, (int(seed), int(realisation))).move(values)


def _together(parts: list[torch.Tensor], places: list[int], frames: Sequence[Frame]) -> torch.Tensor:
    if len(parts) == 1:
        return parts[0]
    samples = [sample for part in parts for sample in part]
    return together([samples[place] for place in places], frames[0].key)
