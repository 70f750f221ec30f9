"""Depth runs away from a probe that is above the first row or in front of the patient."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_segrobust.perturbations.frame import Frame
from pytest_segrobust.perturbations.ultrasound.depth import depth_axis, depths


@pytest.mark.parametrize(
    ("axes", "axis", "shares"),
    [
        (("?", "?"), 0, [0, 0.5, 1]),
        (("L", "S"), 0, [0, 0.5, 1]),
        (("L", "P", "S"), 1, [0, 0.5, 1]),
        (("R", "S", "A"), 2, [1, 0.5, 0]),
    ],
)
def test_the_beam_runs_from_front_to_back_or_down_the_rows(axes, axis, shares):
    frame = Frame("case", np.zeros(1), np.ones(1), (1.0,) * len(axes), axes)
    assert depth_axis(frame)[0] == axis
    assert depths(frame, 3) == shares
    assert depths(frame, 1) == [0]
