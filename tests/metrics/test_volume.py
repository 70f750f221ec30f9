"""Volume bias and error: known values, and that failing is never better than an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.metrics.volume import volume_bias, volume_error, worst_volume_error


@pytest.mark.parametrize(
    ("predicted", "reference", "bias"), [(50, 100, -0.5), (100, 100, 0), (200, 100, 1), (1000, 100, 9), (0, 100, -1)]
)
def test_the_bias_is_signed_and_relative_to_the_reference(predicted: int, reference: int, bias: float) -> None:
    assert volume_bias(predicted, reference) == bias
    assert volume_error(predicted, reference) == abs(bias)


def test_a_false_detection_counts_its_voxels_and_is_never_milder_than_a_miss() -> None:
    assert volume_bias(1, 0) == volume_error(0, 100) == 1
    assert volume_bias(250, 0) == 250
    assert volume_bias(0, 0) == 0


@given(st.data(), st.integers(1, 10**8))
def test_no_mask_of_the_image_is_worse_than_a_failed_case(data: st.DataObject, image: int) -> None:
    predicted, reference = data.draw(st.integers(0, image)), data.draw(st.integers(0, image))
    assert volume_error(predicted, reference) <= worst_volume_error(reference, image)


def test_the_worst_is_an_image_filled_or_at_least_a_miss() -> None:
    assert worst_volume_error(100, 1000) == 9
    assert worst_volume_error(900, 1000) == 1
    assert worst_volume_error(0, 1000) == 1000
