"""A step that did nothing is an error, unless nothing could have come of it."""

from __future__ import annotations

import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.catalogue import Parameter, Perturbation, catalogue
from pytest_segrobust.perturbations.point import Point

STRENGTH = Parameter("strength", identity=0.0, lowest=0.0, highest=1.0)


@pytest.fixture
def idle(monkeypatch):
    """A perturbation with a defect: it does nothing."""
    defect = Perturbation("idle", "Does nothing.", ((STRENGTH,),), apply=lambda batch, strength: batch.values)
    monkeypatch.setitem(catalogue(), "idle", defect)


@pytest.mark.usefixtures("idle")
def test_a_perturbation_that_does_nothing_is_an_error_that_names_case_and_point(scan):
    message = r"case case-0: idle\(strength=0.5\) should have changed the image and did not"
    with pytest.raises(PerturbationError, match=message):
        perturb(scan.images, None, [Point.of("idle", strength=0.5)] * 3, scan.frames)
    with pytest.raises(PerturbationError, match=message):
        perturb(scan.images, None, [Point.of("gamma", gamma=2) | Point.of("idle", strength=0.5)] * 3, scan.frames)


@pytest.mark.usefixtures("idle")
def test_the_case_that_did_not_change_is_found_in_a_batch(scan):
    points = [Point.of("idle", strength=0), Point.of("idle", strength=0), Point.of("idle", strength=1)]
    with pytest.raises(PerturbationError, match="case case-2: idle"):
        perturb(scan.images, None, points, scan.frames)


@pytest.mark.parametrize(
    "point",
    [
        Point.of("gaussian noise", sigma=1e-12),
        Point.of("rician noise", sigma=1e-12),
        Point.of("gaussian noise", snr=200),
        Point.of("gamma", gamma=1.00000001),
        Point.of("contrast", factor=1.00000001),
        Point.of("gaussian blur", sigma=1e-3),
    ],
    ids=str,
)
def test_a_step_too_weak_to_survive_rounding_is_no_error(scan, point):
    result = perturb(scan.images, None, [point] * 3, scan.frames)
    assert torch.allclose(result.images, scan.images, rtol=1e-5)


def test_a_step_too_weak_for_the_voxels_of_a_structure_is_no_error(volume):
    volume.images[:, :, 5, 5, 5] = 900.0  # 1 and nearly 1 on the unit scale, where a power changes next to nothing
    volume.images[:, :, 5, 5, 6] = 899.2
    region = torch.zeros_like(volume.labels, dtype=torch.bool)
    region[:, 5, 5, 5:7] = True
    weak, strong = (Point.of("gamma", gamma=g, on="core") for g in (1.00001, 1.2))
    result = perturb(volume.images, None, [weak] * 3, volume.frames, regions={"core": region})
    assert torch.equal(result.images, volume.images)
    result = perturb(volume.images, None, [strong] * 3, volume.frames, regions={"core": region})
    assert result.strengths[0]["changed"] == 0.5


@pytest.mark.parametrize("point", [Point.of("contrast", factor=2), Point.of("gaussian blur", sigma=2)], ids=str)
def test_a_constant_structure_has_no_contrast_and_nothing_to_blur(volume, point):
    images = torch.full_like(volume.images, 500.0)
    result = perturb(images, None, [point] * 3, volume.frames)
    assert torch.allclose(result.images, images)
    local = Point.of(point.steps[0].name, on="core", **dict(point.steps[0].parameters))
    region = torch.zeros_like(volume.labels, dtype=torch.bool)
    region[:, 5, 5, 5] = True
    if local.steps[0].name == "contrast":
        one_voxel = perturb(
            volume.images[:, :1], None, [local] * 3, _one_channel(volume.frames), regions={"core": region}
        )
        assert torch.allclose(one_voxel.images, volume.images[:, :1])


def _one_channel(frames):
    from dataclasses import replace

    return [replace(frame, low=frame.low[:1], high=frame.high[:1]) for frame in frames]


def test_an_snr_where_there_is_no_signal_is_an_error(volume):
    images = torch.full_like(volume.images, 100.0)  # 0 on the unit scale
    with pytest.raises(PerturbationError, match=r"case-0: gaussian noise\(snr=10\) should have changed the image"):
        perturb(images, None, [Point.of("gaussian noise", snr=10)] * 3, volume.frames)
