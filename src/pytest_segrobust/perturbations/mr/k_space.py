"""Filters in k-space, and the axes along which a scanner encodes.

The images are real and stay real: what an artefact does to k-space is followed by the real part of the inverse
transform, as in TorchIO and MONAI. For a weight w(k) that is the filter with the weight (w(k) + w(-k)) / 2, which is real
and even, so half a spectrum is enough; and what depends on the phase-encoded line alone is a filter along that axis.
A scanner shows the magnitude instead, in which negative ghosts in air are bright.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ..catalogue import Choice
from ..geometry.orientation import ANATOMICAL, STORED, axis_number
from ..slices import through_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from ..frame import Frame

PHASE_AXIS = Choice(
    "axis",
    (*ANATOMICAL, *STORED),
    meaning="the phase-encode axis: an anatomical one by the image's orientation, or the first, second or third as stored; "
    "without one it is the shorter side of the slices, which lie across the axis of largest spacing, the last of equals",
)


def phase_axis(image: torch.Tensor, frame: Frame) -> int | None:
    """The phase-encode axis of an image (C, *spatial): of the axes in plane the shorter in mm, the last one on ties.

    So it is chosen at a scanner, since fewer lines take less time. None for an image of a single voxel.
    """
    axes = [axis for axis, size in enumerate(image.shape[1:]) if size > 1]
    if len(axes) > 2:
        axes.remove(through_plane(frame))
    return min(axes, key=lambda axis: (image.shape[axis + 1] * frame.spacing[axis], -axis), default=None)


def encoded(image: torch.Tensor, frame: Frame, named: str | None) -> int | None:
    """The phase-encode axis that a sentence names, or that of `phase_axis`."""
    return phase_axis(image, frame) if named is None else axis_number(frame, named)


def varies(image: torch.Tensor, axis: int | None) -> bool:
    """Whether an image (C, *spatial) varies along a spatial axis, so that k-space holds signal off the centre."""
    return axis is not None and bool((image != image.narrow(axis + 1, 0, 1)).any())


def lines(size: int) -> np.ndarray:
    """The number of each k-space line of an axis, 0 in the centre, in the order of an FFT."""
    import numpy as np

    numbers: np.ndarray = np.rint(np.fft.fftfreq(size, 1 / size)).astype(int)
    return numbers


def of_the_real_part(weights: np.ndarray) -> np.ndarray:
    """Weights of a whole spectrum, in the order of an FFT, as half a spectrum's for the real part of the result."""
    import numpy as np

    opposite = weights
    for axis in range(weights.ndim):
        opposite = np.roll(np.flip(opposite, axis), 1, axis)
    half: np.ndarray = ((weights + opposite) / 2)[..., : weights.shape[-1] // 2 + 1]
    return half


def filtered(values: torch.Tensor, weights: np.ndarray, axes: Sequence[int]) -> torch.Tensor:
    """An image (C, *spatial) with each spatial frequency multiplied by its weight.

    `weights` is half a spectrum over the spatial `axes`, laid out as by `rfftn`, real and the same at k and -k.
    """
    result: torch.Tensor = _filter().apply(values, weights, tuple(axes))
    return result


@cache
def _filter() -> Any:
    import torch

    class Filter(torch.autograd.Function):
        """An even real filter is its own adjoint: the gradient goes back through the same filter."""

        @staticmethod
        def forward(ctx: Any, values: torch.Tensor, weights: np.ndarray, axes: tuple[int, ...]) -> torch.Tensor:
            ctx.weights, ctx.axes = weights, axes
            return _transformed(values, weights, axes)

        @staticmethod
        def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
            return _filter().apply(gradients[0], ctx.weights, ctx.axes), None, None

    return Filter


def _transformed(values: torch.Tensor, weights: np.ndarray, axes: tuple[int, ...]) -> torch.Tensor:
    import numpy as np
    import torch
    from scipy import fft

    shape = [1] * (values.ndim - 1)
    for axis, size in zip(axes, weights.shape, strict=True):
        shape[axis] = size
    weights = weights.reshape(shape)
    places = tuple(axis + 1 for axis in axes)
    sizes = [values.shape[place] for place in places]
    if values.device.type != "cpu":
        spectrum = torch.fft.rfftn(values, dim=places) * torch.as_tensor(weights).to(values)
        filtered_there: torch.Tensor = torch.fft.irfftn(spectrum, s=sizes, dim=places)
        return filtered_there
    # Not torch's on a CPU: MKL's bits depend on the number of threads (64 x 64 x 64, say), pocketfft's do not.
    numbers = values.detach().numpy()
    wave = fft.rfftn(numbers, axes=places, workers=1) * weights.astype(numbers.dtype)
    return torch.from_numpy(np.ascontiguousarray(fft.irfftn(wave, s=sizes, axes=places, workers=1)))
