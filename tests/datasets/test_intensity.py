import numpy as np
import pytest

from pytest_segrobust.datasets.intensity import unit_scale
from pytest_segrobust.requirements.settings import Percentiles, Window

WINDOW = Window(window=(-1000, 400))


def test_percentiles_are_of_each_channel():
    ramp = np.arange(1001, dtype=np.float32).reshape(1, 7, 143)
    low, high = unit_scale(np.concatenate([ramp, 10 * ramp - 5]), Percentiles(percentiles=(0.5, 99.5)))

    np.testing.assert_allclose(low, [5, 45])
    np.testing.assert_allclose(high, [995, 9945])
    assert low.dtype == high.dtype == np.float32
    assert low.shape == high.shape == (2,)


def test_a_window_is_the_same_for_all_channels():
    low, high = unit_scale(np.arange(24, dtype=np.float32).reshape(2, 3, 4), WINDOW)

    assert low.tolist() == [-1000, -1000]
    assert high.tolist() == [400, 400]


@pytest.mark.parametrize("intensity", [WINDOW, Percentiles(percentiles=(0.5, 99.5))])
def test_constant_channels_are_refused(refused, intensity):
    image = np.stack([np.arange(9, dtype=np.float32).reshape(3, 3), np.full((3, 3), 7, dtype=np.float32)])

    refused(lambda: unit_scale(image, intensity), ["channel 2", "constant (7)"])


def test_mostly_background_is_refused_by_percentiles_alone(refused):
    image = np.zeros((1, 100, 100), dtype=np.float32)
    image[0, :3, :3] = 1

    refused(lambda: unit_scale(image, Percentiles(percentiles=(0.5, 99.5))), ["percentiles 0.5 and 99.5", "0 and 0"])
    unit_scale(image, WINDOW)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted(refused, value):
    image = np.arange(24, dtype=np.float32).reshape(1, 4, 6)
    image[0, 1, :3] = value

    refused(lambda: unit_scale(image, WINDOW), ["3 voxels are NaN or infinite"])
