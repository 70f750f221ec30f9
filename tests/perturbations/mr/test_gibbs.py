"""Ringing against MONAI's, against k-space cut line by line, and its overshoot at an edge."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.mr.gibbs import cut, cut_by_monai
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("alpha", [0.1, 0.35, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("shape", [(32, 24), (33, 20), (15, 21, 19), (16, 20, 12), (17, 20, 9)])
def test_alpha_is_that_of_monai(head, framed, done, shape, alpha):
    from monai.transforms import GibbsNoise

    image = head(shape)
    expected = GibbsNoise(alpha)(image[0]).numpy()
    result = done(image, framed((1,) * len(shape)), "gibbs ringing", alpha=alpha)
    np.testing.assert_allclose(result, expected, atol=1e-9)


@pytest.mark.parametrize("kept", [0.95, 0.6, 0.3])
def test_kept_is_the_share_of_lines_left_along_every_axis(scanned, done, kept):
    image, frame = scanned
    spectrum = np.fft.fftn(image[0, 0].numpy())
    for axis, size in enumerate(spectrum.shape):
        for place, frequency in enumerate(np.fft.fftfreq(size)):  # cycles per voxel, the highest is one half
            if abs(frequency) > 0.5 * kept + 1e-9:
                spectrum[(slice(None),) * axis + (place,)] = 0
    expected = np.fft.ifftn(spectrum)
    np.testing.assert_allclose(done(image, frame, "gibbs ringing", kept=kept)[0], expected.real, atol=1e-6)
    assert np.abs(expected.imag).max() < 1e-9


def test_an_edge_overshoots_by_nine_per_cent_whatever_is_kept(framed, done):
    image = torch.zeros((1, 1, 512, 4), dtype=torch.float64)
    image[:, :, 128:384] = 1000.0
    for kept in (0.1, 0.2):
        result = done(image, framed((1, 1)), "gibbs ringing", kept=kept)[0]
        assert result.max() / 1000 - 1 == pytest.approx(0.0895, abs=0.003)  # Wilbraham-Gibbs constant
        assert result.min() / 1000 == pytest.approx(-0.0895, abs=0.003)


def test_a_line_at_the_very_end_of_the_share_is_kept():
    assert cut((100,), 0.58).tolist() == [0.0] * 30 + [1.0] * 21


def test_the_mean_stays(scanned, done):
    image, frame = scanned
    assert done(image, frame, "gibbs ringing", kept=0.05).mean() == pytest.approx(float(image.mean()), rel=1e-9)


def test_halves_stand_where_monai_removes_one_of_two_opposite_lines():
    assert set(np.unique(cut_by_monai((8, 8), 0.5))) == {0.0, 0.5, 1.0}
    assert set(np.unique(cut_by_monai((9, 9), 0.5))) == {0.0, 1.0}


@pytest.mark.parametrize("parameters", [{"kept": 0.999}, {"alpha": 0.001}])
def test_a_cut_beyond_the_last_line_changes_no_bit_and_is_no_error(framed, head, parameters):
    image = head((21, 21)).float()
    result = perturb(image, None, [Point.of("gibbs ringing", **parameters)], [framed((1, 1))])
    assert torch.equal(result.images, image)
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}]


def test_a_constant_image_cannot_ring(framed):
    image = torch.full((1, 1, 20, 20), 300.0)
    result = perturb(image, None, [Point.of("gibbs ringing", kept=0.5)], [framed((1, 1))])
    assert torch.allclose(result.images, image)
