"""Train the lung network on virtual patients whose seeds the demo never uses.

    python examples/chest_ct/train.py --output weights.pt

The number of iterations is fixed, not the time, so that the same command gives the same network on another machine
(up to the order in which its processor adds numbers).
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import scan
import torch
from cohort import TRAINING_SEEDS, virtual_patient
from network import build_unet, preprocess
from torch.nn import functional

BATCH = 8
RATE = 4e-3


def slices(seeds: range) -> tuple[torch.Tensor, torch.Tensor]:
    """All slices of the patients: images (N, 1, X, Y), preprocessed, and labels int64 (N, X, Y)."""
    ct = scan.read()
    pieces = [piece for seed in seeds for piece in virtual_patient(ct, seed)]
    images = torch.from_numpy(np.stack([piece.image for piece in pieces]).astype(np.float32))[:, None]
    labels = torch.from_numpy(np.stack([piece.label for piece in pieces]).astype(np.int64))
    return preprocess(images, (1, 1)), labels


def loss_of(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Cross-entropy + 1 - mean soft Dice of the two lungs over the batch."""
    shares = logits.softmax(dim=1)[:, 1:]
    truth = functional.one_hot(label, logits.shape[1]).movedim(-1, 1)[:, 1:].float()
    overlap = (shares * truth).sum(dim=(0, 2, 3))
    dice = (2 * overlap + 1) / (shares.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3)) + 1)
    return functional.cross_entropy(logits, label) + 1 - dice.mean()


def train(images: torch.Tensor, labels: torch.Tensor, iterations: int, seed: int) -> torch.nn.Module:
    """The network after `iterations` steps; each batch gets a gain of 0.9-1.1 and an offset, and no noise."""
    torch.manual_seed(seed)  # initial weights
    generator = torch.Generator().manual_seed(seed)  # order and augmentation
    network = build_unet()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=iterations, pct_start=0.1)
    start = time.monotonic()
    for iteration in range(iterations):
        chosen = torch.randint(len(images), (BATCH,), generator=generator)
        strength = torch.rand(2, BATCH, 1, 1, 1, generator=generator)
        image = images[chosen] * (0.9 + 0.2 * strength[0]) + 0.05 * (strength[1] - 0.5)
        optimiser.zero_grad()
        loss = loss_of(network(image), labels[chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if iteration % 50 == 49:
            print(f"{iteration + 1:5d}  loss {loss.item():.4f}  {time.monotonic() - start:.0f} s", flush=True)
    if not math.isfinite(loss.item()):
        raise RuntimeError("the training diverged")
    return network.eval()


def main() -> None:
    """Make the training patients, train, write the weights alone in half precision (`load_state_dict` casts back)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("weights.pt"))
    arguments = parser.parse_args()
    images, labels = slices(TRAINING_SEEDS)
    print(f"{len(images)} slices of {len(TRAINING_SEEDS)} virtual patients", flush=True)
    network = train(images, labels, arguments.iterations, arguments.seed)
    torch.save({name: value.half() for name, value in network.state_dict().items()}, arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
