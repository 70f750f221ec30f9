"""Metal: exact chords, a body that it lies in, streaks and HU that a file can hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from pytest_segrobust.perturbations.ct.attenuation import WATER
from pytest_segrobust.perturbations.ct.metal import ENERGIES, chords, measured


@pytest.mark.parametrize("radius", [0.1, 0.7, 5.0])
def test_chords_are_means_over_a_rays_width(radius):
    offsets = torch.linspace(-6, 6, 25, dtype=torch.float64)
    found = chords(offsets, torch.tensor(0.8, dtype=torch.float64), radius)
    for offset, chord in zip(offsets.tolist(), found.tolist(), strict=True):
        edges = [x for x in (-radius, radius) if offset - 0.4 < x < offset + 0.4]
        expected, _ = integrate.quad(
            lambda s: 2 * math.sqrt(max(radius**2 - s**2, 0)), offset - 0.4, offset + 0.4, points=edges or None
        )
        assert chord == pytest.approx(expected / 0.8, abs=1e-6)


def test_chords_of_any_disc_add_to_its_area():
    offsets = (torch.arange(400, dtype=torch.float64) - 200) * 0.1 + 0.037
    for radius in (0.01, 0.3, 7.0):
        area = float(chords(offsets, torch.tensor(0.1, dtype=torch.float64), radius).sum()) * 0.1
        assert area == pytest.approx(math.pi * radius**2, rel=1e-6)


def test_what_is_measured_is_the_transmission_at_two_energies():
    p, way = np.meshgrid(np.linspace(0, 8, 5), np.linspace(0, 20, 5))

    def transmitted(metal):
        return sum(np.exp(-p * water / WATER - way * titanium * metal) / 2 for water, titanium in ENERGIES)

    expected = -np.log(transmitted(1) / transmitted(0))
    found = measured(torch.from_numpy(p), torch.from_numpy(way)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (found[0] == 0).all()
    assert (np.diff(found, axis=0) > 0).all()
    assert (np.diff(found[1:], axis=1) < 0).all()  # behind more tissue the beam is harder


def test_metal_lies_in_the_body_and_is_as_large_as_it_says(done, cylinder, frame):
    for key in ("a", "b", "c", "d"):
        result = done(cylinder, "metal streaks", frame(2, key=key), diameter=16.0).images[0, 0].numpy()
        metal = result > 1500
        # Clipped where it is far from its true 12 000 HU, so half a pixel of blur around it counts as metal.
        assert math.pi * 8**2 <= metal.sum() <= math.pi * 8.7**2
        row, column = (np.argwhere(metal).mean(0) - 39.5).tolist()
        assert math.hypot(row, column) < 30
        assert result.max() == pytest.approx(3071, abs=1e-6)
        assert result.min() >= -1024 - 1e-6
    assert len({tuple(np.argwhere(done(cylinder, "metal streaks", frame(2, key=k), diameter=8.0).images[0, 0].numpy() > 1500)[0]) for k in "abcd"}) > 1  # fmt: skip


def test_metal_streaks_over_the_slice_and_its_noise_with_it(change, distances, cylinder):
    r = distances((80, 80), (1.0, 1.0))
    difference = change(cylinder, "metal streaks", diameter=10.0)
    row, column = (np.argwhere(difference > 1500).mean(0) - 39.5).tolist()
    far = (distances((80, 80), (1.0, 1.0), (row, column)) > 15) & (r < 28)
    small = change(cylinder, "metal streaks", diameter=2.0)
    assert difference[far].std() > 3 * small[far].std() > 0


def test_only_slices_that_the_sphere_reaches_are_touched(change, cylinder, frame):
    stack = np.repeat(cylinder[..., None], 15, axis=2)
    touched = [
        np.flatnonzero(abs(change(stack, "metal streaks", frame(3), diameter=d)).max((0, 1))) for d in (1.0, 5.0, 9.0)
    ]
    middle = touched[0].tolist()
    assert len(middle) == 1
    for places, reach in zip(touched[1:], (2, 4), strict=True):
        assert places.tolist() == [k for k in range(middle[0] - reach, middle[0] + reach + 1) if 0 <= k < 15]


def test_a_slightly_other_image_has_its_metal_at_the_same_place(change, cylinder):
    noisy = cylinder + np.random.default_rng(0).normal(0, 10, cylinder.shape)
    clean_metal, noisy_metal = (change(image, "metal streaks", diameter=6.0) > 1500 for image in (cylinder, noisy))
    assert (clean_metal & noisy_metal).sum() > 0.9 * clean_metal.sum()


def test_where_there_is_no_body_there_is_no_metal_and_no_error(done):
    result = done(np.full((20, 20), -1000.0), "metal streaks", diameter=5.0)
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}]


def test_a_speck_changes_next_to_nothing(change, cylinder):
    assert abs(change(cylinder, "metal streaks", diameter=0.02)).max() < 20
