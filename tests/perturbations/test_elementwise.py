"""A value's function is the same bits wherever the value stands."""

from __future__ import annotations

import pytest
import torch

from pytest_segrobust.perturbations.elementwise import elementwise


@pytest.mark.parametrize("function", [torch.exp, torch.log, torch.sqrt, lambda x: x**0.7, lambda x: x**1.3, torch.sin])
def test_a_voxels_value_does_not_depend_on_where_it_stands(function):
    # torch's own does: the last few voxels of what a thread is given are computed by another formula.
    values = torch.rand(20_011, generator=torch.Generator().manual_seed(0)) * 1.2
    together = elementwise(function, values)
    assert torch.equal(torch.cat([elementwise(function, part) for part in values.split(7)]), together)
    assert torch.allclose(together.double(), function(values.double()), rtol=2e-6)


def test_shape_and_gradient_are_those_of_the_function():
    values = torch.rand(3, 5, 7, requires_grad=True)
    elementwise(torch.exp, values).sum().backward()
    assert values.grad.shape == (3, 5, 7)
    assert torch.allclose(values.grad, values.detach().exp())
