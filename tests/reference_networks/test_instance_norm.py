"""Instance norm with channels last: torch's own function, by another way."""

import pytest
import torch
from torch import nn

from pytest_segrobust.reference_networks.instance_norm import InstanceNorm, channels_last, normalised


def drawn(dimensions):
    generator = torch.Generator().manual_seed(0)
    return 3 + 2 * torch.randn(4, 5, *(12, 8, 6)[:dimensions], generator=generator)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("last", [True, False])
def test_it_is_torch_s_instance_norm(dimensions, last):
    theirs = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}[dimensions](5, affine=True)
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    ours = InstanceNorm(5)
    ours.load_state_dict(theirs.state_dict())
    image = drawn(dimensions)
    leaf, other = image.clone().requires_grad_(), image.clone().requires_grad_()
    found, expected = ours(channels_last(leaf) if last else leaf), theirs(other)
    torch.testing.assert_close(found, expected)
    for each, values in ((leaf, found), (other, expected)):
        (values * image.cos()).sum().backward()
        assert each.grad is not None
    torch.testing.assert_close(leaf.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_the_gain_is_that_of_each_image_and_channel():
    image = drawn(2)
    weight = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])
    _, gain = normalised(image, weight, torch.zeros(5))
    deviation = (image.var((2, 3), correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(gain, (weight / deviation)[..., None, None])


@pytest.mark.parametrize(("dimensions", "form"), [(2, torch.channels_last), (3, torch.channels_last_3d)])
def test_channels_stay_last_through_it_even_from_a_single_one(dimensions, form):
    image = drawn(dimensions)[:, :1]
    assert torch.equal(channels_last(image), image)
    assert channels_last(image).stride()[1] == 1
    assert InstanceNorm(5)(channels_last(drawn(dimensions))).is_contiguous(memory_format=form)
