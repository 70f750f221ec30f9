"""Images of any size put into the sizes a network takes, and its outputs cut back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

Box = tuple[slice, ...]


def padded_shape(shape: Sequence[int], window: Sequence[int] | None, multiple: int) -> tuple[int, ...]:
    """The spatial shape after padding: at least the window, or without one the next multiple along each axis."""
    if window is not None:
        return tuple(max(size, least) for size, least in zip(shape, window, strict=True))
    return tuple(-(-size // multiple) * multiple for size in shape)


def box_within(shape: Sequence[int], padded: Sequence[int]) -> Box:
    """Where an image lies in its padded one: in the middle, the odd voxel of padding behind it."""
    return tuple(
        slice((large - small) // 2, (large - small) // 2 + small) for small, large in zip(shape, padded, strict=True)
    )


def stacked(
    images: Sequence[torch.Tensor], padded: Sequence[int], dtype: torch.dtype
) -> tuple[torch.Tensor, list[Box]]:
    """One batch (N, channels, *padded) of images (channels, *spatial), padded with 0, and where each lies in it."""
    boxes = [box_within(image.shape[1:], padded) for image in images]
    first = images[0]
    batch = torch.zeros((len(images), first.shape[0], *padded), dtype=dtype, device=first.device)
    for place, image, box in zip(batch, images, boxes, strict=True):
        place[(slice(None), *box)] = image
    return batch, boxes
