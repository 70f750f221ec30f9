"""What several passes cost, counted and not timed: as many multiplications as that many passes, and little beside them."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from pytest_segrobust.reference_networks.bayes_by_backprop import MeanFieldUNet
from pytest_segrobust.reference_networks.super_unet import SuperUNet
from pytest_segrobust.reference_networks.unet import UNet

FORM = {"filters": (4, 8), "norm": "instance"}  # the fewer filters, the more the rest weighs
PASSES = 10


class Written(TorchDispatchMode):
    """Counts the numbers that operations return: what passes through memory."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        self.count += sum(
            one.numel() for one in (found if isinstance(found, tuple) else (found,)) if torch.is_tensor(one)
        )
        return found


def spent(ready, pictures, **keep):
    """Multiplications and numbers written of one prediction, after another has tried out what is tried once."""
    spacings, keys = [(1.0,) * (pictures[0].ndim - 1)] * len(pictures), [str(i) for i in range(len(pictures))]
    found = []
    for counter in (FlopCounterMode(display=False), Written()):
        ready.predict(pictures, spacings, keys=keys, **keep)
        with counter:
            ready.predict(pictures, spacings, keys=keys, **keep)
        found.append(counter.get_total_flops() if isinstance(counter, FlopCounterMode) else counter.count)
    return found


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("method", ["mc_dropout", "sampling", "tta", "ensemble"])
def test_passes_cost_as_many_multiplications_as_that_many_predictions_and_no_more_memory_traffic(
    segmenter, method, dimensions
):
    torch.manual_seed(0)
    network = (MeanFieldUNet if method == "sampling" else UNet)(
        dimensions, **FORM, **({"dropout": 0.5} if method == "mc_dropout" else {})
    )
    pictures = [torch.rand(1, *(16,) * dimensions) for _ in range(4)]
    stated = {"method": method, "passes": PASSES} if method in ("mc_dropout", "sampling") else method
    several = segmenter(*[network] * (PASSES if method == "ensemble" else 1), uncertainty=stated, batch_size=4)
    work, written = spent(several, pictures, keep_uncertainty=True)
    one, own = spent(segmenter(network, batch_size=4), pictures)
    passes = several.uncertainty.passes
    assert passes == (5 + dimensions if method == "tta" else PASSES)
    if method == "sampling":  # the plain prediction of a network that draws tries each image by itself
        assert work <= passes * one
    else:
        assert work == passes * one
    assert written <= 1.1 * passes * own  # 0.94 to 1.00


def test_a_network_that_returns_its_variances_is_passed_once(segmenter):
    torch.manual_seed(0)
    network = SuperUNet(2, **FORM)
    pictures = [torch.rand(1, 16, 16) for _ in range(4)]
    work, _ = spent(segmenter(network, outputs="mean_variance"), pictures, keep_uncertainty=True)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.stack(pictures))
    assert work == counter.get_total_flops()
