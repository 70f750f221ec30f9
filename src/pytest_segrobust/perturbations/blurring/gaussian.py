"""A Gaussian point-spread function in mm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

TRUNCATE = 4.0  # standard deviations, as scipy.ndimage.gaussian_filter


def gaussian_blur(batch: Batch, *, sigma: Sequence[float]) -> torch.Tensor:
    """Convolution with a normalised Gaussian of sigma mm along each axis, the image mirrored at its edges."""
    import torch

    if batch.values.device.type != "cpu":
        return _blur(batch.values, [_kernels(frame, width) for frame, width in zip(batch.frames, sigma, strict=True)])
    # One by one on a CPU: no sample pays for the widest kernel of the batch.
    return torch.cat(
        [
            _blur(batch.values[i : i + 1], [_kernels(frame, width)])
            for i, (frame, width) in enumerate(zip(batch.frames, sigma, strict=True))
        ]
    )


def gaussian_kernel(sigma: float) -> list[float]:
    """Half a kernel for sigma in voxels: the weights at 0, 1 ... voxels, which sum to 1 over both halves."""
    radius = int(TRUNCATE * sigma + 0.5)
    if radius == 0:
        return [1.0]
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(radius + 1)]
    whole = weights[0] + 2 * math.fsum(weights[1:])
    return [weight / whole for weight in weights]


def mirrored(values: torch.Tensor, axis: int, margin: int) -> torch.Tensor:
    """Values with a margin of their mirror image at both ends of an axis: d c b a | a b c d | d c b a."""
    import torch

    size = values.shape[axis]
    positions = torch.arange(-margin, size + margin, device=values.device) % (2 * size)
    return values.index_select(axis, torch.minimum(positions, 2 * size - 1 - positions))


def could_blur(image: torch.Tensor, region: torch.Tensor | None, frame: Frame, *, sigma: float) -> bool:
    """Whether the image has something to blur, and the kernel reaches a neighbouring voxel."""
    inside = image if region is None else image[:, region]
    varies = bool((inside != inside.flatten()[0]).any())
    return varies and any(sigma / spacing >= 0.5 for spacing in frame.spacing)


def _kernels(frame: Frame, sigma: float) -> list[list[float]]:
    return [gaussian_kernel(sigma / spacing) for spacing in frame.spacing]


def _blur(values: torch.Tensor, kernels: list[list[list[float]]]) -> torch.Tensor:
    # Weighted sums of shifted images rather than torch's convolutions: those choose their order of summation by shape
    # and threads, so that a sample would differ in the last bit alone and in a batch.
    for axis in range(values.ndim - 2):
        values = _blur_along(values, axis + 2, [sample[axis] for sample in kernels])
    return values


def _blur_along(values: torch.Tensor, axis: int, kernels: list[list[float]]) -> torch.Tensor:
    import torch

    radius = max(map(len, kernels)) - 1
    size = values.shape[axis]
    if radius == 0 or size == 1:
        return values
    padded_kernels = [kernel + [0.0] * (radius + 1 - len(kernel)) for kernel in kernels]
    weights = torch.tensor(padded_kernels, dtype=values.dtype, device=values.device).T
    columns = weights.reshape(radius + 1, len(kernels), *(1 for _ in values.shape[1:]))
    padded = mirrored(values, axis, radius)
    blurred = values * columns[0]
    for k in range(1, radius + 1):
        pair = padded.narrow(axis, radius - k, size) + padded.narrow(axis, radius + k, size)
        blurred += pair.mul_(columns[k])  # in place: neither is needed for a gradient
    return blurred


declare(
    Perturbation(
        "gaussian blur",
        "Blur by a Gaussian point-spread function.",
        alternatives=(
            (
                Parameter(
                    "sigma",
                    identity=0.0,
                    lowest=0.0,
                    highest=50.0,
                    unit="mm",
                    plausible=(0.0, 1.0),
                    source="ROOD-MRI (Boone et al. 2023), level 1: 0.8 mm; nnU-Net's training augmentation: 0.5-1 voxel",
                    meaning="standard deviation along every axis",
                ),
            ),
        ),
        apply=gaussian_blur,
        synonyms=("blur", "gaussian smoothing"),
        source="separable convolution, kernel cut at 4 standard deviations",
        could_change=could_blur,
    )
)
