"""Train the hippocampus network on the training part of a Decathlon Task04 folder.

    python train.py --data Task04_Hippocampus --output weights.pt

The number of iterations is fixed, not the time, so that the same command gives the same network on another machine
(up to the order in which its processor adds numbers).
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import nibabel
import torch
from network import STRUCTURES, WINDOW, build_unet, preprocess
from torch.nn import functional

WARM_UP = 40  # iterations of rising learning rate: at 4e-3 from the start the loss may jump away


def volumes(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """All training images (N, 1, *WINDOW), preprocessed, and labels (N, 1, *WINDOW), padded with 0 around the middle."""
    images, labels = [], []
    paths = sorted(path for path in (folder / "imagesTr").glob("*.nii.gz") if not path.name.startswith("."))
    if not paths:
        sys.exit(f"train.py: no imagesTr/*.nii.gz in {folder}; --data takes a Decathlon Task04 folder")
    for path in paths:
        image = read(path)
        label = read(folder / "labelsTr" / path.name)
        images.append(padded(preprocess(image[None], (1, 1, 1))))
        labels.append(padded(label[None]))
    return torch.stack(images), torch.stack(labels)


def read(path: Path) -> torch.Tensor:
    """The voxels of a NIfTI file, float32."""
    volume = nibabel.Nifti1Image.from_filename(path)
    return torch.from_numpy(volume.get_fdata(dtype="float32"))


def padded(volume: torch.Tensor) -> torch.Tensor:
    """The volume (1, *spatial) in the middle of WINDOW; what does not fit is cut off at both ends."""
    amounts: list[int] = []
    for size, window in zip(reversed(volume.shape[1:]), reversed(WINDOW), strict=True):
        before = (window - size) // 2
        amounts += [before, window - size - before]
    return functional.pad(volume, amounts)


def augmented(
    images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turned by up to 10 degrees, scaled by up to 10 %, shifted by up to 3 voxels, gain and offset changed by up to 0.1 SD."""
    count = len(images)

    def uniform(*shape: int) -> torch.Tensor:
        return 2 * torch.rand(count, *shape, generator=generator) - 1

    angles = math.radians(10) * uniform(3)
    matrix = torch.diag_embed(1 + 0.1 * uniform(3))
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = torch.eye(3).repeat(count, 1, 1)
        turn[:, first, first] = turn[:, second, second] = angles[:, axis].cos()
        turn[:, second, first] = angles[:, axis].sin()
        turn[:, first, second] = -angles[:, axis].sin()
        matrix = matrix @ turn
    # affine_grid counts in half widths of the window, with its last axis first; the turn above is in voxels
    half = torch.tensor(WINDOW[::-1]) / 2
    matrix = matrix * half[None, None, :] / half[None, :, None]
    shift = (3 * uniform(3) / half)[:, :, None]
    grid = functional.affine_grid(torch.cat([matrix, shift], dim=2), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, mode="bilinear", align_corners=False)
    reference = functional.grid_sample(labels, grid, mode="nearest", align_corners=False)
    each = (count, 1, 1, 1, 1)
    jittered = moved * (1 + 0.1 * uniform(1).reshape(each)) + 0.1 * uniform(1).reshape(each)
    return jittered, reference


def train(images: torch.Tensor, labels: torch.Tensor, iterations: int, seed: int) -> torch.nn.Module:
    """The network after `iterations` steps of AdamW on Dice + cross-entropy, batch 2, epochs without repetition."""
    from monai.losses.dice import DiceCELoss

    torch.manual_seed(seed)  # initial weights and dropout
    generator = torch.Generator().manual_seed(seed)  # order and augmentation
    network = build_unet()
    network.train()
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: (
            (step + 1) / WARM_UP
            if step < WARM_UP
            else 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / max(1, iterations - WARM_UP)))
        ),
    )
    order: list[int] = []
    start = time.monotonic()
    for iteration in range(iterations):
        if len(order) < 2:
            order = torch.randperm(len(images), generator=generator).tolist()
        chosen = [order.pop(), order.pop()]
        image, label = augmented(images[chosen], labels[chosen], generator)
        optimiser.zero_grad()
        loss = loss_of(network(image), label)
        loss.backward()
        optimiser.step()
        schedule.step()
        if iteration % 20 == 19:
            print(f"{iteration + 1:5d}  loss {loss.item():.4f}  {time.monotonic() - start:.0f} s", flush=True)
    return network.eval()


def main() -> None:
    """Read, train, write the weights alone in half precision; `load_state_dict` casts them back to float32."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with imagesTr and labelsTr")
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("weights.pt"))
    arguments = parser.parse_args()
    images, labels = volumes(arguments.data)
    print(f"{len(images)} volumes, {', '.join(STRUCTURES[1:])}", flush=True)
    network = train(images, labels, arguments.iterations, arguments.seed)
    torch.save({name: value.half() for name, value in network.state_dict().items()}, arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
