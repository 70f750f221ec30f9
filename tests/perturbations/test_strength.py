"""Measured strength against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.strength import measured, root_mean_square, total, voxels

LOW, SPAN = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 10.0)


def test_snr_and_share_of_a_small_image_are_those_worked_out_by_hand():
    before = torch.tensor([[[[10.0, 0.0], [20.0, 0.0]]]])
    after = torch.tensor([[[[11.0, 0.0], [20.0, 1.0]]]])
    (strength,) = measured(before, after, LOW, SPAN)
    assert strength == {"snr": pytest.approx(10 * math.log10(5 / 0.02)), "changed": 0.5}
    left = torch.tensor([[[True, False], [True, False]]])
    (strength,) = measured(before, torch.where(left, after, before), LOW, SPAN, left)
    assert strength == {"snr": pytest.approx(10 * math.log10(5 / 0.01)), "changed": 0.5}


def test_nothing_changed_is_infinite_and_noise_without_signal_minus_infinite():
    image = torch.ones(1, 1, 2, 2)
    assert measured(image, image, LOW, SPAN) == [{"snr": math.inf, "changed": 0.0}]
    assert measured(image * 0, image, LOW, SPAN) == [{"snr": -math.inf, "changed": 1.0}]


def test_a_voxel_counts_once_however_many_of_its_channels_changed():
    before = torch.zeros(1, 3, 2, 2)
    after = before.clone()
    after[0, :, 0, 0] = 1
    after[0, 1, 1, 1] = 1
    (strength,) = measured(before, after, LOW, SPAN)
    assert strength["changed"] == 0.5


def test_an_empty_region_has_nothing_to_change():
    image = torch.ones(1, 1, 2, 2)
    assert measured(image, image, LOW, SPAN, torch.zeros(1, 2, 2, dtype=torch.bool)) == [
        {"snr": math.inf, "changed": 0.0}
    ]


def test_a_result_that_is_not_finite_has_no_snr():
    image = torch.ones(1, 1, 2, 2)
    assert math.isnan(measured(image, image * math.inf, LOW, SPAN)[0]["snr"])


def test_sums_and_rms_are_those_of_numpy():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn((2, 3, 17, 19, 23), generator=generator)
    region = torch.rand((2, 17, 19, 23), generator=generator) > 0.7
    array, mask = values.double().numpy(), region.numpy()
    np.testing.assert_allclose(total(values), array.sum((2, 3, 4)), rtol=1e-4)
    np.testing.assert_allclose(voxels(values, region), mask.sum((1, 2, 3)))
    expected = [math.sqrt((array[i][:, mask[i]] ** 2).mean()) for i in range(2)]
    np.testing.assert_allclose(root_mean_square(values, region), expected, rtol=1e-5)


def test_the_number_of_threads_does_not_change_how_a_sum_rounds():
    values = torch.rand((1, 1, 60, 50, 40), generator=torch.Generator().manual_seed(0)) + 0.1
    threads = torch.get_num_threads()
    found = set()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found |= {float(total(values**k)) for k in (1, 2, 3)}
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 3


def test_the_changed_share_is_of_the_region_alone():
    before = torch.zeros(1, 1, 2, 2)
    region = torch.tensor([[[True, False], [False, False]]])
    (strength,) = measured(before, before + 1, LOW, SPAN, region)  # interpolation may change what lies outside, too
    assert strength["changed"] == 1.0
