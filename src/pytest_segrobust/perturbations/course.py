"""Samples that go through the same steps together, each with its own numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..errors import PerturbationError
from .checks import checked
from .effect import refuse_no_effect
from .frame import Batch, Frame, unit_scale
from .movement import Movement
from .severity import stands_still
from .strength import measured, voxels
from .unit_noise import Key, normal_fields, uniform_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import torch

    from .attacked import Attacked
    from .catalogue import Perturbation
    from .movement import Motion
    from .point import Point, Step

Draw = tuple[int, int]  # seed and realisation


def route(point: Point) -> object:
    """What two points must have in common to be done together: everything but their numbers."""
    return tuple(
        (
            step.name,
            step.on,
            tuple((name, value if isinstance(value, str) else None) for name, value in step.parameters),
        )
        for step in point.steps
    )


def start(
    members: list[int],
    images: torch.Tensor,
    labels: torch.Tensor | None,
    *,
    points: Sequence[Point],
    frames: Sequence[Frame],
    regions: Mapping[str, torch.Tensor],
    attacked: Attacked | None,
    draw: Draw,
) -> Course:
    """The course of those samples of a batch whose places are `members`; their points have one route."""
    import torch

    everyone = len(members) == len(images)
    point, case = points[members[0]], frames[members[0]].key
    if attacked is None and any(checked(step).attack for step in point.steps):
        raise PerturbationError(f"case {case}: {point} attacks a model, and none was given")
    names = sorted({step.on for step in point.steps if step.on is not None})
    for name in names:
        if name not in regions:
            raise PerturbationError(f"case {case}: {point} needs a mask of {name!r}, and none was given")
    # Half precision would round mild perturbations away. Contiguous: a view's layout must not change how sums round.
    dtype = images.dtype if images.dtype.itemsize >= 4 else torch.float32

    def these(masks: torch.Tensor) -> torch.Tensor:
        return (masks if everyone else masks[members]).to(images.device, torch.bool)

    return Course(
        points=[points[i] for i in members],
        images=(images if everyone else images[members]).to(dtype).contiguous(),
        labels=labels if labels is None or everyone else labels[members],
        regions={name: these(regions[name]) for name in names},
        frames=[frames[i] for i in members],
        draw=draw,
        attacked=attacked,
        structures={name: these(mask) for name, mask in attacked.structures.items()} if attacked else {},
    )


def movement(point: Point, frame: Frame, values: torch.Tensor, draw: Draw) -> Movement:
    """How one case moves at a point; `values` are an image of its shape, (C, *spatial). Other steps do nothing."""
    given, motions = values, []
    for step, perturbation, ordinal in _numbered(point):
        if perturbation.moves_labels and not stands_still(step):
            motion: Motion
            (motion,) = perturbation.apply(_batch(values[None], (frame,), step, ordinal, draw), **_parameters([step]))
            motions.append(motion)
            if step is not point.steps[-1]:
                values = motion.labels(values)  # the next step asks for its shape
            frame = motion.frame
    return Movement(tuple(motions), tuple(given.shape[1:]), given.device)


@dataclass(eq=False)
class Course:
    """A group of samples on their way: `images`, `labels`, `regions` and `frames` are as they are by now.

    `given` are the images at the start, `before` the same moved along, so that the two can be compared voxel by voxel.
    `structures` are the reference masks that an attack is told; they move along, too. `motions` are each sample's so far.
    """

    points: list[Point]
    images: torch.Tensor
    labels: torch.Tensor | None
    regions: dict[str, torch.Tensor]
    frames: list[Frame]
    draw: Draw
    attacked: Attacked | None = None
    structures: dict[str, torch.Tensor] = field(default_factory=dict)
    given: torch.Tensor = field(init=False)
    before: torch.Tensor = field(init=False)
    motions: list[list[Motion]] = field(init=False)

    def __post_init__(self) -> None:
        self.given = self.before = self.images
        self.motions = [[] for _ in self.points]

    def run(self) -> None:
        """Take every step, in order; samples at a step's identity, or without its structure, do not take part in it."""
        for place, (first, perturbation, ordinal) in enumerate(_numbered(self.points[0])):
            steps = [point.steps[place] for point in self.points]
            for step in steps:
                checked(step)
            region = None if first.on is None else self.regions[first.on]
            sizes = [1] * len(steps) if region is None else voxels(self.images, region).tolist()
            acting = [i for i, step in enumerate(steps) if sizes[i] and not stands_still(step)]
            if acting and perturbation.moves_labels:
                self._move(perturbation, steps, acting, ordinal)
            elif acting:
                self._change(perturbation, steps, acting, ordinal, region)
        if self.images is self.given:
            self.images = self.images.clone()  # writing to the result must not write to the image given

    def movements(self) -> list[Movement]:
        """How each sample moved."""
        shape, device = tuple(self.given.shape[2:]), self.given.device
        return [Movement(tuple(motions), shape, device) for motions in self.motions]

    def strengths(self) -> list[dict[str, float]]:
        """Per sample: "changed", the share of changed voxels in the perturbed region, and "snr" in dB there.

        The region is the union over the steps that change intensities, the comparison is with the image moved along,
        and the SNR is infinite where nothing changed. Points that only move images have no SNR; their "changed" is the
        share of voxels that differ at the same place, and 1 where the shape is another.

        Raises:
            PerturbationError: the result is not finite.
        """
        import torch

        changing = [step for step in self.points[0].steps if not checked(step).moves_labels]
        if not self.points[0].steps:
            return [{"snr": math.inf, "changed": 0.0} for _ in self.points]
        if not changing:
            if self.images.shape != self.given.shape:
                return [{"changed": 1.0} for _ in self.points]
            different = (self.images != self.given).any(1).flatten(1)
            return [{"changed": count / different.shape[1]} for count in different.sum(1).tolist()]
        region = None
        if all(step.on is not None for step in changing):
            region = torch.stack(list(self.regions.values())).any(0)
        strengths = measured(self.before, self.images, *unit_scale(self.frames, self.images), region)
        for strength, frame, point in zip(strengths, self.frames, self.points, strict=True):
            if math.isnan(strength["snr"]):
                raise PerturbationError(f"case {frame.key}: {point} leaves voxels that are NaN or infinite")
        return strengths

    def _change(
        self,
        perturbation: Perturbation,
        steps: list[Step],
        acting: list[int],
        ordinal: int,
        region: torch.Tensor | None,
    ) -> None:
        import torch

        everyone = len(acting) == len(steps)
        old = self.images if everyone else self.images[acting]
        region = region if region is None or everyone else region[acting]
        frames = tuple(self.frames[i] for i in acting)
        low, span = unit_scale(frames, old)
        unit = (old - low) / span
        batch = _batch(unit, frames, steps[0], ordinal, self.draw, region=region)
        if perturbation.attack:
            batch = replace(batch, attacked=self._attacked(acting))
        # By its difference: a voxel that keeps its place on the unit scale keeps its bits.
        new = old + (perturbation.apply(batch, **_parameters([steps[i] for i in acting])) - unit) * span
        if region is not None:
            new = torch.where(region.unsqueeze(1), new, old)
        for place, i in enumerate(acting):
            if torch.equal(new[place], old[place]):
                inside = None if region is None else region[place]
                refuse_no_effect(perturbation, steps[i], unit[place], inside, self.frames[i])
        self.images = new if everyone else self.images.index_copy(0, _index(acting, new), new)

    def _attacked(self, acting: list[int]) -> Attacked:
        assert self.attacked is not None  # `start` saw to it
        return replace(self.attacked, structures={name: mask[acting] for name, mask in self.structures.items()})

    def _move(self, perturbation: Perturbation, steps: list[Step], acting: list[int], ordinal: int) -> None:
        import torch

        old, frames = self.images, tuple(self.frames[i] for i in acting)
        batch = _batch(old if len(acting) == len(steps) else old[acting], frames, steps[0], ordinal, self.draw)
        motions: list[Motion] = perturbation.apply(batch, **_parameters([steps[i] for i in acting]))
        going = dict(zip(acting, motions, strict=True))

        def go(values: torch.Tensor, *, labels: bool) -> torch.Tensor:
            moved = [
                sample if i not in going else going[i].labels(sample) if labels else going[i].image(sample)
                for i, sample in enumerate(values)
            ]
            return together(moved, frames[0].key)

        def go_along(masks: torch.Tensor) -> torch.Tensor:
            return go(masks.unsqueeze(1), labels=True).squeeze(1)

        self.images = go(old, labels=False)
        self.before = self.images if self.before is old else go(self.before, labels=False)
        self.labels = self.labels if self.labels is None else go_along(self.labels)
        self.regions = {name: go_along(mask) for name, mask in self.regions.items()}
        self.structures = {name: go_along(mask) for name, mask in self.structures.items()}
        for i, motion in going.items():
            if self.images.shape == old.shape and torch.equal(self.images[i], old[i]):
                refuse_no_effect(perturbation, steps[i], old[i], None, self.frames[i])
            self.frames[i] = motion.frame
            self.motions[i].append(motion)


def together(samples: Sequence[torch.Tensor], case: str) -> torch.Tensor:
    """Samples of one shape as a batch.

    Raises:
        PerturbationError: their shapes differ.
    """
    import torch

    shapes = sorted({tuple(sample.shape[1:]) for sample in samples})
    if len(shapes) > 1:
        raise PerturbationError(
            f"case {case}: the samples of one call come back in shapes {shapes}; perturb them in separate calls"
        )
    return torch.stack(list(samples))


def _numbered(point: Point) -> Iterator[tuple[Step, Perturbation, int]]:
    """Steps with their perturbations; the n-th step of one name draws other random fields than the first."""
    names = [step.name for step in point.steps]
    for place, step in enumerate(point.steps):
        yield step, checked(step), names[:place].count(step.name)


def _batch(
    values: torch.Tensor,
    frames: tuple[Frame, ...],
    step: Step,
    ordinal: int,
    draw: Draw,
    *,
    region: torch.Tensor | None = None,
) -> Batch:
    seed, realisation = draw

    def keys(number: int) -> list[Key]:
        return [(seed, frame.key, step.name, ordinal, number, realisation) for frame in frames]

    return Batch(
        values,
        frames,
        normal=lambda number, shape: normal_fields(keys(number), shape, like=values),
        uniform=lambda number, shape: uniform_fields(keys(number), shape, like=values),
        region=region,
    )


def _parameters(steps: list[Step]) -> dict[str, Any]:
    """For each parameter one number per step; a word is the same for all."""
    columns = {name: [dict(step.parameters)[name] for step in steps] for name, _ in steps[0].parameters}
    return {name: values[0] if isinstance(values[0], str) else tuple(values) for name, values in columns.items()}


def _index(places: list[int], like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.tensor(places, device=like.device)
