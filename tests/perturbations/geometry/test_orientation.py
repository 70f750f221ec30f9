"""Flips follow the anatomy, swaps carry spacing along."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import move, perturb
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("stored", ["RAS", "LAS", "ARS", "SPL", "IRP"])
@pytest.mark.parametrize(("axis", "world"), [("left-right", 0), ("anterior-posterior", 1), ("inferior-superior", 2)])
def test_a_flip_mirrors_the_same_anatomy_however_the_file_is_oriented(volume, stored, axis, world):
    canonical = volume.images[0, 0].numpy()  # axes point R, A, S
    to_file = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(stored)
    )
    affine = np.eye(4) @ nibabel.orientations.inv_ornt_aff(to_file, canonical.shape)
    codes = nibabel.aff2axcodes(affine)
    assert "".join(codes) == stored
    in_file = np.ascontiguousarray(nibabel.orientations.apply_orientation(canonical, to_file))
    frame = replace(volume.frames[0], axes=codes, low=np.array([100.0]), high=np.array([900.0]))
    flipped = perturb(torch.from_numpy(in_file)[None, None], None, [Point.of("flip", axis=axis)], [frame]).images[0, 0]
    back = nibabel.as_closest_canonical(nibabel.Nifti1Image(flipped.numpy(), affine)).get_fdata(dtype=np.float32)
    np.testing.assert_array_equal(back, np.flip(canonical, world))


def test_rows_columns_and_slices_are_the_axes_as_stored(volume):
    for number, word in enumerate(("rows", "columns", "slices")):
        result = perturb(volume.images, volume.labels, [Point.of("flip", axis=word)] * 3, volume.frames)
        assert torch.equal(result.images, volume.images.flip(number + 2))
        assert torch.equal(result.labels, volume.labels.flip(number + 1))
        assert result.spacings == [frame.spacing for frame in volume.frames]


def test_cases_of_one_batch_may_be_oriented_differently(volume):
    volume.frames[1] = replace(volume.frames[1], axes=("S", "R", "A"))
    result = perturb(volume.images, volume.labels, [Point.of("flip", axis="left-right")] * 3, volume.frames)
    assert torch.equal(result.images[0], volume.images[0].flip(1))
    assert torch.equal(result.images[1], volume.images[1].flip(2))
    assert torch.equal(result.labels[1], volume.labels[1].flip(1))


@pytest.mark.parametrize("point", [Point.of("flip", axis="columns"), Point.of("axis swap", axes="rows-columns")])
def test_twice_is_the_image_again(scan, point):
    twice = perturb(scan.images, scan.labels, [point | point] * 3, scan.frames)
    assert torch.equal(twice.images, scan.images)
    assert torch.equal(twice.labels, scan.labels)
    assert twice.spacings == [frame.spacing for frame in scan.frames]


def test_a_swap_carries_spacing_and_anatomy_along(volume):
    swap = Point.of("axis swap", axes="rows-slices")
    result = perturb(volume.images, volume.labels, [swap] * 3, volume.frames)
    assert torch.equal(result.images, volume.images.transpose(2, 4))
    assert result.images.is_contiguous()
    assert result.spacings == [(1.5, 1.0, 0.8)] * 3
    # Left-right was the first axis and is the last now.
    both = move(volume.labels, swap | Point.of("flip", axis="left-right"), volume.frames[0])
    assert torch.equal(both, volume.labels.transpose(1, 3).flip(3))


def test_how_much_a_move_changed_is_said_without_an_snr(volume):
    flip, swap = Point.of("flip", axis="rows"), Point.of("axis swap", axes="rows-slices")
    strength = perturb(volume.images, None, [flip] * 3, volume.frames).strengths[0]
    expected = (volume.images[0] != volume.images[0].flip(1)).any(0).double().mean()
    assert strength == {"changed": pytest.approx(float(expected))}
    assert perturb(volume.images, None, [swap] * 3, volume.frames).strengths[0] == {"changed": 1.0}


def test_masks_of_several_structures_move_at_once(volume):
    masks = torch.stack([volume.labels[0] == 1, volume.labels[0] == 2])
    point = Point.of("flip", axis="left-right") | Point.of("gaussian noise", sigma=0.2)
    assert torch.equal(move(masks, point, volume.frames[0]), masks.flip(1))
    assert move(masks[:0], point, volume.frames[0]).shape == masks[:0].shape


def test_an_axis_the_image_does_not_have_is_an_error_that_lists_those_it_has(scan):
    frames = [replace(frame, axes=("?",) * len(frame.axes)) for frame in scan.frames]
    with pytest.raises(PerturbationError, match="case case-0 has no axis 'left-right'; it has rows, columns"):
        perturb(scan.images, None, [Point.of("flip", axis="left-right")] * 3, frames)
    if len(scan.frames[0].axes) == 2:
        with pytest.raises(
            PerturbationError, match="no axis 'slices'; it has left-right, anterior-posterior, rows, columns"
        ):
            perturb(scan.images, None, [Point.of("axis swap", axes="rows-slices")] * 3, scan.frames)


def test_an_image_that_is_its_own_mirror_image_is_an_error_unless_it_is_constant_along_the_axis(volume):
    point = Point.of("flip", axis="rows")
    symmetric = volume.images + volume.images.flip(2)
    with pytest.raises(PerturbationError, match=r"case-0: flip\(axis=rows\) should have changed the image and did not"):
        perturb(symmetric, None, [point] * 3, volume.frames)
    constant = volume.images[:, :, :1].expand_as(volume.images)
    result = perturb(constant, None, [point] * 3, volume.frames)
    assert [strength["changed"] for strength in result.strengths] == [0, 0, 0]
