"""Stored the wrong way round: mirrored and transposed images, a stress test of laterality and orientation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from ...errors import PerturbationError
from ..catalogue import Choice, Perturbation, declare

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from ..frame import Batch, Frame
    from ..movement import Motion

T = TypeVar("T")

ANATOMICAL = {"left-right": ("L", "R"), "anterior-posterior": ("A", "P"), "inferior-superior": ("I", "S")}
STORED = ("rows", "columns", "slices")  # the first, second and third axis of the array


@dataclass(frozen=True, eq=False)
class Rearranged:
    """A motion that only puts voxels elsewhere; `way` is done to arrays (C, *spatial), `way_back` undoes it."""

    frame: Frame
    way: Callable[[torch.Tensor], torch.Tensor]
    way_back: Callable[[torch.Tensor], torch.Tensor]
    lossless = True
    complete = True

    def image(self, values: torch.Tensor) -> torch.Tensor:
        """The voxels in their new places."""
        return self.way(values)

    def labels(self, values: torch.Tensor) -> torch.Tensor:
        """The same of labels."""
        return self.way(values)

    def back(self, values: torch.Tensor) -> torch.Tensor:
        """The voxels in their old places."""
        return self.way_back(values)


def flip(batch: Batch, *, axis: str) -> list[Motion]:
    """The voxels in reverse order along an axis; spacing and axis codes stay, as of a mirrored patient."""

    def mirror(frame: Frame) -> Motion:
        number = axis_number(frame, axis) + 1
        return Rearranged(frame, lambda values: values.flip(number), lambda values: values.flip(number))

    return [mirror(frame) for frame in batch.frames]


def axis_swap(batch: Batch, *, axes: str) -> list[Motion]:
    """The array transposed; spacing and axis codes move along with their axes."""

    def transpose(frame: Frame) -> Motion:
        first, second = (axis_number(frame, word) for word in axes.split("-"))

        def way(values: torch.Tensor) -> torch.Tensor:
            return values.transpose(first + 1, second + 1).contiguous()

        spacing, codes = _swapped(frame.spacing, first, second), _swapped(frame.axes, first, second)
        return Rearranged(replace(frame, spacing=spacing, axes=codes), way, way)

    return [transpose(frame) for frame in batch.frames]


def axis_number(frame: Frame, word: str) -> int:
    """Which array axis a word means in an image.

    Raises:
        PerturbationError: the image has no such axis.
    """
    stored = STORED[: len(frame.axes)]
    if word in stored:
        return stored.index(word)
    for number, code in enumerate(frame.axes):
        if code in ANATOMICAL.get(word, ()):
            return number
    anatomical = [name for code in frame.axes for name, codes in ANATOMICAL.items() if code in codes]
    raise PerturbationError(f"case {frame.key} has no axis {word!r}; it has {', '.join([*anatomical, *stored])}")


def could_flip(image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, axis: str) -> bool:
    """Whether the image varies along the axis: one that does not is its own mirror image."""
    return _varies(image, axis_number(frame, axis))


def could_swap(image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, axes: str) -> bool:
    """Whether the image varies along either axis."""
    return any(_varies(image, axis_number(frame, word)) for word in axes.split("-"))


def _varies(image: torch.Tensor, number: int) -> bool:
    return bool((image != image.narrow(number + 1, 0, 1)).any())


def _swapped(values: tuple[T, ...], first: int, second: int) -> tuple[T, ...]:
    order = list(range(len(values)))
    order[first], order[second] = second, first
    return tuple(values[i] for i in order)


declare(
    Perturbation(
        "flip",
        "The image mirrored along one axis; labels move with their voxels and keep their names.",
        alternatives=(
            (
                Choice(
                    "axis",
                    (*ANATOMICAL, *STORED),
                    meaning="an anatomical axis by the image's orientation, or the first, second or third axis as stored",
                ),
            ),
        ),
        apply=flip,
        moves_labels=True,
        local=False,
        synonyms=("mirror",),
        source="a stress test: a mirrored file, or a patient with situs inversus",
        could_change=could_flip,
    )
)

declare(
    Perturbation(
        "axis swap",
        "Two axes of the stored array exchanged, their spacings and labels with them.",
        alternatives=(
            (
                Choice(
                    "axes",
                    ("rows-columns", "rows-slices", "columns-slices"),
                    meaning="rows, columns and slices are the first, second and third axis as stored",
                ),
            ),
        ),
        apply=axis_swap,
        moves_labels=True,
        local=False,
        synonyms=("transpose",),
        source="a stress test: a file whose axes were written in another order",
        could_change=could_swap,
    )
)
