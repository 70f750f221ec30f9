"""Missing boxes and slices: exactly the share, nested, and the same place for a case."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.occluding import covering
from pytest_segrobust.perturbations.point import Point

SHARES = [0.001, 0.05, 0.3, 0.97]


def lost(name, shape, share, *, key="ones", spacing=None):
    """The share of its signal that each voxel of an even image lost."""
    frame = Frame(key, np.array([0.0]), np.array([1.0]), spacing or (1.0,) * len(shape), ("?",) * len(shape))
    image = torch.ones((1, 1, *shape), dtype=torch.float64)
    return 1 - perturb(image, None, [Point.of(name, share=share)], [frame]).images[0, 0].numpy()


@pytest.mark.parametrize("shape", [(37, 21), (20, 31, 17)])
@pytest.mark.parametrize("share", SHARES)
def test_a_box_holds_exactly_its_share_in_the_images_proportions(shape, share):
    for key in "abc":
        covered = lost("occlusion", shape, share, key=key)
        assert covered.mean() == pytest.approx(share, rel=1e-9)
        assert covered.min() >= 0
        assert covered.max() <= 1
        for axis, size in enumerate(shape):
            along = covered.max(tuple(i for i in range(len(shape)) if i != axis))
            touched = np.flatnonzero(along > 0)
            assert len(touched) == touched[-1] - touched[0] + 1
            assert len(touched) - 2 <= share ** (1 / len(shape)) * size <= len(touched)


@pytest.mark.parametrize("name", ["occlusion", "dropped slices"])
def test_a_larger_share_covers_what_a_smaller_one_does(name):
    smaller, larger = (lost(name, (12, 15, 20), share) for share in (0.11, 0.37))
    assert (larger >= smaller - 1e-12).all()


@pytest.mark.parametrize("name", ["occlusion", "dropped slices"])
def test_everything_can_be_lost(name):
    assert (lost(name, (8, 9, 10), 1.0) == 1).all()


def test_boxes_lie_anywhere():
    places = {tuple(np.argwhere(lost("occlusion", (40, 40), 0.01, key=str(k)) > 0.5).mean(0)) for k in range(20)}
    spread = np.array(sorted(places))
    assert len(places) > 15
    assert spread.min() < 10
    assert spread.max() > 30


@pytest.mark.parametrize("share", [0.05, 0.125, 0.5])
def test_exactly_the_share_of_slices_is_lost_across_the_largest_spacing(share):
    covered = lost("dropped slices", (6, 20, 7), share, spacing=(1.0, 2.0, 1.0))
    by_slice = covered[0, :, 0]
    assert (covered == by_slice[None, :, None]).all()
    assert by_slice.sum() == pytest.approx(20 * share)
    assert ((by_slice > 0) & (by_slice < 1)).sum() <= 1


def test_slices_are_dropped_at_drawn_places():
    orders = {tuple(np.flatnonzero(lost("dropped slices", (5, 5, 30), 0.1, key=str(k))[0, 0])) for k in range(8)}
    assert len(orders) > 5


def test_a_single_slice_cannot_be_dropped():
    with pytest.raises(PerturbationError, match="case ones is a single slice"):
        lost("dropped slices", (20, 20), 0.1)


@pytest.mark.parametrize("name", ["occlusion", "dropped slices"])
def test_what_is_dark_already_is_no_error_and_is_recorded(name):
    frame = Frame("dark", np.array([0.0]), np.array([1.0]), (1.0,) * 3, ("?",) * 3)
    image = torch.zeros((1, 1, 8, 8, 8))
    result = perturb(image, None, [Point.of(name, share=0.2)], [frame])
    assert result.strengths[0]["changed"] == 0
    assert result.strengths[0]["snr"] == math.inf


def test_covering_is_how_much_of_each_voxel_lies_between_two_places():
    assert covering(4, 0.25, 2.5) == [0.75, 1.0, 0.5, 0.0]
    assert covering(3, 1.25, 1.5) == [0.0, 0.25, 0.0]
