"""Ringing at edges: k-space was sampled up to a highest frequency and no further."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from .k_space import filtered, lines, of_the_real_part
from .magnitude import magnitude

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from ..frame import Batch, Frame


def gibbs_ringing(
    batch: Batch, *, kept: Sequence[float] | None = None, alpha: Sequence[float] | None = None
) -> torch.Tensor:
    """The image without its high spatial frequencies, cut off sharply; all axes are cut, as of a 3-D acquisition.

    With `kept`, the lines that remain are those within that share of the highest frequency of each axis, so that the
    image has the resolution of voxels of spacing / kept. With `alpha`, a sphere of radius (1 - alpha) max(shape) √2 / 2
    lines about the middle of k-space remains, exactly as in MONAI's GibbsNoise.
    """
    import torch

    shape = tuple(batch.values.shape[2:])
    masks = [cut(shape, share) for share in kept] if kept is not None else [cut_by_monai(shape, a) for a in alpha or ()]
    axes = tuple(range(len(shape)))
    samples = zip(batch.values, batch.frames, masks, strict=True)
    # By its difference: what keeps every line keeps every bit.
    return torch.stack(
        [
            values - filtered(magnitude(values, frame), mask, axes) if mask.any() else values
            for values, frame, mask in samples
        ]
    )


def cut(shape: Sequence[int], kept: float) -> np.ndarray:
    """1 for each frequency of a half spectrum that is beyond a share of the highest along some axis, else 0."""
    import numpy as np

    # 0.58 of 100 lines are 58, though 0.58 * 100 is a little less.
    remain = [np.abs(lines(size)) <= kept * size / 2 + 1e-6 for size in shape]
    remain[-1] = remain[-1][: shape[-1] // 2 + 1]
    beyond: np.ndarray = 1.0 - reduce(np.logical_and.outer, remain)
    return beyond


def cut_by_monai(shape: Sequence[int], alpha: float) -> np.ndarray:
    """1 for each frequency of a half spectrum that MONAI's mask removes, 1/2 where it removes one of k and -k, else 0."""
    import numpy as np

    radius = (1 - alpha) * max(shape) * np.sqrt(2) / 2.0
    # MONAI's middle is half a line off the centre where an axis is even; the real part makes that good.
    squares = [np.fft.ifftshift(np.arange(size) - (size - 1) / 2) ** 2 for size in shape]
    distance = np.sqrt(reduce(np.add.outer, squares))
    return of_the_real_part(1.0 - (distance <= radius))


def could_ring(
    image: torch.Tensor, _region: torch.Tensor | None, _frame: Frame, *, kept: float = 1.0, alpha: float = 0.0
) -> bool:
    """Whether the image varies, and the lines of every axis along which it does are cut short."""
    mask = cut(image.shape[1:], kept) if alpha == 0 else cut_by_monai(image.shape[1:], alpha)
    # Of an image that varies along one axis alone, only the lines of that axis hold signal.
    varying = [axis for axis in range(mask.ndim) if bool((image != image.narrow(axis + 1, 0, 1)).any())]
    return bool(varying) and all(_cuts(mask, axis) for axis in varying)


def _cuts(mask: np.ndarray, axis: int) -> bool:
    """Whether a mask removes a line of one axis in the centre of all others."""
    centre: list[int | slice] = [0] * mask.ndim
    centre[axis] = slice(None)
    return bool(mask[tuple(centre)].any())


declare(
    Perturbation(
        "gibbs ringing",
        "Ringing beside sharp edges, as of k-space that was sampled up to a lower frequency.",
        alternatives=(
            (
                Parameter(
                    "kept",
                    identity=1.0,
                    lowest=0.05,
                    highest=1.0,
                    plausible=(0.5, 1.0),
                    source="estimate, no survey: phase resolutions of 60-80 % and zero-filling to twice the matrix are routine",
                    meaning="share of the k-space lines kept along each axis, those in the centre",
                ),
            ),
            (
                Parameter(
                    "alpha",
                    identity=0.0,
                    lowest=0.0,
                    highest=1.0,
                    plausible=(0.0, 0.5),
                    source="estimate: at 0.5 a sphere of 0.7 of the highest frequency remains, as routine phase resolutions",
                    meaning="strength of MONAI's GibbsNoise: the radius kept is (1 - alpha) max(shape) √2 / 2 lines",
                ),
            ),
        ),
        apply=gibbs_ringing,
        local=False,
        synonyms=("gibbs noise", "truncation artefact"),
        source="truncation of k-space; MONAI's GibbsNoise for alpha",
        could_change=could_ring,
        modalities=("MR",),
    )
)
