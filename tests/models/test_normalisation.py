from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.functions import find_function
from pytest_segrobust.models.normalisation import normalised, preprocessed


@pytest.fixture
def image():
    return torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(1)) * 40 + 300


def test_zscore_has_mean_0_and_the_populations_deviation_1_in_each_channel(image):
    expected = image.numpy().astype(np.float64)
    expected = (expected - expected.mean((1, 2, 3), keepdims=True)) / expected.std((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(normalised(image, "zscore").numpy(), expected, atol=2e-5)


def test_unit_runs_from_0_to_1_in_each_channel(image):
    result = normalised(image, "unit")
    assert result.amin((1, 2, 3)).tolist() == [0, 0]
    assert result.amax((1, 2, 3)).tolist() == [1, 1]
    place = image[1].flatten().sort().indices[100]
    low, high = image[1].min(), image[1].max()
    assert result[1].flatten()[place] == pytest.approx(float((image[1].flatten()[place] - low) / (high - low)))


def test_none_is_the_image_itself(image):
    assert normalised(image, "none") is image


@pytest.mark.parametrize("how", ["zscore", "unit"])
@pytest.mark.parametrize("value", [0.0, 1000.1, -3.3333e5])
def test_a_constant_channel_becomes_0_beside_one_that_is_not(how, value):
    image = torch.stack([torch.full((9, 11, 13), value), torch.randn(9, 11, 13)])
    result = normalised(image, how)
    assert (result[0] == 0).all()
    assert result[1].std() > 0.05


@pytest.mark.parametrize("how", ["zscore", "unit"])
def test_the_callers_image_is_left_alone(how, image):
    before = image.clone()
    normalised(image, how)
    assert torch.equal(image, before)


@pytest.mark.parametrize("how", ["zscore", "unit"])
def test_nan_is_not_hidden(how, image):
    image[0, 0, 0, 0] = torch.nan
    assert normalised(image, how)[0].isnan().any()


def test_preprocess_gets_image_and_spacing_and_cannot_change_the_callers_image(project, image):
    before = image.clone()
    result = preprocessed(image, (2.0, 1.0, 1.0), find_function("nets:centred", project, "preprocess"))
    torch.testing.assert_close(result, (before - before.mean()) * 2)
    assert torch.equal(image, before)


@pytest.mark.parametrize(("name", "words"), [("halved", "must keep the image's grid"), ("listed", "returned list")])
def test_preprocess_that_returns_something_else_is_refused(project, image, name, words):
    with pytest.raises(ModelError, match=words):
        preprocessed(image, (1.0, 1.0, 1.0), find_function(f"nets:{name}", project, "preprocess"))
