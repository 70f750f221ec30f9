"""A Hounsfield scale that is off, in the image's own units."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("shift", [-7.0, 5.0])
def test_a_shift_is_in_hu_whatever_the_unit_scale(change, cylinder, frame, shift):
    for window in (frame(2), frame(2, low=-1000.0, high=2000.0)):
        np.testing.assert_allclose(change(cylinder, "hu shift", window, shift=shift), shift, atol=1e-9)


def test_a_slope_leaves_water_alone(change, cylinder):
    difference = change(cylinder, "hu shift", slope=1.02)
    np.testing.assert_allclose(difference, 0.02 * cylinder, atol=1e-9)
    assert abs(difference[40, 40]) < 1e-9
