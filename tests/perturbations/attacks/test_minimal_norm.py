"""The smallest radius that breaks a linear model is known."""

from __future__ import annotations

import pytest
import torch

from pytest_segrobust.perturbations.attacked import Effort
from pytest_segrobust.perturbations.attacks.minimal_norm import minimal_radius


def hyperplanes(distances):
    """Images of which the i-th is on the wrong side of u·w = 0 beyond that distance (L2) along w."""
    weights = torch.randn(1, 1, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights /= weights.norm()
    clean = torch.cat([-d * weights for d in distances])
    return clean, weights


def test_bisection_finds_the_distance_to_a_hyperplane():
    distances = (0.037, 0.51, 0.9, 3.0, -0.1)
    clean, weights = hyperplanes(distances)

    def attack_at(radii, starts):
        assert float((starts - clean).flatten(1).norm(dim=1).sub(radii).max()) <= 1e-12 or torch.equal(starts, clean)
        return clean + radii.reshape(-1, 1, 1, 1) * weights

    found = minimal_radius(clean, attack_at, lambda x: (x * weights).flatten(1).sum(1) > 0, high=1.0, iterations=12)
    assert found.breaks[:3].tolist() == pytest.approx(distances[:3], abs=1 / 2**12)
    assert bool((found.holds[:3] < torch.tensor(distances[:3], dtype=torch.float64)).all())
    assert bool((found.breaks[:3] > torch.tensor(distances[:3], dtype=torch.float64)).all())
    assert found.breaks[3:].tolist() == [float("inf"), 0.0]
    assert found.holds[3:].tolist() == [1.0, 0.0]
    assert torch.equal(found.images[4], clean[4])
    broken = (found.images * weights).flatten(1).sum(1) > 0
    assert broken.tolist() == [True, True, True, False, True]


def test_the_change_that_broke_an_image_is_where_the_next_attack_starts():
    clean, weights = hyperplanes((0.3, 0.3))
    starts_seen = []

    def attack_at(radii, starts):
        starts_seen.append((radii.clone(), starts - clean))
        return clean + radii.reshape(-1, 1, 1, 1) * weights

    minimal_radius(clean, attack_at, lambda x: (x * weights).flatten(1).sum(1) > 0, high=0.8, iterations=3)
    assert [float(radii[0]) for radii, _ in starts_seen] == pytest.approx([0.8, 0.4, 0.2, 0.3])
    assert [float(start[0].norm()) for _, start in starts_seen] == pytest.approx([0.0, 0.4, 0.2, 0.3])


def test_with_pgd_it_finds_the_radius_at_which_an_organ_is_lost(room):
    values = torch.tensor([0.56, 0.6, 0.68]).reshape(3, 1, 1, 1).expand(3, 1, 4, 4).clone()
    model = room.Softmax(lambda unit: torch.stack([9 * (0.5 - unit[:, 0]), 0 * unit[:, 0], 0 * unit[:, 0] - 9], 1))
    everywhere = torch.ones(3, 4, 4, dtype=torch.bool)
    batch = room.batch(
        model, values=values, structures={"organ": everywhere, "tumour": everywhere & False}, effort=Effort(5)
    )
    found = minimal_radius(
        values,
        lambda radii, starts: room.run("pgd", batch, epsilon=tuple(radii.tolist())),
        lambda images: (model.log_probabilities(images * 200 + 100, batch.frames)[0].argmax(1) == 0).flatten(1).all(1),
        high=0.3,
        iterations=10,
    )
    assert found.breaks.tolist() == pytest.approx([0.06, 0.1, 0.18], abs=0.3 / 2**10)
