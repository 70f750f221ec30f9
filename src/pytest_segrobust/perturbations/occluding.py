"""What is missing from an image: a box of it, or whole slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PerturbationError
from .catalogue import Parameter, Perturbation, declare
from .slices import thick_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from .frame import Batch, Frame

VISIBLE = 1e-3  # voxels, or slices


def occlusion(batch: Batch, *, share: Sequence[float]) -> torch.Tensor:
    """A box with the image's proportions, at a drawn place, is 0 on the unit scale; it holds that share of the image.

    The box grows from a drawn point to the whole image. Where its faces cut through voxels, those lose the share of
    their signal that lies within it.
    """
    import torch

    shape = batch.values.shape[2:]
    points = batch.uniform(0, (len(shape),)).tolist()
    kept = []
    for image, part, point in zip(batch.values, share, points, strict=True):
        side = part ** (1 / len(shape))
        covered = torch.ones((), dtype=image.dtype, device=image.device)
        for axis, (size, middle) in enumerate(zip(shape, point, strict=True)):
            along = covering(size, middle * (1 - side) * size, (middle * (1 - side) + side) * size)
            column = torch.tensor(along, dtype=image.dtype, device=image.device)
            covered = covered * column.reshape(-1, *(1 for _ in shape[axis + 1 :]))
        kept.append(image * (1 - covered))
    return torch.stack(kept)


def dropped_slices(batch: Batch, *, share: Sequence[float]) -> torch.Tensor:
    """Slices in a drawn order are 0 on the unit scale, until the share of all is reached; the last may keep some signal."""
    import torch

    kept = []
    for i, (image, part, frame) in enumerate(zip(batch.values, share, batch.frames, strict=True)):
        stack = thick_slices(frame)
        if stack.axis is None:
            raise PerturbationError(f"case {frame.key} is a single slice, of which none can be dropped")
        slices = stack.slices(image)
        count = slices.shape[1]
        drawn = batch.uniform(0, (count,))[i].tolist()
        places = sorted(range(count), key=lambda place: (drawn[place], place))
        left = dict(zip(places, covering(count, 0, part * count), strict=True))
        weights = torch.tensor([1 - left[k] for k in range(count)], dtype=image.dtype, device=image.device)
        kept.append(stack.image(slices * weights.reshape(-1, 1, 1)))
    return torch.stack(kept)


def covering(size: int, begin: float, end: float) -> list[float]:
    """How much of each of `size` voxels lies between two places, counted in voxels from the first one's edge."""
    return [max(0.0, min(end, k + 1) - max(begin, k)) for k in range(size)]


def could_occlude(image: torch.Tensor, _region: torch.Tensor | None, _frame: Frame, *, share: float) -> bool:
    """Whether there are more voxels to cover than voxels that are 0 anyhow."""
    covered = share * image[0].numel()
    return covered > VISIBLE and covered > int((image == 0).all(0).sum()) * (1 + VISIBLE)


def could_drop(image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, share: float) -> bool:
    """Whether there are more slices to drop than slices that are 0 anyhow."""
    slices = thick_slices(frame).slices(image)
    covered = share * slices.shape[1]
    return covered > VISIBLE and covered > int((slices == 0).all(3).all(2).all(0).sum()) * (1 + VISIBLE)


def _share(estimate: str, meaning: str) -> Parameter:
    source = f"estimate, no survey: {estimate}"
    return Parameter("share", 0.0, 0.0, 1.0, plausible=(0.0, 0.05), source=source, meaning=meaning)


declare(
    Perturbation(
        "occlusion",
        "A box at a drawn place is dark, as behind a plate or where data were lost.",
        alternatives=(
            (
                _share(
                    "burnt-in text or a plate covers some hundredths of an image",
                    "of the image's extent that the box holds",
                ),
            ),
        ),
        apply=occlusion,
        random=True,
        local=False,
        synonyms=("cutout",),
        could_change=could_occlude,
        source="u = 0 in a box with the image's proportions, as Cutout (DeVries and Taylor 2017)",
    )
)

declare(
    Perturbation(
        "dropped slices",
        "Slices at drawn places are dark, as where a series is incomplete; volumes only.",
        alternatives=(
            (
                _share(
                    "one slice in twenty",
                    "of all slices that are dark; for a part of a slice, one keeps the rest of its signal",
                ),
            ),
        ),
        apply=dropped_slices,
        random=True,
        local=False,
        synonyms=("missing slices",),
        could_change=could_drop,
        source="u = 0 in slices across the axis with the largest spacing, the last axis on ties",
    )
)
