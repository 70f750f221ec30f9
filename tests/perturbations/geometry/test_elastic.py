"""Elastic deformation: exactly as large as stated, smooth, one to one, and undone by its inverse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.geometry.elastic import Pattern
from pytest_segrobust.perturbations.point import Point

CPU = torch.device("cpu")


def frame(*spacing: float, key: str = "case") -> Frame:
    return Frame(key, np.array([0.0]), np.array([1.0]), spacing, ("L", "P", "S")[: len(spacing)])


def texture(*shape: int) -> torch.Tensor:
    return torch.rand((1, 1, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def warped(image, point, place):
    result = perturb(image, None, [point], [place])
    return result, result.movements[0].motions[0]


def places(motion, shape) -> np.ndarray:
    return np.stack([p.expand(shape).numpy() for p in motion.source(0, shape[0], CPU)])


@pytest.mark.parametrize(("shape", "spacing"), [((40, 37), (1.0, 1.2)), ((20, 26, 12), (1.5, 1.0, 3.0))])
@pytest.mark.parametrize("displacement", [0.5, 4.0])
def test_the_largest_displacement_is_exactly_what_is_stated(shape, spacing, displacement):
    _, motion = warped(texture(*shape), Point.of("elastic deformation", displacement=displacement), frame(*spacing))
    steps = (places(motion, shape) - np.indices(shape)) * np.reshape(spacing, (-1, *(1 for _ in shape)))
    lengths = np.sqrt((steps**2).sum(0))
    assert lengths.max() == pytest.approx(displacement, rel=1e-5)
    assert lengths.mean() > 0.2 * displacement


def test_a_stronger_deformation_is_the_same_pattern_larger():
    shape = (40, 37)
    fields = [
        places(warped(texture(*shape), Point.of("elastic deformation", displacement=d), frame(1, 1))[1], shape)
        - np.indices(shape)
        for d in (1.0, 3.0)
    ]
    np.testing.assert_allclose(3 * fields[0], fields[1], atol=1e-5)


def test_a_larger_spacing_is_a_smoother_deformation():
    shape = (60, 60)
    rough, smooth = (
        places(
            warped(texture(*shape), Point.of("elastic deformation", displacement=2, spacing=apart), frame(1, 1))[1],
            shape,
        )
        for apart in (12, 40)
    )
    bend = [np.abs(np.diff(p, 2, axis=1)).max() for p in (rough, smooth)]
    assert bend[0] > 3 * bend[1]
    infinite = Point.of("elastic deformation", displacement=2, spacing=math.inf)
    steps = places(warped(texture(*shape), infinite, frame(1, 1))[1], shape) - np.indices(shape)
    assert np.ptp(steps, axis=(1, 2)).max() < 1e-6  # a translation


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize(
    ("shape", "spacing"), [((40, 50), (1.0, 1.0)), ((35, 50, 35), (1.0, 1.0, 1.0)), ((64, 64, 8), (1.0, 1.0, 5.0))]
)
def test_nothing_folds_in_the_plausible_range(case, shape, spacing):
    """Brute force: the volume of every cell of eight (four) neighbouring voxels' sources, by finite differences."""
    point = Point.of("elastic deformation", displacement=4)
    result, motion = warped(texture(*shape), point, frame(*spacing, key=f"case {case}"))
    sources = places(motion, shape)
    jacobian = np.stack([np.stack(np.gradient(source)) for source in sources])
    determinants = np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1)))
    assert determinants.min() > 0
    assert result.movements[0].restore(result.images[0] > 0.5).shape == (1, *shape)


def test_folding_is_refused_with_the_largest_displacement_that_does_not():
    point = Point.of("elastic deformation", displacement=20, spacing=12)
    with pytest.raises(
        PerturbationError, match=r"case case: .* 20 mm .* 12 mm apart folds .* does not below"
    ) as refused:
        warped(texture(50, 50), point, frame(1, 1))
    limit = float(str(refused.value).split("below ")[1].split(" mm")[0])
    assert 2 < limit < 20
    warped(texture(50, 50), Point.of("elastic deformation", displacement=0.98 * limit, spacing=12), frame(1, 1))


def test_slopes_of_the_spline_are_those_of_its_values():
    generator = torch.Generator().manual_seed(0)
    control = torch.randn((2, 8, 16), generator=generator, dtype=torch.float64)
    pattern = Pattern(control, frame(0.01, 0.01), (40, 30), apart=0.1, largest=1.0)
    for axis, slope in enumerate(pattern._slopes()):
        field = pattern.field.double()
        finite = (field.roll(-1, axis + 1) - field.roll(1, axis + 1)) / 0.02
        inner = (slice(None), slice(1, -1), slice(1, -1))
        torch.testing.assert_close(slope[inner], finite[inner], atol=0.4, rtol=0.02)


@pytest.mark.parametrize("displacement", [2.0, 5.0])
def test_the_inverse_leads_back(displacement):
    shape = (50, 44)
    _, motion = warped(texture(*shape), Point.of("elastic deformation", displacement=displacement), frame(1, 1))
    there = np.stack([p.expand(shape).numpy() for p in motion.target(0, shape[0], CPU)])
    back = np.stack([map_coordinates(source, there, order=1, mode="nearest") for source in places(motion, shape)])
    inside = ((there > 0) & (there < np.reshape(shape, (2, 1, 1)) - 1)).all(0)
    assert inside.mean() > 0.7
    assert np.abs(back - np.indices(shape))[:, inside].max() < 0.01


def test_images_and_labels_are_those_of_scipy_at_the_same_places():
    shape, image = (30, 26, 12), texture(30, 26, 12)
    label = (image[:, 0] * 4).int()
    place = frame(1.5, 1.0, 3.0)
    point = Point.of("elastic deformation", displacement=3)
    result = perturb(image, label, [point], [place])
    motion = result.movements[0].motions[0]
    sources = places(motion, shape)
    view = result.movements[0].view.numpy()
    expected = map_coordinates(image[0, 0].numpy(), sources, order=1, mode="nearest")
    np.testing.assert_allclose(result.images[0, 0].numpy()[view], expected[view], atol=1e-5)
    assert (result.images[0, 0].numpy()[~view] == float(image.min())).all()
    one_hot = [map_coordinates((label[0] == k).double().numpy(), sources, order=1, mode="nearest") for k in range(4)]
    two = np.sort(one_hot, 0)[-2:]
    clear = view & (two[1] - two[0] > 1e-4)
    np.testing.assert_array_equal(result.labels[0].numpy()[clear], np.argmax(one_hot, 0)[clear])


def test_a_constant_image_is_no_error():
    constant = torch.ones(1, 2, 20, 20) * torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
    place = replace(frame(1, 1), low=np.zeros(2), high=np.ones(2))
    result = perturb(constant, None, [Point.of("elastic deformation", displacement=3)], [place])
    torch.testing.assert_close(result.images, constant)
