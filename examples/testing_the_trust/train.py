"""Train the six families, and the surrogate of transfer attacks, on the training part of a Decathlon Task04 folder.

    python train.py --data Task04_Hippocampus

Every family sees as many batches, at the same learning rate, but SUPER-Net: it spends the last third of them on its
variances. The number of iterations is fixed, not the time, so that the same command gives the same networks on another
machine (up to the order in which its processor adds numbers).
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from network import build_dropout_unet, build_mean_field, build_super_unet, build_swag, build_unet
from safetensors.torch import save_file
from slices import batches, split, volumes
from torch import nn
from validation import validated

from pytest_segrobust.reference_networks.elbo import expected_elbo
from pytest_segrobust.reference_networks.propagating_convolution import PropagatingConvolution
from pytest_segrobust.reference_networks.training import build, train, train_means, variational_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from slices import Volume

MEMBERS = 5
SURROGATE = 5  # its seed: a network of no family, on which transfer attacks are made
RATE = 1e-2
WARM_UP = 20
BETA = 1e-6  # weight of the weights' divergence from their prior, beside a loss that is a mean over voxels


def plain(make: Callable[[], nn.Module], training: list[Volume], iterations: int, seed: int) -> nn.Module:
    """A network by cross-entropy and Dice: a member of the ensemble, whose first is the deterministic family, or MC dropout."""
    network = build(make, seed)
    train(network, batches(training, seed), iterations=iterations, seed=seed, learning_rate=RATE, warm_up=WARM_UP)
    return network


def super_unet(training: list[Volume], iterations: int, seed: int) -> nn.Module:
    """The means first, as a deterministic network, until both structures are found; then means and variances.

    Kernels start with deviations of 0.01 to 0.03: those that the authors start up-convolutions with, 0.1 to 0.3, are
    larger than most weights. See `elbo` on why the bound is that of the expected cross-entropy.
    """
    network = build(build_super_unet, seed)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, PropagatingConvolution):
            nn.init.uniform_(module.rho, -9, -7, generator=generator)
    stream = batches(training, seed)
    of_means = 2 * iterations // 3
    train_means(network, stream, iterations=of_means, seed=seed, learning_rate=RATE, warm_up=WARM_UP)
    train(
        network,
        stream,
        iterations=iterations - of_means,
        seed=seed,
        learning_rate=RATE / 5,
        rho_rate=20,
        loss=partial(expected_elbo, beta=BETA),
    )
    return network


def mean_field(training: list[Volume], iterations: int, seed: int) -> nn.Module:
    """Weights with Gaussians of their own, by one draw per batch."""
    network = build(build_mean_field, seed)
    train(
        network,
        batches(training, seed),
        iterations=iterations,
        seed=seed,
        learning_rate=RATE,
        warm_up=WARM_UP,
        loss=partial(variational_loss, beta=BETA),
    )
    return network


def swag(training: list[Volume], iterations: int, seed: int) -> nn.Module:
    """The deterministic network, whose weights are collected in the last quarter at half the learning rate."""
    network = build(build_unet, seed)
    collected = build(build_swag, seed)
    train(
        network,
        batches(training, seed),
        iterations=iterations,
        seed=seed,
        learning_rate=RATE,
        warm_up=WARM_UP,
        swag=collected,
    )
    return collected


FAMILIES: dict[str, Callable[[list[Volume], int, int], nn.Module]] = {
    "deterministic": partial(plain, build_unet),
    "mc_dropout": partial(plain, build_dropout_unet),
    "super_unet": super_unet,
    "mean_field": mean_field,
    "swag": swag,
    "surrogate": partial(plain, build_unet),
}


def save(network: nn.Module, path: Path) -> None:
    """Weights alone, in half precision; `load_state_dict` casts them back.

    For SWAG, too: rounding moves a weight by 2e-5, its draws by 7e-3.
    """
    state = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path)


def main() -> None:
    """Read, train, validate, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with imagesTr and labelsTr")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--members", type=int, default=MEMBERS, help="deterministic networks, seeds from 0 on")
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0, help="of all other families, and of the first member")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "weights")
    arguments = parser.parse_args()
    training, held_out = split(volumes(arguments.data))
    print(f"{len(training)} volumes for training, {len(held_out)} for validation", flush=True)
    for family in arguments.families:
        members = arguments.members if family == "deterministic" else 1
        for member in range(members):
            start = time.monotonic()
            seed = arguments.seed + (SURROGATE if family == "surrogate" else member)
            network = FAMILIES[family](training, arguments.iterations, seed)
            path = arguments.output / (
                f"{family}_{member}.safetensors" if family == "deterministic" else f"{family}.safetensors"
            )
            save(network, path)
            with torch.inference_mode():
                words = validated(network, held_out)
            size = path.stat().st_size / 1e3
            print(f"{path.name}: {words}; {size:.0f} kB, {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
