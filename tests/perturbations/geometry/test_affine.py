"""Rotation, scale, translation and shear: known answers, and scipy's affine transform."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.point import Point

AXES = {2: ("L", "P"), 3: ("L", "P", "S")}


def frame(*spacing: float, axes=None) -> Frame:
    return Frame("case", np.array([0.0]), np.array([1.0]), spacing, axes or AXES[len(spacing)])


def texture(*shape: int) -> torch.Tensor:
    return torch.rand((1, 1, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def moved(image, point, place, labels=None):
    return perturb(image, labels, [point], [place])


@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (-90, 3), (180, 2)])
def test_quarter_turns_are_those_of_numpy(angle, turns):
    image = texture(21, 21)
    result = moved(image, Point.of("rotation", angle=angle), frame(1, 1), image[:, 0] > 0.5)
    np.testing.assert_array_equal(result.images[0, 0], np.rot90(image[0, 0], turns))
    np.testing.assert_array_equal(result.labels[0], np.rot90(image[0, 0] > 0.5, turns))
    assert result.movements[0].view is None
    assert result.movements[0].seen is None


def test_millimetres_turn_not_voxels():
    """Twice as long voxels along one axis: what lies 8 voxels away on one lies 4 away on the other after a quarter turn."""
    image = torch.zeros(1, 1, 21, 21)
    image[0, 0, 10 + 8, 10] = 1
    turned = moved(image, Point.of("rotation", angle=90), frame(1, 2)).images[0, 0]
    assert turned.argmax() == 10 * 21 + 10 + 4


def test_slices_turn_in_their_plane_unless_another_is_stated():
    image = texture(11, 11, 11)
    thick = frame(1, 3, 1)
    default = moved(image, Point.of("rotation", angle=10), thick).images
    assert torch.equal(default, moved(image, Point.of("rotation", angle=10, plane="rows-slices"), thick).images)
    named = frame(1, 1, 1, axes=("S", "L", "A"))
    for body, array in (("axial", "columns-slices"), ("sagittal", "rows-slices"), ("coronal", "rows-columns")):
        one, other = (
            moved(image, Point.of("rotation", angle=angle, plane=plane), named).images
            for plane, angle in ((body, -10 if body != "axial" else 10), (array, 10))
        )
        assert torch.equal(one, other)
    with pytest.raises(PerturbationError, match="no axis 'left-right'"):
        moved(image, Point.of("rotation", angle=10, plane="axial"), frame(1, 1, 1, axes=("?", "?", "?")))


@pytest.mark.parametrize("voxels", [3, -5, 0.0])
def test_a_shift_by_whole_voxels_takes_whole_voxels(voxels):
    image = texture(20, 14)
    label = (image[:, 0] * 3).int()
    if not voxels:
        point = Point.of("translation", distance=28, axis="columns")  # 14 voxels of 2 mm: nothing is left in view
        result = moved(image, point, frame(1, 2), label)
        assert not result.movements[0].view.any()
        assert bool((result.images == image.min()).all())
        return
    point = Point.of("translation", distance=2 * voxels, axis="columns")
    result = moved(image, point, frame(1, 2), label)
    kept, gone = (
        (slice(voxels, None), slice(None, voxels)) if voxels > 0 else (slice(None, voxels), slice(voxels, None))
    )
    source = slice(None, -voxels) if voxels > 0 else slice(-voxels, None)
    assert torch.equal(result.images[..., kept], image[..., source])
    assert bool((result.images[..., gone] == image.min()).all())
    assert torch.equal(result.labels[..., kept], label[..., source])
    assert not bool(result.labels[..., gone].any())
    movement = result.movements[0]
    assert bool(movement.view[:, kept].all())
    assert not bool(movement.view[:, gone].any())
    assert bool(movement.seen[:, source].all())
    assert int(movement.seen.sum()) == int(movement.view.sum())
    back = movement.restore(result.labels)
    assert torch.equal(back[0][movement.seen], label[0][movement.seen])


@pytest.mark.parametrize("code", ["L", "R"])
def test_anatomical_directions_are_those_of_the_body(code):
    image = texture(20, 14)
    result = moved(image, Point.of("translation", distance=2, axis="left-right"), frame(1, 1, axes=(code, "P")))
    shift = 2 if code == "R" else -2
    assert torch.equal(result.images[0, 0, 5:10], image[0, 0, 5 - shift : 10 - shift])


def test_a_drawn_direction_is_the_cases_own_and_the_distance_is_exact():
    places = torch.stack(torch.meshgrid(*(torch.arange(41.0) for _ in range(3)), indexing="ij"))[None].double()
    point = Point.of("translation", distance=5)
    directions = []
    for key in "abc":
        own = replace(frame(1, 1, 1), key=key, low=np.zeros(3), high=np.ones(3))
        result = moved(places, point, own)
        inside = result.movements[0].view
        steps = (places[0] - result.images[0])[:, inside]
        middle = steps[:, steps.shape[1] // 2]
        assert float((middle**2).sum().sqrt()) == pytest.approx(5, abs=1e-4)
        directions.append(middle)
    assert not torch.allclose(directions[0], directions[1])


def test_a_disc_twice_as_large_has_four_times_the_area():
    y, x = torch.meshgrid(torch.arange(101.0), torch.arange(101.0), indexing="ij")
    disc = (((y - 50) ** 2 + (x - 50) ** 2) < 20.5**2)[None]
    result = moved(disc[None].double(), Point.of("scale", factor=2), frame(1, 1), disc)
    assert float(result.labels.sum() / disc.sum()) == pytest.approx(4, rel=0.03)
    small = moved(disc[None].double(), Point.of("scale", factor=0.5), frame(1, 1), disc)
    assert float(small.labels.sum() / disc.sum()) == pytest.approx(0.25, rel=0.05)


def test_shear_by_an_angle_is_shear_by_its_tangent_in_millimetres():
    image = texture(31, 31)
    one = moved(image, Point.of("shear", angle=math.degrees(math.atan(0.5))), frame(1, 1)).images
    other = moved(image, Point.of("shear", factor=0.5), frame(1, 1)).images
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    # Four columns right of the centre, 0.5 x 4 voxels of 2 mm: 4 rows of 1 mm.
    thick = moved(image, Point.of("shear", factor=0.5), frame(1, 2)).images
    assert torch.equal(thick[0, 0, 10:20, 19], image[0, 0, 6:16, 19])


CASES = [
    (Point.of("rotation", angle=17), (23, 31), (0.8, 1.3)),
    (Point.of("rotation", angle=-40, plane="columns-slices"), (13, 17, 19), (0.8, 1.3, 2.0)),
    (Point.of("scale", factor=1.3), (13, 17, 19), (0.8, 1.3, 2.0)),
    (Point.of("scale", factor=0.7), (23, 31), (1, 1)),
    (Point.of("translation", distance=3.7, axis="rows"), (13, 17, 19), (0.8, 1.3, 2.0)),
    (Point.of("shear", angle=20, plane="rows-slices"), (13, 17, 19), (0.8, 1.3, 2.0)),
]


def expected_matrix(point: Point, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Written out by hand: from a place in mm to where it comes from, and a shift before."""
    step = point.steps[0]
    values = dict(step.parameters)
    number = {"rows": 0, "columns": 1, "slices": 2}
    first, second = (number[w] for w in values.get("plane", "rows-columns").split("-"))
    matrix, shift = np.eye(dimensions), np.zeros(dimensions)
    if step.name == "rotation":
        c, s = math.cos(math.radians(values["angle"])), math.sin(math.radians(values["angle"]))
        matrix[[first, first, second, second], [first, second, first, second]] = c, s, -s, c
    if step.name == "scale":
        matrix /= values["factor"]
    if step.name == "translation":
        shift[0] = values["distance"]
    if step.name == "shear":
        matrix[first, second] = -math.tan(math.radians(values["angle"]))
    return matrix, shift


@pytest.mark.parametrize(("point", "shape", "spacing"), CASES, ids=str)
def test_images_and_labels_are_those_of_scipy(point, shape, spacing):
    image = texture(*shape)
    label = (image[:, 0] * 4).int()
    result = moved(image, point, frame(*spacing), label)
    in_mm, shift = expected_matrix(point, len(shape))
    diagonal, middle = np.diag(spacing), (np.array(shape) - 1) / 2
    matrix = np.linalg.inv(diagonal) @ in_mm @ diagonal
    offset = middle - matrix @ middle - np.linalg.inv(diagonal) @ in_mm @ shift

    def scipy_moved(values: np.ndarray) -> np.ndarray:
        return affine_transform(values.astype(float), matrix, offset, order=1, mode="nearest")

    places = matrix @ np.indices(shape).reshape(len(shape), -1) + offset[:, None]
    limits = np.array(shape)[:, None] - 0.5
    certain = np.abs(np.stack([places + 0.5, places - limits])).min((0, 1)).reshape(shape) > 1e-5
    inside = ((places >= -0.5) & (places <= limits)).all(0).reshape(shape)
    expected = np.where(inside, scipy_moved(image[0, 0].numpy()), float(image.min()))
    np.testing.assert_allclose(result.images[0, 0].numpy()[certain], expected[certain], atol=1e-5)
    view = result.movements[0].view
    seen = np.ones(shape, bool) if view is None else view.numpy()
    np.testing.assert_array_equal(seen[certain], inside[certain])
    one_hot = np.stack([scipy_moved(label[0].numpy() == k) for k in range(4)])
    two = np.sort(one_hot, 0)[-2:]
    clear = inside & certain & (two[1] - two[0] > 1e-4)
    assert clear.mean() > 0.4
    np.testing.assert_array_equal(result.labels[0].numpy()[clear], one_hot.argmax(0)[clear])
    assert not result.labels[0].numpy()[certain & ~inside].any()


def test_of_labels_with_equal_weight_the_lowest_wins():
    label = torch.tensor([[[3, 3, 1, 1], [3, 3, 1, 1]]])
    point = Point.of("translation", distance=0.5, axis="columns")
    result = moved(label[None].double(), point, frame(1, 1), label)
    assert result.labels.tolist() == [[[3, 3, 1, 1], [3, 3, 1, 1]]]
    mask = moved(label[None].double(), point, frame(1, 1), label == 3)
    assert torch.equal(mask.labels, result.labels == 3)


def test_ceilings_of_whole_voxels_are_perfect_and_others_are_not():
    image = texture(25, 25)
    grains = torch.zeros(1, 25, 25, dtype=torch.int32)
    grains[:, 8:17, 8:17] = (image[:, 0, 8:17, 8:17] > 0.5).int()

    def ceiling(point: Point) -> float:
        movement = moved(image, point, frame(1, 1)).movements[0]
        back = movement.restore(movement.move(grains))
        return 2 * float((back & grains).sum()) / float((back + grains).sum())

    assert ceiling(Point.of("translation", distance=3, axis="rows")) == 1
    assert ceiling(Point.of("rotation", angle=90)) == 1
    assert 0.5 < ceiling(Point.of("rotation", angle=7)) < 1
