"""Test-time augmentation: which images are made of one, and that mirroring is undone."""

from __future__ import annotations

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.segmenter import open_segmenter

FLAT, SOLID = (1.0, 1.0), (1.0, 1.0, 1.0)
KEEP = {"keep_probabilities": True, "keep_uncertainty": True}


def image(*shape, seed=0):
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed)) * 2


def lopsided(small):
    """A network that no mirroring leaves alone."""
    network = small()
    with torch.no_grad():
        network.first.weight[..., 0, 0] += 1
    return network


@pytest.mark.parametrize("flips", [None, [0], [1, 0], []])
@pytest.mark.parametrize("values", [{}, {"pad_multiple": 16}])
def test_tta_is_mirrored_passes_mirrored_back_and_small_changes_of_intensity(agrees, segmenter, small, flips, values):
    network, picture = lopsided(small), image(9, 12) - 0.3
    ready = segmenter(network, uncertainty={"method": "tta", "flips": flips}, **values)
    (prediction,) = ready.predict([picture], [FLAT], **KEEP)

    def one(x):
        pad = (2, 2, 3, 4) if values else (0, 0, 0, 0)
        y = network(torch.nn.functional.pad(x, pad)[None])[0].softmax(0)
        return y[:, 3:12, 2:14] if values else y

    span = picture.max() - picture.min()
    stack = [one(picture)]
    for axis in [0, 1] if flips is None else flips:
        if values:  # mirrored in its padding: an odd voxel lies on the other side
            pad = torch.nn.functional.pad(picture, (2, 2, 3, 4)).flip(axis + 1)
            stack.append(network(pad[None])[0].softmax(0).flip(axis + 1)[:, 3:12, 2:14])
        else:
            stack.append(one(picture.flip(axis + 1)).flip(axis + 1))
    stack += [one(picture * 0.95), one(picture * 1.05), one(picture - 0.02 * span), one(picture + 0.02 * span)]
    assert agrees(prediction, torch.stack(stack).detach())
    assert ready.uncertainty.passes == ready.forward_passes == len(stack)


def test_tta_of_a_volume_mirrors_what_the_network_sees(segmenter, small):
    picture = image(8, 8, 3)
    sliced = segmenter(lopsided(small), dimensions=2, uncertainty="tta", normalise="zscore")
    (prediction,) = sliced.predict([picture], [SOLID], **KEEP)
    assert prediction.uncertainty.shape == (1, 8, 8, 3)
    assert sliced.forward_passes == 3 * 3
    solid = segmenter(small(3), uncertainty="tta", normalise="zscore")
    solid.predict([picture], [SOLID])
    assert solid.forward_passes == solid.uncertainty.passes == 4


def test_intensities_change_as_the_scanner_delivers_them_before_preprocess(project, settings):

    (project / "seen.py").write_text(
        "images = []\ndef look(image, spacing):\n    images.append(image.clone())\n    return image\n", encoding="utf-8"
    )
    ready = open_segmenter(
        ["nets:build"], settings(preprocess="seen:look", uncertainty="tta"), root=project, device="cpu"
    )
    picture = torch.linspace(-1000, 400, 64).reshape(1, 8, 8)
    ready.predict([picture], [FLAT])
    seen = ready._preprocess.function.__globals__["images"]
    expected = [picture, picture * 0.95, picture * 1.05, picture - 28, picture + 28]
    assert len(seen) == 5
    for one, other in zip(seen, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"uncertainty": {"method": "tta", "flips": [2]}}, r"flips = \[2\] .* the network sees 2 axes"),
        ({"uncertainty": {"method": "tta", "flips": []}, "normalise": "unit"}, "has nothing to change"),
    ],
)
def test_augmentations_that_cannot_be_are_refused(segmenter, small, values, words):
    with pytest.raises(ModelError, match=words):
        segmenter(small(), **values).predict([image(8, 8)], [FLAT])


class Pooled(torch.nn.Module):
    """Sees three axes, which no convolution tells of."""

    def forward(self, x):
        x = torch.nn.functional.avg_pool3d(x, 3, 1, 1) * torch.linspace(0, 1, x.shape[-1])
        return torch.cat([0.5 - x, x - 0.5, -x], 1)


@pytest.mark.parametrize(("flips", "passes", "mirrored"), [(None, 4, "0, 1, 2"), ([2], 2, "2"), ([0], 2, "0")])
def test_a_network_that_does_not_tell_its_axes_has_those_of_the_first_image(segmenter, flips, passes, mirrored):
    ready = segmenter(Pooled(), uncertainty={"method": "tta", "flips": flips}, normalise="zscore")
    assert not ready.uncertainty.reason
    (prediction,) = ready.predict([image(8, 8, 8)], [(1.0,) * 3], keep_uncertainty=True)
    assert prediction.failure is None
    assert ready.uncertainty.passes == ready.forward_passes == passes
    assert f"axis {mirrored}, one at a time" in ready.uncertainty.words


def test_an_axis_that_the_first_image_lacks_is_refused_then(segmenter, small):
    ready = segmenter(small(), uncertainty={"method": "tta", "flips": [2]})
    assert not ready.uncertainty.reason
    with pytest.raises(ModelError, match="the network sees 2 axes"):
        ready.predict([image(8, 8)], [FLAT])
