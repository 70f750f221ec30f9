"""What is done to the intensities of an image before the network sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pytest_segrobust.errors import ModelError

if TYPE_CHECKING:
    from pytest_segrobust.models.functions import UserFunction


def normalised(image: torch.Tensor, how: str) -> torch.Tensor:
    """The image (channels, *spatial) normalised per channel; a constant channel becomes 0, never NaN.

    "none" returns the image itself, "zscore" has mean 0 and standard deviation 1 over all voxels (the population's,
    as in nnU-Net and MONAI), "unit" runs from 0 at the minimum to 1 at the maximum.
    """
    if how == "none":
        return image
    flat = image.reshape(image.shape[0], -1)
    low, high = flat.amin(1), flat.amax(1)
    if how == "zscore":
        centre = flat.mean(1)
        scale = (flat - centre[:, None]).square_().mean(1).sqrt_()
    else:
        centre, scale = low, high - low
    # the mean of a constant channel is not always that constant in float32: its rounding error must not be divided by
    constant = low == high
    shape = (-1,) + (1,) * (image.ndim - 1)
    centre = torch.where(constant, low, centre)
    scale = torch.where(constant, torch.ones_like(scale), scale)
    return (image - centre.reshape(shape)).div_(scale.reshape(shape))


def preprocessed(image: torch.Tensor, spacing: tuple[float, ...], function: UserFunction) -> torch.Tensor:
    """What the user's `preprocess(image, spacing)` makes of a copy of the image (channels, *spatial).

    Raises ModelError where it returns something else than a floating tensor on the image's own grid. Exceptions of
    the function itself pass through: they are the case's failure.
    """
    result = function(image.clone(), spacing)  # a copy: `image -= image.mean()` must not reach the caller's image
    where = f'preprocess = "{function.name}"'
    if not isinstance(result, torch.Tensor) or not result.is_floating_point():
        kind = str(result.dtype) if isinstance(result, torch.Tensor) else type(result).__name__
        raise ModelError(f"{where} returned {kind}: return a floating torch tensor (channels, *spatial)")
    if result.shape[1:] != image.shape[1:] or result.ndim != image.ndim:
        raise ModelError(
            f"{where} returned shape {tuple(result.shape)} for an image {tuple(image.shape)}: "
            "it must keep the image's grid, on which masks are compared"
        )
    return result
