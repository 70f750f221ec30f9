"""The deterministic U-Net: shapes, the paper's form, dropout where the paper has it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pytest_segrobust.reference_networks.unet import UNet


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("upsampling", ["nearest", "linear"])
def test_logits_lie_on_the_grid_of_the_image(dimensions: int, norm: str, upsampling: str) -> None:
    network = UNet(dimensions, channels=2, classes=4, filters=(2, 3, 4), norm=norm, upsampling=upsampling)
    shape = (8, 12, 4)[:dimensions]
    assert network(torch.randn(2, 2, *shape)).shape == (2, 4, *shape)


def test_the_paper_s_hippocampus_network_goes_down_32_64_128_and_up_64_32() -> None:
    network = UNet(2, filters=(32, 64, 128), convolutions=1)
    widths = [module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert widths == [32, 64, 128, 64, 32, 3]


def test_dropout_is_at_the_bottleneck_alone() -> None:
    network = UNet(2, filters=(4, 8), dropout=0.5).eval()
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5]
    image = torch.randn(1, 1, 8, 8)
    assert torch.equal(network(image), network(image))
    network.dropout.train()
    seen = []
    network.dropout.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    assert not torch.equal(network(image), network(image))
    assert seen[0][0].shape == (1, 8, 4, 4)
    dropped = seen[0][1] == 0
    torch.testing.assert_close(seen[0][1][~dropped], 2 * seen[0][0][~dropped])


def test_a_network_without_dropout_has_no_dropout_layer() -> None:
    assert not [module for module in UNet(2).modules() if isinstance(module, nn.Dropout)]


@pytest.mark.parametrize("shape", [(1, 1, 8, 6), (1, 1, 8, 8, 8)])
def test_an_image_that_does_not_fit_is_refused_with_what_would(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2-D ones, multiples of 4"):
        UNet(2)(torch.zeros(shape))


@pytest.mark.parametrize("wrong", [{"dimensions": 4}, {"norm": "group"}, {"upsampling": "cubic"}, {"filters": ()}])
def test_a_wrong_form_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|at least one level"):
        UNet(**wrong)
