"""Losses against formulas written again, on probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine, jensenshannon

from pytest_segrobust.perturbations.attacks import losses


@pytest.fixture(params=[2, 4], ids=["2 classes", "4 classes"])
def voxels(request):
    """Logits (1, K, 50, 1) and the true class of each."""
    generator = torch.Generator().manual_seed(request.param)
    logits = 3 * torch.randn(1, request.param, 50, 1, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, request.param, (1, 50, 1), generator=generator)


def by_voxel(function, voxels, progress=0.0):
    """`function(logits, p, y)` of each voxel in numpy."""
    logits, true = voxels
    rows = logits[0, :, :, 0].T.numpy()
    return np.array(
        [function(z, np.exp(z - np.logaddexp.reduce(z)), y) for z, y in zip(rows, true.flatten().tolist(), strict=True)]
    )


def ours(loss, voxels, progress=0.0):
    logits, true = voxels
    return loss(logits.log_softmax(1), true, progress).flatten().numpy()


def right(p, y):
    return p.argmax() == y


@pytest.mark.parametrize(
    ("loss", "progress", "oracle"),
    [
        (losses.cross_entropy, 0.3, lambda z, p, y: -np.log(p[y])),
        (losses.masked_cross_entropy, 0.3, lambda z, p, y: -np.log(p[y]) * right(p, y)),
        (losses.segpgd, 0.0, lambda z, p, y: -np.log(p[y]) * right(p, y)),
        (losses.segpgd, 0.5, lambda z, p, y: -np.log(p[y]) * (0.75 if right(p, y) else 0.25)),
        (losses.segpgd, 1.0, lambda z, p, y: -np.log(p[y]) * 0.5),
        (losses.targeted_segpgd, 0.5, lambda z, p, y: -np.log(p[y]) * (0.25 if right(p, y) else 0.75)),
        (losses.cospgd, 0.0, lambda z, p, y: -np.log(p[y]) * (1 - cosine(p, np.eye(len(p))[y]))),
        (losses.targeted_cospgd, 0.0, lambda z, p, y: -np.log(p[y]) * cosine(p, np.eye(len(p))[y])),
        (losses.jensen_shannon, 0.0, lambda z, p, y: jensenshannon(p, np.eye(len(p))[y]) ** 2),
        (
            losses.masked_spherical,
            0.0,
            lambda z, p, y: (
                right(p, y) * (-(z - z.mean())[y] / np.linalg.norm(z - z.mean()) if len(z) > 2 else z[1 - y] - z[y])
            ),
        ),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_loss_is_its_formula(voxels, loss, progress, oracle):
    np.testing.assert_allclose(ours(loss, voxels, progress), by_voxel(oracle, voxels), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", [losses.cospgd, losses.targeted_cospgd])
def test_no_gradient_flows_through_the_cosine(voxels, loss):
    logits, true = voxels
    leaf = logits.clone().requires_grad_()
    loss(leaf.log_softmax(1), true, 0.0).sum().backward()
    p = logits.softmax(1)
    onehot = torch.zeros_like(p).scatter(1, true.unsqueeze(1), 1.0)
    cos = (p * onehot).sum(1, keepdim=True) / p.norm(dim=1, keepdim=True)
    weight = cos if loss is losses.cospgd else 1 - cos
    torch.testing.assert_close(leaf.grad, weight * (p - onehot))


def test_the_spherical_loss_still_has_a_gradient_where_cross_entropy_has_none_left():
    for rest in ([0.0], [0.0, 5.0]):
        logits = torch.tensor([60.0, *rest]).reshape(1, -1, 1, 1).requires_grad_()
        true = torch.zeros(1, 1, 1, dtype=torch.long)
        (none,) = torch.autograd.grad(losses.cross_entropy(logits.log_softmax(1), true, 0.0).sum(), logits)
        (some,) = torch.autograd.grad(losses.masked_spherical(logits.log_softmax(1), true, 0.0).sum(), logits)
        assert float(none.abs().max()) < 1e-20
        assert float(some.abs().max()) > 1e-4


def test_unsure_of_everything_is_no_division_by_zero():
    logits = torch.zeros(1, 3, 1, 1, requires_grad=True)
    loss = losses.masked_spherical(logits.log_softmax(1), torch.zeros(1, 1, 1, dtype=torch.long), 0.0)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert loss.item() == 0
    assert bool(torch.isfinite(gradient).all())
