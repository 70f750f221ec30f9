"""Beam hardening: the cup of a disc in closed form, and the dark band between two rods."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_segrobust.perturbations.ct.attenuation import WATER
from pytest_segrobust.perturbations.ct.beam_hardening import HARDENING


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_a_disc_of_water_has_the_cup_of_the_closed_form(change, distances, strength):
    """Chords squared, 4 (R² - s²), are the line integrals of (8 / pi) sqrt(R² - r²)."""
    radius = 40.0
    r = distances((100, 100), (1.0, 1.0))
    cup = change(np.where(r < radius, 0.0, -1000.0), "beam hardening", strength=strength)
    inside = r < radius - 5
    expected = -strength * HARDENING * WATER * 1000 * (8 / math.pi) * np.sqrt(radius**2 - r[inside] ** 2)
    np.testing.assert_allclose(cup[inside], expected, atol=0.03 * abs(expected).max())
    assert abs(cup[r > radius + 4]).max() < 0.05 * abs(expected).max()


def test_it_is_dark_between_two_rods(change, distances):
    shape = (80, 80)
    water = np.where(distances(shape, (1.0, 1.0)) < 36, 0.0, -1000.0)
    rods = water.copy()
    for x in (-18.0, 18.0):
        rods[distances(shape, (1.0, 1.0), (0.0, x)) < 6] = 1500.0
    extra = change(rods, "beam hardening", strength=2.0) - change(water, "beam hardening", strength=2.0)
    between, beside = extra[36:44, 36:44].mean(), extra[10:18, 36:44].mean()
    assert between < beside - 5  # HU


def test_air_alone_hardens_no_beam_and_is_no_error(done):
    air = np.full((20, 20), -1100.0)
    result = done(air, "beam hardening", strength=0.5)
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}]
