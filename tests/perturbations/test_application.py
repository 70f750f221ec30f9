"""The laws that every perturbation of the catalogue keeps, whatever it does."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pytest_segrobust.errors import PerturbationError
from pytest_segrobust.perturbations import CLEAN, identity_point, towards_identity
from pytest_segrobust.perturbations.application import move, perturb
from pytest_segrobust.perturbations.catalogue import catalogue
from pytest_segrobust.perturbations.point import Point


def declared(point):
    return catalogue()[point.steps[0].name]


def reshapes(point):
    """Whether the image comes back in another shape, which depends on the numbers."""
    return point.steps[0].name in {"field of view", "resampling"}


def largest_displacement(scan, point):
    """In mm, in what stays in view; of points that change the shape how many voxels come or go, as a ratio's logarithm."""
    shape, spacing = scan.images.shape[2:], scan.frames[0].spacing
    axes = [torch.arange(n, dtype=torch.float64) * step for n, step in zip(shape, spacing, strict=True)]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    frame = replace(scan.frames[0], low=np.zeros(len(shape)), high=np.ones(len(shape)))
    moved = perturb(places[None], None, [point], [frame])
    if reshapes(point):
        return abs(math.log(moved.images.numel() / places.numel()))
    view = moved.movements[0].view
    distances = ((moved.images[0] - places) ** 2).sum(0).sqrt()
    return float((distances if view is None else distances[view]).max())


def test_identity_returns_every_bit_alone_and_in_a_batch_where_others_are_perturbed(with_numbers, bits):
    scan, point = with_numbers
    scan.images[:, :, 3, 5] = -0.0
    still = identity_point(point)
    alone = perturb(scan.images[1:2], None, [still], scan.frames[1:2])
    assert torch.equal(bits(alone.images[0]), bits(scan.images[1]))
    assert alone.strengths == [{"changed": 0.0} if declared(point).moves_labels else {"snr": math.inf, "changed": 0.0}]
    if reshapes(point):  # which others in a batch could not share
        return
    mixed = perturb(scan.images, None, [point, still, point], scan.frames)
    assert torch.equal(bits(mixed.images[1]), bits(scan.images[1]))
    assert not torch.equal(mixed.images[0], scan.images[0])
    assert alone.strengths == [mixed.strengths[1]]


def test_a_sample_is_the_same_alone_in_a_batch_and_in_another_order(anywhere, bits):
    scan, point = anywhere
    points = [towards_identity(point, 1.0 if reshapes(point) else t) for t in (1.0, 0.3, 0.7)]
    batch = perturb(scan.images, scan.labels, points, scan.frames)
    order = [2, 0, 1]
    shuffled = perturb(
        scan.images[order], scan.labels[order], [points[i] for i in order], [scan.frames[i] for i in order]
    )
    for i in range(3):
        alone = perturb(scan.images[i : i + 1], scan.labels[i : i + 1], points[i : i + 1], scan.frames[i : i + 1])
        assert torch.equal(bits(alone.images[0]), bits(batch.images[i]))
        assert torch.equal(alone.labels[0], batch.labels[i])
        assert alone.strengths[0] == batch.strengths[i]
        assert torch.equal(bits(shuffled.images[order.index(i)]), bits(batch.images[i]))
        assert shuffled.strengths[order.index(i)] == batch.strengths[i]


SOFT, HARD = Point.of("gamma", gamma=0.8), Point.of("gamma", gamma=1.4)
NOISY_MIRROR = Point.of("gaussian noise", snr=12) | Point.of("flip", axis="rows")


@pytest.mark.parametrize(
    "points", [[SOFT, CLEAN, NOISY_MIRROR], [NOISY_MIRROR, SOFT, HARD], [SOFT, NOISY_MIRROR, HARD]]
)
def test_samples_that_take_other_steps_share_a_batch_unharmed(scan, bits, points):
    batch = perturb(scan.images, scan.labels, points, scan.frames)
    for i, point in enumerate(points):
        alone = perturb(scan.images[i : i + 1], scan.labels[i : i + 1], [point], scan.frames[i : i + 1])
        assert torch.equal(bits(alone.images[0]), bits(batch.images[i]))
        assert torch.equal(alone.labels[0], batch.labels[i])
        assert alone.strengths[0] == batch.strengths[i]
        assert torch.equal(batch.labels[i], scan.labels[i].flip(0) if point is NOISY_MIRROR else scan.labels[i])


def test_the_number_of_threads_changes_no_bit(anywhere, bits):
    scan, point = anywhere
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = perturb(scan.images, None, [point] * 3, scan.frames)
        torch.set_num_threads(2)
        two = perturb(scan.images, None, [point] * 3, scan.frames)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(bits(one.images), bits(two.images))
    assert one.strengths == two.strengths


def test_measured_strength_grows_with_severity(with_numbers):
    scan, point = with_numbers
    steps = [towards_identity(point, t) for t in (0.25, 0.5, 0.75, 1.0)]
    found = [perturb(scan.images[:1], None, [step], scan.frames[:1]).strengths[0] for step in steps]
    if declared(point).moves_labels:  # an image that only moves has no SNR
        distances = [largest_displacement(scan, step) for step in steps]
        assert distances == sorted(distances)
        assert len(set(distances)) == 4 or (reshapes(point) and distances[0] < distances[3])  # voxels are whole
        assert all(0 < strength["changed"] <= 1 for strength in found)
        return
    snrs = [strength["snr"] for strength in found]
    if point.steps[0].name == "quantisation":  # a constant ground may by chance be nearer to a coarser level
        assert snrs[0] > snrs[3]
        return
    assert snrs == sorted(snrs, reverse=True)
    assert len(set(snrs)) == 4
    assert all(0 < strength["changed"] <= 1 for strength in found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_an_image_comes_back_as_an_image(anywhere, dtype):
    scan, point = anywhere
    result = perturb(scan.images.to(dtype), None, [point] * 3, scan.frames)
    assert result.images.dtype == dtype
    if not reshapes(point):
        assert sorted(result.images.shape[2:]) == sorted(scan.images.shape[2:])
    assert result.images.shape[:2] == scan.images.shape[:2]
    assert bool(torch.isfinite(result.images).all())
    assert result.labels is None
    if not declared(point).moves_labels:
        assert result.images.shape == scan.images.shape
        assert result.spacings == [frame.spacing for frame in scan.frames]


def test_labels_stay_bit_for_bit_or_move_exactly_as_the_image_does(anywhere):
    scan, point = anywhere
    result = perturb(scan.images, scan.labels, [point] * 3, scan.frames)
    assert result.labels.dtype == scan.labels.dtype
    if not declared(point).moves_labels:
        assert torch.equal(result.labels, scan.labels)
        assert torch.equal(move(scan.labels, point, scan.frames[0]), scan.labels)
        return
    one_hot = torch.stack([scan.labels == label for label in (0, 1, 2)], 1).double()
    shown = perturb(one_hot, None, [point] * 3, [replace(f, low=np.zeros(3), high=np.ones(3)) for f in scan.frames])
    for i, movement in enumerate(result.movements):
        inside = torch.ones(result.labels.shape[1:], dtype=torch.bool) if movement.view is None else movement.view
        two = shown.images[i].topk(2, 0).values
        clear = inside & (two[0] - two[1] > 1e-6)  # where classes have the same weight, rounding decides
        assert float(clear.double().mean()) > 0.3
        assert torch.equal(shown.images[i].argmax(0)[clear].int(), result.labels[i][clear])
    assert torch.equal(move(scan.labels[:1], point, scan.frames[0])[0], result.labels[0])
    assert torch.equal(
        move(scan.labels[:1] > 0, point, scan.frames[0])[0],
        move((scan.labels[:1] > 0).int(), point, scan.frames[0])[0] > 0,
    )
    if result.movements[0].lossless:  # place numbers that no two voxels share
        places = torch.arange(scan.labels.numel(), dtype=torch.int32).reshape(scan.labels.shape)
        frames = [replace(f, low=np.zeros(1), high=np.ones(1)) for f in scan.frames]
        moved = perturb(places[:, None].double(), places, [point] * 3, frames)
        assert torch.equal(moved.images[:, 0], moved.labels.double())
        assert not torch.equal(moved.labels.flatten(), places.flatten())
        assert torch.equal(move(places, point, scan.frames[0]), moved.labels)


def test_labels_come_back_to_where_they_were(anywhere):
    scan, point = anywhere
    result = perturb(scan.images[:1], scan.labels[:1], [point], scan.frames[:1])
    movement = result.movements[0]
    back = movement.restore(result.labels)[0]
    seen = torch.ones_like(scan.labels[0], dtype=torch.bool) if movement.seen is None else movement.seen
    assert back.shape == scan.labels[0].shape
    if movement.lossless:
        assert torch.equal(back[seen], scan.labels[0][seen])
    for label in (1,) if reshapes(point) else (1, 2):  # voxels of 5 mm cannot hold a core of 7 mm
        there, again = (scan.labels[0] == label) & seen, (back == label) & seen
        overlap = 2 * float((there & again).sum()) / float((there.sum() + again.sum()).clamp(min=1))
        assert overlap > 0.55 or int(there.sum()) < 100
    assert not bool(back[~seen].any())


def test_gradients_reach_the_image_where_declared(differentiable):
    scan, point = differentiable
    images = scan.images.clone().requires_grad_()
    result = perturb(images, None, [point] * 3, scan.frames)
    (result.images**2).sum().backward()
    assert bool(torch.isfinite(images.grad).all())
    # Of an image that moves, part may leave the view.
    assert float((images.grad != 0).double().mean()) > (0.3 if declared(point).moves_labels else 0.5)


def test_gradients_are_those_of_finite_differences(differentiable):
    scan, point = differentiable
    if point.steps[0].name != "gamma":
        point |= Point.of("gamma", gamma=1.3)  # a map whose gradient is not constant
    generator = torch.Generator().manual_seed(1)
    image = scan.images[:1].double()
    if declared(point).moves_labels:
        image.flatten(2)[:, :, 0] -= 50  # one lowest value: which of several is the air around a moved image is a kink
    direction = torch.randn(image.shape, generator=generator, dtype=torch.float64)
    weights = torch.randn(8 * image.numel(), generator=generator, dtype=torch.float64)  # enough for smaller voxels

    def value(x):
        moved = perturb(x, None, [point], scan.frames[:1]).images
        return (moved * weights[: moved.numel()].reshape(moved.shape)).sum()

    start = image.clone().requires_grad_()
    value(start).backward()
    slope = float((start.grad * direction).sum())
    measured = float(value(image + 1e-4 * direction) - value(image - 1e-4 * direction)) / 2e-4
    assert slope == pytest.approx(measured, rel=1e-3, abs=1e-2)


SPARSE = {"salt and pepper noise"}  # which changes the share of voxels that it states


def test_a_step_on_a_structure_changes_that_structure_alone(anywhere, bits):
    scan, point = anywhere
    region = {"core": scan.labels == 2}
    local = Point.of(point.steps[0].name, on="core", **dict(point.steps[0].parameters))
    if not declared(point).local:
        with pytest.raises(PerturbationError, match="acts on whole images"):
            perturb(scan.images, None, [local] * 3, scan.frames, regions=region)
        return
    result = perturb(scan.images, scan.labels, [local] * 3, scan.frames, regions=region)
    outside = (~region["core"]).unsqueeze(1).expand_as(scan.images)
    assert torch.equal(bits(result.images)[outside], bits(scan.images)[outside])
    assert torch.equal(result.labels, scan.labels)
    for i, strength in enumerate(result.strengths):
        mask = region["core"][i]
        changed = (result.images[i] != scan.images[i]).any(0)[mask].double().mean()
        assert strength["changed"] == pytest.approx(float(changed))
        assert strength["changed"] > 0.5 or point.steps[0].name in SPARSE
        u, v = scan.unit(scan.images)[i][:, mask.numpy()], scan.unit(result.images)[i][:, mask.numpy()]
        assert strength["snr"] == pytest.approx(10 * math.log10((u**2).sum() / ((v - u) ** 2).sum()), abs=1e-3)


def test_an_empty_region_is_recorded_and_leaves_the_others_perturbed(scan, bits):
    region = scan.labels == 2
    region[1] = False
    point = Point.of("gaussian noise", sigma=0.1, on="core")
    result = perturb(scan.images, None, [point] * 3, scan.frames, regions={"core": region})
    assert torch.equal(bits(result.images[1]), bits(scan.images[1]))
    assert result.strengths[1] == {"snr": math.inf, "changed": 0.0}
    assert result.strengths[0]["changed"] == pytest.approx(1.0, abs=1e-3)


def test_random_fields_depend_on_case_seed_realisation_and_on_nothing_else(anywhere):
    scan, point = anywhere

    def result(**keys):
        return perturb(scan.images[:1], None, [point], [scan.frames[keys.pop("case", 0)]], **keys).images

    same = [result(), result()]
    others = [result(realisation=1), result(seed=1), result(case=1), result(realisation=2)]
    assert torch.equal(*same)
    if declared(point).draws(name for name, _ in point.steps[0].parameters):
        assert all(not torch.equal(same[0], other) for other in others)
        assert not torch.equal(others[0], others[1])
    else:
        assert all(torch.equal(same[0], other) for other in others)


def test_steps_are_taken_in_the_order_written(scan):
    noise, blur = Point.of("gaussian noise", sigma=0.2), Point.of("gaussian blur", sigma=1.5)
    first = perturb(scan.images, None, [noise] * 3, scan.frames).images
    expected = perturb(first, None, [blur] * 3, scan.frames).images
    assert torch.equal(perturb(scan.images, None, [noise | blur] * 3, scan.frames).images, expected)
    assert not torch.equal(perturb(scan.images, None, [blur | noise] * 3, scan.frames).images, expected)


def test_the_same_noise_twice_is_two_independent_noises(volume):
    noise = Point.of("gaussian noise", sigma=0.1)
    twice = perturb(volume.images, None, [noise | noise] * 3, volume.frames).images
    spread = (volume.unit(twice) - volume.unit(volume.images)).std()
    assert spread == pytest.approx(0.1 * math.sqrt(2), rel=0.01)


def test_regions_and_spacing_move_along_with_the_image(volume):
    swap, blur = Point.of("axis swap", axes="rows-slices"), Point.of("gaussian blur", sigma=1.2, on="core")
    region = {"core": volume.labels == 2}
    result = perturb(volume.images, volume.labels, [swap | blur] * 3, volume.frames, regions=region)
    before = perturb(volume.images, volume.labels, [blur] * 3, volume.frames, regions=region)
    assert result.spacings == [(1.5, 1.0, 0.8)] * 3
    assert torch.equal(result.labels, volume.labels.transpose(1, 3))
    assert torch.allclose(result.images, before.images.transpose(2, 4), rtol=1e-5)
    for after, alone in zip(result.strengths, before.strengths, strict=True):
        assert after == pytest.approx(alone, rel=1e-4)


def test_what_was_given_is_neither_changed_nor_handed_out(anywhere):
    scan, point = anywhere
    images, labels = scan.images.clone(), scan.labels.clone()
    for at in (point, CLEAN):
        result = perturb(scan.images, scan.labels, [at] * 3, scan.frames)
        result.images.zero_()
    assert torch.equal(scan.images, images)
    assert torch.equal(scan.labels, labels)


def test_no_point_gives_the_clean_image_and_says_so(scan, bits):
    result = perturb(scan.images, scan.labels, [CLEAN] * 3, scan.frames)
    assert torch.equal(bits(result.images), bits(scan.images))
    assert result.strengths == [{"snr": math.inf, "changed": 0.0}] * 3


def test_a_view_gives_the_same_bits_as_its_copy(volume, bits):
    view = volume.images.transpose(2, 4)
    frames = volume.frames
    for point in (Point.of("contrast", factor=0.8), Point.of("gaussian noise", snr=20)):
        from_view, from_copy = (perturb(x, None, [point] * 3, frames) for x in (view, view.contiguous()))
        assert torch.equal(bits(from_view.images), bits(from_copy.images))
        assert from_view.images.is_contiguous()


class TestErrors:
    def test_samples_that_come_back_in_other_shapes(self, volume):
        points = [Point.of("axis swap", axes="rows-slices"), CLEAN, CLEAN]
        with pytest.raises(PerturbationError, match=r"case-0: .*separate calls"):
            perturb(volume.images, None, points, volume.frames)

    def test_a_structure_without_mask(self, scan):
        with pytest.raises(PerturbationError, match=r"case-0: .* on tumour needs a mask of 'tumour'"):
            perturb(scan.images, None, [Point.of("gamma", gamma=2, on="tumour")] * 3, scan.frames)

    def test_integer_images(self, scan):
        with pytest.raises(PerturbationError, match=r"case-0: images must be floating, not torch\.int16"):
            perturb(scan.images.to(torch.int16), None, [CLEAN] * 3, scan.frames)

    def test_a_unit_scale_without_extent(self, scan):
        from dataclasses import replace

        frame = replace(scan.frames[1], high=scan.frames[1].low)
        with pytest.raises(PerturbationError, match="case-1: its unit intensity scale"):
            perturb(scan.images[:1], None, [Point.of("gamma", gamma=2)], [frame])

    def test_a_result_that_is_not_finite(self, scan):
        scan.images[2, 0, 0, 0] = math.inf
        with pytest.raises(PerturbationError, match=r"case-2: gamma\(gamma=2\) leaves voxels that are NaN or infinite"):
            perturb(scan.images, None, [Point.of("gamma", gamma=2)] * 3, scan.frames)

    def test_an_impossible_value_is_refused_before_anything_is_done(self, scan):
        with pytest.raises(PerturbationError, match="sigma=-1 is impossible"):
            perturb(scan.images, None, [CLEAN, CLEAN, Point.of("gaussian noise", sigma=-1)], scan.frames)

    def test_counts_that_do_not_belong_together(self, scan):
        with pytest.raises(ValueError, match="3 images, 1 points and 3 frames"):
            perturb(scan.images, None, [CLEAN], scan.frames)
