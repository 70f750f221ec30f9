"""What uncertainty costs: the time of a prediction of T passes over T times one plain pass of the same network.

    python benchmarks/uncertainty.py

Random images and untrained networks: neither changes the time. Processor time of one thread, which others on the machine
disturb less than wall time; each ratio is of times taken in turns in one process, the least of several.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.models.checkpoint import Checkpoint
from pytest_segrobust.models.segmenter import Segmenter
from pytest_segrobust.reference_networks.bayes_by_backprop import MeanFieldUNet
from pytest_segrobust.reference_networks.super_unet import SuperUNet
from pytest_segrobust.reference_networks.unet import UNet
from pytest_segrobust.requirements.settings import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPES = {"volumes, 3-D network": (3, (48, 64, 48)), "pictures, 2-D network": (2, (128, 128))}
SLICED = "a volume, 2-D network"
LIMIT = 1.10


def settings(**values: Any) -> ModelSettings:
    """[model] with two structures, and what else is given."""
    return ModelSettings(classes={"a": 1, "b": 2}, **values)


def spent(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.process_time()
    call()
    return time.process_time() - started


def segmenter(network: torch.nn.Module, **values: Any) -> Segmenter:
    """The network on the CPU."""
    members = [Checkpoint("net", "function", "", network.eval())]
    return Segmenter(members, settings(**values), device=torch.device("cpu"))


def outside(call: Callable[[], object], made: Segmenter) -> float:
    """Wall time of a prediction over the time in its networks; both of the same call, so that a busy machine matters little."""
    before, started = made.forward_seconds, time.perf_counter()
    call()
    return (time.perf_counter() - started) / (made.forward_seconds - before)


def ratios(
    network: torch.nn.Module, images: list[torch.Tensor], repeats: int, **values: Any
) -> tuple[float, float, float]:
    """Time of a prediction over passes x a prediction of one pass, over passes x the bare network, over its own networks'."""
    made = segmenter(network, **values)
    plain = segmenter(network, **{name: value for name, value in values.items() if name != "uncertainty"})
    spacings = [(1.0,) * (image.ndim - 1) for image in images]
    keys = [str(place) for place in range(len(images))]
    sliced = values["dimensions"] == 2 and images[0].ndim == 4
    parts = list(images[0].unbind(-1)) if sliced else images
    batches = [torch.stack(parts[start : start + made.batch_size]) for start in range(0, len(parts), made.batch_size)]

    def all_passes() -> None:
        made.predict(images, spacings, keep_uncertainty=True, keys=keys)

    def one_pass() -> None:
        plain.predict(images, spacings, keys=keys)

    @torch.inference_mode()
    def bare() -> None:
        for batch in batches:
            network(batch)

    calls = (all_passes, one_pass, bare)
    for call in calls:
        call()  # what is tried once, is tried here
    times = [[spent(call) for call in calls] for _ in range(repeats)]
    several, one, alone = (min(column) for column in zip(*times, strict=True))  # the least disturbed
    passes = made.uncertainty.passes
    own = min(outside(all_passes, made) for _ in range(repeats))
    return several / (passes * one), several / (passes * alone), own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--filters", type=int, nargs="+", default=[8, 16, 32], help="of each level")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    cases = [
        (name, dimensions, [torch.rand(1, *shape) for _ in range(4)]) for name, (dimensions, shape) in SHAPES.items()
    ]
    cases.append((SLICED, 2, [torch.rand(1, 48, 64, 48)]))
    for name, dimensions, images in cases:
        form = {"classes": 3, "filters": options.filters}
        families = {
            "mc_dropout": (UNet(dimensions, dropout=0.5, **form), {"uncertainty": "mc_dropout"}),
            "tta": (UNet(dimensions, **form), {"uncertainty": "tta"}),
            "sampling": (MeanFieldUNet(dimensions, **form), {"uncertainty": "sampling"}),
            "mean_variance": (SuperUNet(dimensions, **form), {"outputs": "mean_variance"}),
        }
        for method, (network, values) in families.items():
            whole, bare, own = ratios(network, images, options.repeats, dimensions=dimensions, **values)
            print(
                f"{name:24s} {method:14s} over its own networks' time: {own:.2f}, over passes x one prediction: {whole:.2f}, "
                f"over passes x the bare network: {bare:.2f}{'' if whole <= LIMIT else '   above the limit'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
