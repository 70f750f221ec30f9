"""Noise is as strong as it says, and distributed as physics says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from pytest_segrobust.perturbations.application import Frame, perturb
from pytest_segrobust.perturbations.point import Point


def flat_image(value, *, low=0.0, high=1.0, shape=(1, 1, 64, 64, 48), minimum=None):
    image = torch.full(shape, float(value))
    if minimum is not None:
        image[..., 0] = minimum
    frames = [
        Frame(f"flat-{i}", np.array([low]), np.array([high]), (1.0,) * (len(shape) - 2), ("?",) * (len(shape) - 2))
        for i in range(shape[0])
    ]
    return image, frames


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


@pytest.mark.parametrize("name", ["gaussian noise", "rician noise"])
@pytest.mark.parametrize("snr", [30.0, 10.0])
def test_snr_is_measured_back_in_the_perturbed_region(scan, name, snr):
    region = {"core": scan.labels == 2}
    whole = perturb(scan.images, None, [Point.of(name, snr=snr)] * 3, scan.frames)
    local = perturb(scan.images, None, [Point.of(name, snr=snr, on="core")] * 3, scan.frames, regions=region)
    for i in range(3):
        u = scan.unit(scan.images)[i]
        for result, mask in ((whole, np.ones(u.shape[1:], bool)), (local, region["core"][i].numpy())):
            noise = (scan.unit(result.images)[i] - u)[:, mask]
            measured = 10 * math.log10((u[:, mask] ** 2).mean() / (noise**2).mean())
            assert result.strengths[i]["snr"] == pytest.approx(measured, abs=1e-3)
            if name == "gaussian noise":  # Rician noise is weaker in air than in tissue
                assert measured == pytest.approx(snr, abs=4 * 8.686 / math.sqrt(2 * noise.size))


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


def test_gaussian_noise_has_the_distribution_of_monai():
    from monai.transforms import RandGaussianNoise

    image, frames = flat_image(0.5)
    ours = (perturb(image, None, [Point.of("gaussian noise", sigma=0.1)], frames).images - image).flatten().numpy()
    transform = RandGaussianNoise(prob=1.0, mean=0.0, std=0.1, sample_std=False)
    transform.set_random_state(seed=0)
    theirs = np.asarray(transform(image[0])).ravel() - 0.5
    assert stats.ks_2samp(ours, theirs).pvalue > 0.001
    assert stats.kstest(ours / 0.1, "norm").pvalue > 0.001


@pytest.mark.parametrize("signal", [0.0, 0.05, 0.2, 1.0])
def test_rician_noise_follows_the_rice_distribution(signal):
    sigma = 0.1
    image, frames = flat_image(signal)
    noisy = perturb(image, None, [Point.of("rician noise", sigma=sigma)], frames).images.flatten().double().numpy()
    rice = stats.rice(signal / sigma, scale=sigma)
    assert noisy.mean() == pytest.approx(rice.mean(), abs=4 * rice.std() / math.sqrt(noisy.size))
    assert noisy.std() == pytest.approx(rice.std(), rel=0.02)
    assert stats.kstest(noisy, rice.cdf).pvalue > 0.001


def test_rician_noise_in_air_has_the_mean_of_rayleigh():
    image, frames = flat_image(0.0, high=400.0)
    noisy = perturb(image, None, [Point.of("rician noise", sigma=0.05)], frames).images
    sigma = 0.05 * 400
    assert float(noisy.min()) >= 0
    assert float(noisy.mean()) == pytest.approx(sigma * math.sqrt(math.pi / 2), rel=0.01)


def test_rician_noise_has_the_distribution_of_monai():
    from monai.transforms import RandRicianNoise

    image, frames = flat_image(0.15)
    ours = perturb(image, None, [Point.of("rician noise", sigma=0.1)], frames).images.flatten().numpy()
    transform = RandRicianNoise(prob=1.0, mean=0.0, std=0.1, sample_std=False)
    transform.set_random_state(seed=0)
    theirs = np.asarray(transform(image[0])).ravel()
    assert stats.ks_2samp(ours, theirs).pvalue > 0.001


def test_rician_noise_counts_from_the_files_own_zero_not_from_the_unit_scale():
    image, frames = flat_image(300.0, low=200.0, high=600.0)
    noisy = perturb(image, None, [Point.of("rician noise", sigma=0.1)], frames).images.flatten().double().numpy()
    rice = stats.rice(300 / 40, scale=40)
    assert noisy.mean() == pytest.approx(rice.mean(), abs=4 * rice.std() / math.sqrt(noisy.size))


def test_rician_noise_takes_the_lowest_value_for_no_signal_where_values_are_negative():
    image, frames = flat_image(-2.0, low=-2.0, high=2.0, minimum=-3.0)
    noisy = (
        perturb(image, None, [Point.of("rician noise", sigma=0.05)], frames).images[..., 1:].flatten().double().numpy()
    )
    rice = stats.rice(1.0 / 0.2, scale=0.2)
    assert noisy.mean() + 3 == pytest.approx(rice.mean(), abs=4 * rice.std() / math.sqrt(noisy.size))
    assert noisy.min() >= -3


def test_rician_noise_vanishes_with_sigma(volume):
    tiny = perturb(volume.images, None, [Point.of("rician noise", sigma=1e-6)] * 3, volume.frames)
    assert float((tiny.images - volume.images).abs().max()) < 0.01


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
