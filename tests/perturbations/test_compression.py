"""JPEG against Pillow's: the same blocks, steps and rounding."""

from __future__ import annotations

import io
from itertools import chain, pairwise, product

import numpy as np
import pytest
import torch
from scipy import fft, ndimage

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.compression import LUMINANCE, _cosines, steps
from pytest_segrobust.perturbations.point import Point

Image = pytest.importorskip("PIL.Image")


def grey_image(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Soft blobs with fine texture, in whole grey levels well within 0 and 255."""
    generator = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(generator.random(shape), 4)
    blobs = (blobs - blobs.min()) / np.ptp(blobs)
    return np.round(60 + 130 * blobs + generator.normal(0, 4, shape)).clip(30, 225).astype(np.uint8)


def stored(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def compressed(image: np.ndarray, quality: float, spacing: tuple[float, ...] | None = None) -> np.ndarray:
    spacing = spacing or (1.0,) * image.ndim
    frame = Frame("grey", np.array([0.0]), np.array([255.0]), spacing, ("?",) * image.ndim)
    given = torch.as_tensor(image.astype(np.float64))[None, None]
    return perturb(given, None, [Point.of("jpeg compression", quality=quality)], [frame]).images[0, 0].numpy()


@pytest.mark.parametrize("shape", [(64, 48), (53, 47)])
@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 99])
def test_an_image_looks_as_a_stored_one(shape, quality):
    image = grey_image(shape)
    ours, theirs = compressed(image, quality), stored(image, quality)
    # Pillow's pixels are whole levels, half a level off or little more. A coefficient half way between two steps, which
    # whole levels often have, may go either way: then a block differs by one step of one coefficient. Where steps are
    # as small as what Pillow's integer transform rounds, most blocks have such a coefficient.
    corners = product(range(0, shape[0], 8), range(0, shape[1], 8))
    blocks = np.array([abs(ours - theirs)[i : i + 8, j : j + 8].max() for i, j in corners])
    assert (blocks < (1.0 if quality <= 75 else 1.75)).mean() > 0.8
    assert abs(ours - theirs).mean() < 0.5
    assert blocks.max() <= max(map(max, steps(quality))) / 4 + 1.5
    assert (
        abs(compressed(image, quality) - image).mean() > 0.9 * abs(stored(image, quality) - image.astype(float)).mean()
    )


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 95, 100])
def test_steps_are_those_that_pillow_writes(quality):
    file = io.BytesIO()
    Image.fromarray(grey_image((16, 16))).save(file, "JPEG", quality=quality)
    tables = Image.open(file).quantization
    assert sorted(tables[0]) == sorted(chain.from_iterable(steps(quality)))


def test_steps_grow_as_quality_falls():
    tables = [np.array(steps(quality)) for quality in (100, 90.5, 75, 50, 20, 5, 1)]
    assert (tables[0] == 1).all()
    assert (tables[3] == LUMINANCE).all()
    assert all((b >= a).all() for a, b in pairwise(tables))


def test_the_transform_is_the_cosine_transform_of_scipy():
    np.testing.assert_allclose(_cosines(), fft.dct(np.eye(8), axis=0, norm="ortho"), atol=1e-12)


def test_slices_are_compressed_one_by_one_across_the_largest_spacing():
    slices = [grey_image((20, 30), seed) for seed in range(3)]
    expected = [compressed(image, 40) for image in slices]
    for axis in range(3):
        spacing = tuple(3.0 if i == axis else 1.0 for i in range(3))
        found = compressed(np.stack(slices, axis), 40, spacing)
        np.testing.assert_allclose(np.moveaxis(found, axis, 0), expected, atol=1e-9)


def test_values_beyond_the_unit_scale_are_neither_cut_off_nor_wrapped():
    image = grey_image((16, 16)).astype(np.float64) * 4 - 300
    found = compressed(image, 95)
    assert abs(found - image).max() < 10
    assert found.max() > 255
    assert found.min() < 0


def test_even_blocks_may_come_back_as_they_were():
    image = np.kron(np.array([[128.0, 130.0], [132.0, 134.0]]), np.ones((8, 8)))
    assert np.array_equal(compressed(image, 50), image)
