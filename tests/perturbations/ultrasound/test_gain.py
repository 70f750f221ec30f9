"""A gain is so many decibels, everywhere or growing with depth."""

from __future__ import annotations

import pytest
import torch

from pytest_segrobust.perturbations import gain, time_gain_error
from pytest_segrobust.perturbations.application import perturb


@pytest.mark.parametrize("decibel", [-6.0, 3.0, 20.0])
def test_gain_is_twenty_decimal_logarithms_of_the_factor(scan, decibel):
    found = perturb(scan.images.double(), None, [gain(gain=decibel)] * 3, scan.frames).images
    ratio = torch.from_numpy(scan.unit(found) / scan.unit(scan.images))
    assert torch.allclose(20 * ratio.log10(), torch.tensor(decibel, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize("axes", [("?", "?", "?"), ("L", "P", "S"), ("L", "A", "S")])
def test_time_gain_error_is_none_at_the_probe_and_linear_in_decibels_to_the_far_end(echo, axes):
    images, frames = echo((21, 11, 5), axes=axes)
    found = 20 * (perturb(images, None, [time_gain_error(gain=-12)], frames).images / images)[0, 0].log10()
    down = found if axes[0] == "?" else found.transpose(0, 1)
    expected = torch.linspace(0, -12, len(down), dtype=torch.float64)
    expected = expected.flip(0) if "A" in axes else expected
    assert torch.allclose(down, expected.reshape(-1, 1, 1).expand_as(down), atol=1e-9)


def test_an_image_with_nothing_in_the_depth_has_no_time_gain_error(echo):
    images, frames = echo((8, 6), value=0.0)
    images[:, :, 0] = 1.0
    assert perturb(images, None, [time_gain_error(gain=6)], frames).strengths[0]["changed"] == 0
    assert perturb(images[:, :, :1], None, [time_gain_error(gain=6)], frames).strengths[0]["changed"] == 0
    images[:, :, 7] = 0.5
    assert perturb(images, None, [time_gain_error(gain=6)], frames).strengths[0]["changed"] == pytest.approx(1 / 8)
