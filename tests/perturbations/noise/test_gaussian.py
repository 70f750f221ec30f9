"""Gaussian noise is as strong as it says, on every scale on which its strength can be stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.point import Point


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.5])
def test_sigma_is_measured_back_within_sampling_error_on_the_whole_image(scan, sigma):
    result = perturb(scan.images, None, [Point.of("gaussian noise", sigma=sigma)] * 3, scan.frames)
    for noise in scan.unit(result.images) - scan.unit(scan.images):
        assert noise.std() == pytest.approx(sigma, rel=4 / math.sqrt(2 * noise.size))
        assert noise.mean() == pytest.approx(0, abs=4 * sigma / math.sqrt(noise.size))


def test_sigma_is_measured_back_within_sampling_error_on_one_structure(scan):
    region = {"core": scan.labels == 2}
    point = Point.of("gaussian noise", sigma=0.1, on="core")
    result = perturb(scan.images, None, [point] * 3, scan.frames, regions=region)
    for before, after, mask in zip(
        scan.unit(scan.images), scan.unit(result.images), region["core"].numpy(), strict=True
    ):
        noise = (after - before)[:, mask]
        assert noise.std() == pytest.approx(0.1, rel=4 / math.sqrt(2 * noise.size))


@pytest.mark.parametrize("snr", [30.0, 10.0])
def test_snr_is_measured_back_in_the_perturbed_region(scan, measured_snr, snr):
    region = {"core": scan.labels == 2}
    whole = perturb(scan.images, None, [Point.of("gaussian noise", snr=snr)] * 3, scan.frames)
    local = perturb(
        scan.images, None, [Point.of("gaussian noise", snr=snr, on="core")] * 3, scan.frames, regions=region
    )
    for i, before in enumerate(scan.unit(scan.images)):
        for result, mask in ((whole, np.ones(before.shape[1:], bool)), (local, region["core"][i].numpy())):
            measured = measured_snr(before, scan.unit(result.images)[i], mask)
            assert result.strengths[i]["snr"] == pytest.approx(measured, abs=1e-3)
            assert measured == pytest.approx(snr, abs=4 * 8.686 / math.sqrt(2 * mask.sum() * len(before)))


def test_absolute_sigma_is_in_the_units_of_each_channel(volume):
    from dataclasses import replace

    frames = [replace(frame, high=np.array([900.0, 300.0])) for frame in volume.frames]
    result = perturb(volume.images.double(), None, [Point.of("gaussian noise", absolute_sigma=25)] * 3, frames)
    for noise in (result.images - volume.images).flatten(0, 1):
        assert float(noise.std()) == pytest.approx(25, rel=4 / math.sqrt(2 * noise.numel()))
    on_the_unit_scale = perturb(
        volume.images.double(), None, [Point.of("gaussian noise", sigma=25 / 800)] * 3, volume.frames
    )
    assert torch.allclose(result.images[:, 0], on_the_unit_scale.images[:, 0], rtol=0, atol=1e-9)


def test_noise_below_the_rounding_of_the_own_units_is_no_mistake_and_noise_above_it_is_not_lost(flat_image):
    image, frames = flat_image(1e6, low=1e6 - 1, high=1e6 + 1, shape=(1, 1, 8, 8))
    faint = perturb(image, None, [Point.of("gaussian noise", absolute_sigma=1e-3)], frames)
    assert faint.strengths == [{"snr": math.inf, "changed": 0.0}]
    assert perturb(image, None, [Point.of("gaussian noise", absolute_sigma=1)], frames).strengths[0]["changed"] > 0.9


def test_snr_is_of_each_image_not_of_its_batch(volume):
    volume.images[1] = 100 + (volume.images[1] - 100) * 0.1
    strengths = perturb(volume.images, None, [Point.of("gaussian noise", snr=20)] * 3, volume.frames).strengths
    assert [s["snr"] for s in strengths] == pytest.approx([20, 20, 20], abs=0.1)


def test_stronger_noise_is_the_same_noise_scaled(volume):
    weak, strong = (
        perturb(volume.images.double(), None, [Point.of("gaussian noise", sigma=s)] * 3, volume.frames).images
        - volume.images.double()
        for s in (0.1, 0.25)
    )
    assert torch.allclose(strong, 2.5 * weak, rtol=1e-9, atol=1e-9)
    decibel = perturb(volume.images.double(), None, [Point.of("gaussian noise", snr=20)] * 3, volume.frames).images
    assert float(stats.pearsonr((decibel - volume.images).flatten(), weak.flatten()).statistic) > 0.999


def test_noise_is_white_over_channels_and_voxels(volume):
    noise = (
        perturb(volume.images, None, [Point.of("gaussian noise", sigma=0.1)] * 3, volume.frames).images - volume.images
    )
    n = noise[0, 0].numel()
    pairs = [(noise[0, 0], noise[0, 1]), (noise[0, 0], noise[1, 0])]
    pairs += [
        (noise[0, 0].narrow(axis, 1, s - 1), noise[0, 0].narrow(axis, 0, s - 1))
        for axis, s in enumerate(noise.shape[2:])
    ]
    for a, b in pairs:
        assert abs(np.corrcoef(a.flatten(), b.flatten())[0, 1]) < 4.5 / math.sqrt(n)


def test_gaussian_noise_has_the_distribution_of_monai(flat_image):
    from monai.transforms import RandGaussianNoise

    image, frames = flat_image(0.5)
    ours = (perturb(image, None, [Point.of("gaussian noise", sigma=0.1)], frames).images - image).flatten().numpy()
    transform = RandGaussianNoise(prob=1.0, mean=0.0, std=0.1, sample_std=False)
    transform.set_random_state(seed=0)
    theirs = np.asarray(transform(image[0])).ravel() - 0.5
    assert stats.ks_2samp(ours, theirs).pvalue > 0.001
    assert stats.kstest(ours / 0.1, "norm").pvalue > 0.001


def test_sigma_is_measured_back_on_real_volumes(hippocampus):
    import nibabel

    path = min((hippocampus / "imagesTs").glob("*.nii.gz"))
    image = torch.from_numpy(nibabel.load(path).get_fdata(dtype=np.float32))[None, None]
    label = torch.from_numpy(np.asarray(nibabel.load(hippocampus / "labelsTs" / path.name).dataobj).astype(np.int32))[
        None
    ]
    low, high = np.percentile(image.numpy(), [0.5, 99.5])
    frame = Frame(path.name, np.array([low]), np.array([high]), (1.0, 1.0, 1.0), ("R", "A", "S"))
    anterior = label == 1
    for point in (Point.of("gaussian noise", sigma=0.1), Point.of("gaussian noise", sigma=0.1, on="anterior")):
        result = perturb(image, label, [point], [frame], regions={"anterior": anterior})
        noise = ((result.images - image) / (high - low)).double()
        noise = noise[anterior[:, None]] if point.steps[0].on else noise.flatten()
        assert float(noise.std()) == pytest.approx(0.1, rel=4 / math.sqrt(2 * len(noise)))
        assert torch.equal(result.labels, label)
