from __future__ import annotations

import pytest
import torch

from pytest_segrobust.models.padding import box_within, padded_shape, stacked


@pytest.mark.parametrize(
    ("shape", "window", "multiple", "expected"),
    [
        ((31, 40), None, 16, (32, 48)),
        ((32, 48), None, 16, (32, 48)),
        ((1, 1, 1), None, 16, (16, 16, 16)),
        ((31, 40), None, 1, (31, 40)),
        ((31, 40), (48, 32), 16, (48, 40)),
        ((48, 64, 48), (48, 64, 48), 16, (48, 64, 48)),
    ],
)
def test_images_grow_to_the_window_or_to_the_next_multiple(shape, window, multiple, expected):
    assert padded_shape(shape, window, multiple) == expected


def test_the_image_lies_in_the_middle_with_the_odd_voxel_behind_it():
    assert box_within((5, 4), (8, 4)) == (slice(1, 6), slice(0, 4))


def test_a_batch_is_0_around_each_image_and_the_image_in_its_box():
    images = [torch.full((2, 3, 3), 1.0), torch.full((2, 4, 2), 2.0)]
    batch, boxes = stacked(images, (4, 5), torch.float32)
    assert batch.shape == (2, 2, 4, 5)
    for image, place, box in zip(images, batch, boxes, strict=True):
        assert torch.equal(place[(slice(None), *box)], image)
        assert place.sum() == image.sum()
