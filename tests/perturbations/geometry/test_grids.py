"""Other grids: a smaller field of view is a slice of the image, other voxels hold the mean of what they cover."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.point import Point


def frame(*spacing: float) -> Frame:
    return Frame("case", np.array([0.0]), np.array([1.0]), spacing, ("L", "P", "S")[: len(spacing)])


def texture(*shape: int) -> torch.Tensor:
    return torch.rand((1, 1, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_smaller_field_of_view_is_a_slice_of_image_and_labels():
    image = texture(20, 30, 11)
    label = (image[:, 0] * 5).int()
    result = perturb(image, label, [Point.of("field of view", share=0.1)], [frame(1, 2, 3)])
    assert torch.equal(result.images, image[..., 2:-2, 3:-3, 1:-1])
    assert torch.equal(result.labels, label[:, 2:-2, 3:-3, 1:-1])
    assert result.spacings == [(1, 2, 3)]
    movement = result.movements[0]
    assert movement.lossless
    assert movement.view is None
    assert int(movement.seen.sum()) == result.labels.numel()
    assert torch.equal(movement.restore(result.labels), torch.where(movement.seen, label, 0))


def test_one_axis_alone_may_be_cut():
    image = texture(20, 30, 10)
    result = perturb(image, None, [Point.of("field of view", share=0.2, axis="columns")], [frame(1, 2, 3)])
    assert torch.equal(result.images, image[:, :, :, 6:-6])


@pytest.mark.parametrize(
    ("size", "share", "left"), [(20, 0.02, 20), (20, 0.03, 18), (3, 0.45, 1), (1, 0.45, 1), (20, 0.45, 2)]
)
def test_shares_are_rounded_to_voxels_and_something_is_always_left(size, share, left):
    result = perturb(texture(size, 40), None, [Point.of("field of view", share=share)], [frame(1, 1)])
    assert result.images.shape[2] == left


@pytest.mark.parametrize("factor", [2, 3])
def test_voxels_of_a_whole_multiple_hold_the_mean_of_those_they_cover(factor):
    image = texture(12, 18, 6)
    result = perturb(image, None, [Point.of("resampling", factor=factor)], [frame(1, 0.5, 2)])
    blocks = image.reshape(12 // factor, factor, 18 // factor, factor, 6 // factor, factor).mean((1, 3, 5))
    torch.testing.assert_close(result.images[0, 0], blocks)
    assert result.spacings == [(factor, 0.5 * factor, 2 * factor)]


def test_smaller_voxels_are_interpolated_linearly():
    image = texture(12, 9)
    result = perturb(image, None, [Point.of("resampling", factor=0.6)], [frame(1, 1)])
    assert result.images.shape[2:] == (20, 15)
    places = [(np.arange(new) - (new - 1) / 2) * 0.6 + (old - 1) / 2 for old, new in ((12, 20), (9, 15))]
    expected = map_coordinates(
        image[0, 0].numpy(), np.stack(np.meshgrid(*places, indexing="ij")), order=1, mode="nearest"
    )
    np.testing.assert_allclose(result.images[0, 0], expected, atol=1e-12)


@pytest.mark.parametrize("factor", [0.7, 1.3, 2.5])
def test_a_slope_stays_the_same_slope_in_millimetres(factor):
    """What is linear in mm is so on any grid, about the same centre, away from the edges.

    The mean of cells, which are flat, over a length that is no multiple of theirs is off by up to an eighth of a cell.
    """
    ramp = torch.arange(40.0, dtype=torch.float64).reshape(1, 1, 40, 1).expand(1, 1, 40, 40).contiguous()
    result = perturb(ramp, None, [Point.of("resampling", factor=factor)], [frame(2, 2)])
    found = result.images[0, 0, :, result.images.shape[3] // 2]
    expected = (torch.arange(len(found)) - (len(found) - 1) / 2) * factor + 19.5
    inner = slice(2, -2)
    torch.testing.assert_close(found[inner], expected[inner].double(), rtol=0, atol=1e-5 if factor < 1 else 1 / 8)


def test_a_stated_spacing_lengthens_the_shorter_axes_alone():
    image = texture(20, 10, 8)
    result = perturb(image, None, [Point.of("resampling", spacing=2)], [frame(1, 2, 3)])
    assert result.images.shape[2:] == (10, 10, 8)
    assert result.spacings == [(2, 2, 3)]
    same = perturb(image, None, [Point.of("resampling", spacing=0.9)], [frame(1, 2, 3)])
    assert torch.equal(same.images, image)
    assert same.strengths == [{"changed": 0.0}]


def test_labels_are_the_class_with_the_largest_share_of_the_new_voxel():
    label = torch.tensor([[[1, 1, 2, 0], [2, 1, 2, 0]], [[0, 3, 3, 3], [3, 3, 1, 3]]]).reshape(1, 2, 2, 4)[:, :, :, :]
    label = label.reshape(1, 4, 4).int()
    result = perturb(texture(4, 4), label, [Point.of("resampling", factor=2)], [frame(1, 1)])
    # Blocks of four: (1,1,2,1) is 1; (2,0,2,0) is a tie, and 0 the lowest; (0,3,3,3) is 3; (3,3,1,3) is 3.
    assert result.labels.tolist() == [[[1, 0], [3, 3]]]


@pytest.mark.parametrize("factor", [0.7, 1.6])
def test_labels_are_those_of_one_hot_images(factor):
    image = texture(17, 13, 9)
    label = (image[:, 0] * 4).int()
    point, place = Point.of("resampling", factor=factor), frame(1, 1, 2)
    result = perturb(image, label, [point], [place])
    one_hot = torch.stack([perturb((label == k)[None].double(), None, [point], [place]).images[0, 0] for k in range(4)])
    two = one_hot.topk(2, 0).values
    clear = two[0] - two[1] > 1e-9
    assert torch.equal(result.labels[0][clear], one_hot.argmax(0)[clear].int())
    back = result.movements[0].restore(result.labels)
    assert back.shape == label.shape
    assert result.movements[0].seen is None


def test_masks_without_structures_move_too():
    movement = perturb(texture(12, 9), None, [Point.of("resampling", factor=2)], [frame(1, 1)]).movements[0]
    assert movement.move(torch.zeros((0, 12, 9), dtype=torch.bool)).shape == (0, 6, 5)


def test_samples_of_one_call_come_back_in_one_shape_or_not_at_all():
    points = [Point.of("field of view", share=share) for share in (0.1, 0.2)]
    with pytest.raises(PerturbationError, match="separate calls"):
        perturb(texture(20, 20).repeat(2, 1, 1, 1), None, points, [frame(1, 1)] * 2)
