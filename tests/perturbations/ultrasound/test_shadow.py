"""A shadow: as dark and as wide as it says, along the beam, and always on tissue."""

from __future__ import annotations

import math

import pytest
import torch

from pytest_segrobust.perturbations import acoustic_shadow
from pytest_segrobust.perturbations.application import perturb


def lost(images, frames, **numbers):
    """The share lost in each voxel."""
    found = perturb(images, None, [acoustic_shadow(**numbers)] * len(frames), frames).images
    return 1 - found / images


@pytest.mark.parametrize("attenuation", [0.3, 1.0])
@pytest.mark.parametrize("realisation", range(4))
def test_the_middle_loses_the_attenuation_from_the_obstacle_to_the_far_end(echo, attenuation, realisation):
    images, frames = echo((40, 60))
    point = acoustic_shadow(attenuation=attenuation, width=12)
    share = 1 - (perturb(images, None, [point], frames, realisation=realisation).images / images)[0, 0]
    assert float(share.max()) == pytest.approx(attenuation)
    shaded = (share > 0).any(1).nonzero().flatten()
    first, last = int(shaded[0]), int(shaded[-1])
    assert first < 20  # the near half
    assert last == 39
    assert torch.equal(share[first:], share[first].expand(40 - first, 60))
    assert not share[:first].any()


@pytest.mark.parametrize("width", [10.0, 20.0])
def test_half_of_the_attenuation_is_left_at_half_the_width_in_mm(echo, width):
    images, frames = echo((30, 400), spacing=(1.0, 0.25), cases=8)
    shares = lost(images, frames, attenuation=0.8, width=width)[:, 0, -1]
    whole = [share for share in shares if share[0] == share[-1] == 0]  # those that do not reach over the edge
    assert whole
    for share in whole:
        assert int((share >= 0.4 - 1e-9).sum()) * 0.25 == pytest.approx(width, abs=0.3)
        assert int((share > 0).sum()) * 0.25 == pytest.approx(1.5 * width, abs=0.5)
        steepest = float((share[1:] - share[:-1]).abs().max())
        assert steepest < 1.01 * 0.8 * math.pi * 0.25 / width  # of a raised cosine: no sharp edge


def test_without_a_width_it_is_a_fifth_of_the_image(echo):
    images, frames = echo((30, 200), spacing=(1.0, 0.5))
    a, b = lost(images, frames, attenuation=0.5), lost(images, frames, attenuation=0.5, width=20)
    assert torch.equal(a, b)


def test_it_runs_along_the_axis_from_front_to_back(echo):
    for axes, turned in ((("L", "P", "S"), False), (("L", "A", "S"), True)):
        images, frames = echo((30, 24, 20), axes=axes, spacing=(1.0, 2.0, 1.5))
        share = lost(images, frames, attenuation=0.5, width=8)[0, 0].movedim(1, 0)
        share = share.flip(0) if turned else share
        shaded = (share > 0).flatten(1).any(1).nonzero().flatten()
        assert int(shaded[-1]) == 23
        assert torch.equal(share[int(shaded[0])], share[-1])
        across = share[-1]
        middle = (across == across.max()).nonzero().double().mean(0)
        mm = torch.tensor([1.0, 1.5], dtype=torch.float64)
        far = (((across > 0).nonzero() - middle) * mm).norm(dim=1)
        assert float(far.max()) <= 6.0 + 1.5  # round: three quarters of the width, and half a voxel


def test_it_falls_on_tissue_however_little_there_is(echo):
    images, frames = echo((40, 60), value=-0.1)
    images[0, 0, 10:14, 51] = 0.7
    for realisation in range(5):
        point = acoustic_shadow(attenuation=0.5, width=5)
        found = perturb(images, None, [point], frames, realisation=realisation).images
        changed = (found != images)[0, 0].nonzero()
        assert 2 < len(changed) <= 4
        assert torch.allclose(found[0, 0, 13, 51], torch.tensor(0.35, dtype=torch.float64))
        assert set(changed[:, 1].tolist()) == {51}


def test_places_are_random_over_the_whole_image_and_the_same_for_every_strength(echo):
    images, frames = echo((40, 60), cases=32)
    weak, strong = (lost(images, frames, attenuation=a, width=4) for a in (0.2, 0.8))
    assert torch.allclose(weak * 4, strong, atol=1e-9)
    middles = weak[:, 0, -1].argmax(1)
    assert len(set(middles.tolist())) > 16
    assert int(middles.min()) < 12
    assert int(middles.max()) > 48


def test_nothing_to_shade_is_no_mistake(echo):
    images, frames = echo((8, 8), value=-0.5)
    assert perturb(images, None, [acoustic_shadow(attenuation=0.5)], frames).strengths[0]["changed"] == 0
    images, frames = echo((8, 8))
    assert perturb(images, None, [acoustic_shadow(attenuation=0.5, width=0)], frames).strengths[0]["changed"] == 0
    assert perturb(images, None, [acoustic_shadow(attenuation=0.0, width=5)], frames).strengths[0]["changed"] == 0
