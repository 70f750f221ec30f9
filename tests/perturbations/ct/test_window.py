"""A wrong window, against MONAI's; a slight error changes an image slightly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.transforms import ScaleIntensityRange

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.point import Point

ERRORS = [{"level": 0.1}, {"level": -0.2}, {"width": 0.7}, {"width": 1.4}, {"level": 0.15, "width": 0.8}]


@pytest.mark.parametrize("error", ERRORS)
def test_a_windowed_image_looks_as_in_the_wrong_window(frame, error):
    hounsfield = np.random.default_rng(0).uniform(-160, 240, (16, 16))  # within the right window, 400 HU around 40
    level, width = 40 + 400 * error.get("level", 0), 400 * error.get("width", 1)
    wrong = ScaleIntensityRange(level - width / 2, level + width / 2, 0.0, 1.0, clip=True, dtype=np.float64)
    windowed = (hounsfield + 160) / 400
    image = torch.as_tensor(windowed)[None, None]
    result = perturb(image, None, [Point.of("window error", **error)], [frame(2, low=0.0, high=1.0)]).images[0, 0]
    np.testing.assert_allclose(result.numpy(), np.asarray(wrong(hounsfield)), atol=1e-9)


@pytest.mark.parametrize("error", ERRORS)
def test_values_beyond_the_window_go_no_farther_out_and_a_slight_error_is_slight(change, error):
    hounsfield = np.linspace(-1000, 1500, 64 * 64).reshape(64, 64)
    after = (hounsfield + change(hounsfield, "window error", **error) + 160) / 400
    before = (hounsfield + 160) / 400
    assert after.min() >= before.min() - 1e-9
    assert after.max() <= before.max() + 1e-9
    slight = {name: 1 + 0.01 * (value - 1) if name == "width" else 0.01 * value for name, value in error.items()}
    assert abs(change(hounsfield, "window error", **slight)).max() < 0.05 * 400


def test_an_image_with_nothing_in_the_window_stays_and_is_no_error(done):
    outside = np.where(np.arange(400).reshape(20, 20) % 2, 1000.0, 800.0)
    assert done(outside, "window error", level=-0.1).strengths[0]["changed"] == 0
