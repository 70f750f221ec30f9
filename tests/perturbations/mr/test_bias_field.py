"""The coil's field: its polynomial against the sum over all powers and MONAI's, and what it leaves alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.mr.bias_field import polynomial, powers
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("shape", [(7, 6), (5, 6, 7), (4, 1, 3)])
def test_the_polynomial_is_the_sum_over_powers_up_to_three(shape):
    coefficients = np.random.default_rng(0).uniform(-1, 1, len(powers(len(shape))))
    axes = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape]
    grid, expected, number = np.meshgrid(*axes, indexing="ij"), np.zeros(shape), 0
    for exponents in product(range(4), repeat=len(shape)):
        if sum(exponents) <= 3:
            expected += coefficients[number] * np.prod([x**i for x, i in zip(grid, exponents, strict=True)], axis=0)
            number += 1
    assert number == len(coefficients) == {2: 10, 3: 20}[len(shape)]
    found = polynomial(torch.from_numpy(coefficients), shape, like=torch.zeros(1, dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_the_polynomial_spans_the_fields_of_monai():
    from monai.transforms import RandBiasField

    shape = (6, 7, 8)
    field = RandBiasField(degree=3)._generate_random_field(shape, 3, np.random.default_rng(0).uniform(-1, 1, 20))
    like = torch.zeros(1, dtype=torch.float64)
    ours = [polynomial(torch.eye(20)[i], shape, like).numpy().ravel() for i in range(20)]
    fitted = np.linalg.lstsq(np.stack(ours, 1), field.ravel(), rcond=None)[0]
    np.testing.assert_allclose(np.stack(ours, 1) @ fitted, field.ravel(), atol=1e-6)  # MONAI's coordinates are float32


def test_the_logarithm_of_the_field_is_the_strength_times_a_pattern_of_the_case(scanned, done, framed):
    image, frame = scanned
    signal = image[0, 0].numpy() > 1

    def logarithm(strength, frame=frame):
        return np.log(done(image, frame, "bias field", strength=strength)[0][signal] / image[0, 0].numpy()[signal])

    pattern = logarithm(1.0)
    np.testing.assert_allclose(logarithm(0.2), 0.2 * pattern, atol=1e-9)
    assert np.abs(pattern).max() > 0.5
    other = logarithm(1.0, framed(frame.spacing, key="another"))
    assert not np.allclose(other, pattern, atol=0.1)


def test_the_coefficients_are_uniform_between_plus_and_minus_the_strength(framed, done):
    image = torch.full((1, 1, 5, 5), 500.0, dtype=torch.float64)
    grid = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 5), indexing="ij")
    basis = np.stack([(grid[0] ** i * grid[1] ** j).ravel() for i, j in powers(2)], 1)
    drawn = []
    for case in range(60):
        result = done(image, framed((1, 1), key=f"case-{case}"), "bias field", strength=0.5)[0]
        drawn.append(np.linalg.lstsq(basis, np.log(result / 500.0).ravel(), rcond=None)[0])
    found = np.array(drawn)
    assert np.abs(found).max() <= 0.5
    assert np.abs(found).max() > 0.49
    assert found.std() == pytest.approx(0.5 / np.sqrt(3), rel=0.08)


@pytest.mark.parametrize("scale", [(0.0, 1.0), (100.0, 900.0), (-37.7, 911.3), (333.3, 400.1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_air_without_signal_stays_without_to_the_bit_wherever_the_unit_scale_starts(head, framed, done, scale, dtype):
    image = head((31, 28)).to(dtype)
    result = done(image, framed((1, 1), low=scale[0], high=scale[1]), "bias field", strength=1.0)
    air = image[0].numpy() == 0
    assert air.mean() > 0.2
    assert np.array_equal(result[air], image[0].numpy()[air])
    assert (result != image[0].numpy())[~air].mean() > 0.99


def test_the_lowest_value_of_an_image_that_is_no_magnitude_is_its_air(head, framed, done):
    image = head((31, 28))
    scores = (image - image.mean()) / image.std()
    frame = framed((1, 1), low=-1.0, high=2.0)
    result = done(scores, frame, "bias field", strength=0.7)
    expected = done(image, framed((1, 1)), "bias field", strength=0.7)
    np.testing.assert_allclose(result, (expected - float(image.mean())) / float(image.std()), atol=1e-6)


def test_all_channels_have_the_same_field(head, framed, done):
    result = done(head((20, 21), channels=2), framed((1, 1), channels=2), "bias field", strength=0.5)
    np.testing.assert_allclose(result[1], 2 * result[0], rtol=1e-6, atol=1e-9)


def test_a_structure_without_signal_is_no_error(head, framed):
    image = head((31, 28))
    region = {"air": image[:, 0] == 0}
    point = Point.of("bias field", strength=0.5, on="air")
    result = perturb(image, None, [point], [framed((1, 1))], regions=region)
    assert torch.equal(result.images, image)
    assert result.strengths[0]["changed"] == 0
