"""Slices of the training volumes, as the plugin would feed them, and batches of them with small random changes."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, NamedTuple

import nibabel
import torch
from network import WINDOW
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELD_OUT = 7  # every seventh training volume is for validation
BATCH = 16


class Volume(NamedTuple):
    """One volume as slices along its last axis: images (Z, 1, *WINDOW), z-scored, and labels (Z, *WINDOW)."""

    images: torch.Tensor
    labels: torch.Tensor


def volumes(folder: Path, part: str = "Tr") -> list[Volume]:
    """The volumes of imagesTr (or imagesTs) in the order of their names."""
    paths = sorted(path for path in (folder / f"images{part}").glob("*.nii.gz") if not path.name.startswith("."))
    if not paths:
        sys.exit(f"no images{part}/*.nii.gz in {folder}: the folder is that of a Decathlon Task04")
    return [volume(read(path), read(folder / f"labels{part}" / path.name)) for path in paths]


def volume(image: torch.Tensor, label: torch.Tensor) -> Volume:
    """Z-scored over the whole volume, cut into slices, each in the middle of WINDOW."""
    centred = image - image.mean()
    return Volume(padded(centred / centred.square().mean().sqrt())[:, None], padded(label).long())


def read(path: Path) -> torch.Tensor:
    """The voxels of a NIfTI file, float32."""
    return torch.from_numpy(nibabel.Nifti1Image.from_filename(path).get_fdata(dtype="float32"))


def padded(values: torch.Tensor) -> torch.Tensor:
    """(X, Y, Z) to (Z, *WINDOW), 0 outside."""
    amounts: list[int] = []
    for size, window in zip(reversed(values.shape[:2]), reversed(WINDOW), strict=True):
        before = (window - size) // 2
        amounts += [before, window - size - before]
    return functional.pad(values.permute(2, 0, 1), amounts)


def split(every: list[Volume]) -> tuple[list[Volume], list[Volume]]:
    """Training and validation, by volume: both of what is never tested on."""
    return [v for place, v in enumerate(every) if place % HELD_OUT], every[::HELD_OUT]


def batches(training: list[Volume], seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Random slices without end, no slice twice before all were there once; a seed repeats them."""
    images = torch.cat([each.images for each in training])
    labels = torch.cat([each.labels for each in training])
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(images), generator=generator)
        for chosen in order[: len(order) // BATCH * BATCH].split(BATCH):
            yield changed(images[chosen], labels[chosen], generator)


def changed(
    images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turned by up to 10 degrees, scaled by up to 10 %, moved by up to 3 voxels, gain and offset changed by up to 0.1 SD."""
    count = len(images)

    def uniform(*shape: int) -> torch.Tensor:
        return 2 * torch.rand(count, *shape, generator=generator) - 1

    angle, scale = math.radians(10) * uniform(), 1 + 0.1 * uniform()
    turn = (
        torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).reshape(-1, 2, 2) * scale[:, None, None]
    )
    # affine_grid counts in half widths of the window, with its last axis first; the turn is in voxels
    half = torch.tensor(WINDOW[::-1]) / 2
    matrix = torch.cat([turn * half[None, None, :] / half[None, :, None], (3 * uniform(2) / half)[:, :, None]], 2)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, mode="bilinear", align_corners=False)
    reference = functional.grid_sample(labels[:, None].float(), grid, mode="nearest", align_corners=False)
    each = (count, 1, 1, 1)
    return moved * (1 + 0.1 * uniform(1).reshape(each)) + 0.1 * uniform(1).reshape(each), reference[:, 0].long()
