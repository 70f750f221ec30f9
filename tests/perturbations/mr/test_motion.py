"""Motion: poses of exact size, k-space put together line by line, and an anatomy that stays where it is labelled."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from pytest_segrobust.perturbations.application import perturb
from pytest_segrobust.perturbations.frame import Batch
from pytest_segrobust.perturbations.mr.motion import MOST, acquired, before_last, motion
from pytest_segrobust.perturbations.mr.poses import Pose, drawn_poses, in_pose
from pytest_segrobust.perturbations.point import Point


def directions(seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(6, 2, 3)), generator.uniform(size=(6, 2))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_largest_rotation_and_translation_are_exactly_those_stated(dimensions, seed):
    found = drawn_poses(*directions(seed), 7.0, 3.5, dimensions)
    angles = [math.degrees(np.linalg.norm(pose.turn)) for pose in found]
    shifts = [np.linalg.norm(pose.shift) for pose in found]
    assert angles[0] == pytest.approx(max(angles)) == pytest.approx(7.0)
    assert shifts[0] == pytest.approx(max(shifts)) == pytest.approx(3.5)
    assert min(angles) < 6
    assert [pose.shift.shape for pose in found] == [(dimensions,)] * 6


@pytest.mark.parametrize(("shape", "spacing"), [((40, 36), (0.8, 1.3)), ((20, 24, 16), (1.0, 0.7, 2.0))])
def test_an_image_in_a_pose_is_that_of_scipy(head, shape, spacing):
    image = head(shape)[0]
    for pose in drawn_poses(*directions(), 12.0, 4.0, len(shape)):
        # Where the image's basis vectors go, by the rotation that scipy makes of a vector (Euler-Rodrigues).
        if len(shape) == 2:
            a = float(pose.turn[0])
            matrix = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
        else:
            from scipy.spatial.transform import Rotation

            matrix = Rotation.from_rotvec(pose.turn).as_matrix()
        mm, middle = np.array(spacing), (np.array(shape) - 1) / 2
        back = np.diag(1 / mm) @ matrix.T @ np.diag(mm)
        offset = middle - back @ (middle + pose.shift / mm)
        expected = ndimage.affine_transform(image[0].numpy(), back, offset, order=1, mode="nearest")
        np.testing.assert_allclose(in_pose(image, pose, spacing)[0].numpy(), expected, atol=1e-6)


def test_a_shift_is_in_mm():
    image = torch.zeros((1, 20, 20), dtype=torch.float64)
    image[0, 10, 10] = 1.0
    moved = in_pose(image, Pose(np.zeros(1), np.array([4.0, -3.0])), (2.0, 1.0))
    assert float(moved[0, 12, 7]) == pytest.approx(1.0)


def test_k_space_is_put_together_line_by_line(scanned, framed):
    """The result is the real part of a k-space whose lines come from the images in their poses."""
    image, frame = scanned
    dimensions = len(frame.spacing)
    axis = 1 if dimensions == 2 else 0
    drawn, shares = directions()
    drawn, shares = np.resize(drawn, (1, MOST, 2, 3)), np.resize(shares, (1, MOST, 2))
    times = np.linspace(0.03, 0.97, MOST)[None]

    def uniform(number, shape):
        return torch.from_numpy(times if number == 0 else shares)

    batch = Batch(image, (frame,), normal=lambda number, shape: torch.from_numpy(drawn), uniform=uniform)
    result = motion(batch, rotation=(5.0,), translation=(3.0,), movements=(7.0,))[0, 0].numpy()
    poses = drawn_poses(drawn[0, :7], shares[0, :7], 5.0, 3.0, dimensions)
    spectra = [np.fft.fftn(in_pose(image[0], pose, frame.spacing)[0].numpy()) for pose in poses]
    composed, size = np.fft.fftn(image[0, 0].numpy()), image.shape[axis + 2]
    for place, line in enumerate(np.rint(np.fft.fftfreq(size, 1 / size))):
        share, movement = abs(line) / size, -1
        for number, time in enumerate(times[0, :7]):  # all before the centre, ever farther from it
            if line < 0 and share >= 0.1 + 0.3 * (2 * time):
                movement = number
        if movement >= 0:
            at = (slice(None),) * axis + (place,)
            composed[at] = spectra[movement][at]
    np.testing.assert_allclose(result, np.fft.ifftn(composed).real, atol=1e-6)


@pytest.mark.parametrize("size", [9, 40, 57])
def test_the_central_fifth_is_as_given_and_every_first_movement_is_seen(size):
    numbers = np.rint(np.fft.fftfreq(size, 1 / size))
    for time in np.linspace(0, 1, 101, endpoint=False):
        after = acquired(size, [time])
        assert np.all(after[np.abs(numbers) < 0.1 * size] == -1)
        assert np.any(after == 0)
        assert np.all((numbers[after == 0] < 0) == (time < 0.5))


def test_later_lines_are_after_later_movements_and_earlier_lines_before_earlier_ones():
    # Distances from the centre, of 100 lines: 15.7 and 28.3 after it, 34.3 before it.
    after = np.fft.fftshift(acquired(100, [0.595, 0.405, 0.805]))
    expected = [1] * (50 - 34) + [-1] * (34 + 16) + [0] * (29 - 16) + [2] * (50 - 29)
    assert after.tolist() == expected


def test_the_last_movement_leads_away_from_the_pose_nearer_to_the_centre_on_its_side():
    poses = drawn_poses(*directions(), 5.0, 5.0, 3)[:4]
    assert before_last([0.6, 0.4, 0.7, 0.9], poses) is poses[2]
    assert before_last([0.6, 0.4, 0.7, 0.65], poses) is poses[0]
    assert before_last([0.6, 0.9, 0.7, 0.2], poses) is None


def test_a_fraction_of_a_movement_lies_between_the_whole_ones(scanned, done):
    image, frame = scanned
    counts = (1, 1.0001, 1.5, 1.9999, 2)
    one, just, half, nearly, two = (
        done(image, frame, "motion", rotation=3, translation=3, movements=n) for n in counts
    )
    far = np.abs(two - one).max()
    assert far > 1
    assert np.abs(just - one).max() < 1e-2 * far
    assert np.abs(two - nearly).max() < 1e-2 * far
    assert np.abs(half - one).max() > 1e-2 * far


def test_two_movements_where_a_sentence_does_not_say_and_each_part_may_be_stated_alone(scanned, done):
    image, frame = scanned
    both = done(image, frame, "motion", rotation=3, translation=2)
    assert np.array_equal(both, done(image, frame, "motion", rotation=3, translation=2, movements=2))
    for part in ({"rotation": 3}, {"translation": 2}):
        whole = {"rotation": 0, "translation": 0, "movements": 2} | part
        assert np.array_equal(done(image, frame, "motion", **part), done(image, frame, "motion", **whole))


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("parameters", [{"translation": 4}, {"rotation": 5}, {"rotation": 5, "translation": 8}])
def test_the_anatomy_stays_where_it_is(head, framed, done, case, parameters):
    """The image is most like the given one where that lies, and its centre of mass stays."""
    image = head((52, 44), seed=case)
    frame = framed((1, 1), key=f"case-{case}")
    u, v = image[0, 0].numpy(), done(image, frame, "motion", **parameters)[0]
    assert not np.allclose(u, v, atol=1)
    correlation = np.fft.ifftn(np.fft.fftn(v - v.mean()) * np.conj(np.fft.fftn(u - u.mean()))).real
    assert np.unravel_index(correlation.argmax(), correlation.shape) == (0, 0)
    assert v.sum() == pytest.approx(u.sum(), rel=1e-9)
    # To half a voxel along each axis: the peak of a parabola through the neighbours.
    for axis in (0, 1):
        before, top, after = (np.roll(correlation, s, axis)[0, 0] for s in (1, 0, -1))
        assert abs((before - after) / (2 * (before - 2 * top + after))) < 0.2


@pytest.mark.parametrize("parameters", [{"rotation": 4}, {"translation": 6}, {"rotation": 4, "translation": 6}])
def test_the_error_of_a_smooth_image_grows_with_severity(head, framed, done, parameters):
    shape = (60, 50)
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    edge = 1 / (1 + np.exp(30 * (np.hypot(grid[0] * 1.1, grid[1]) - 0.7)))
    image = torch.from_numpy(800 * edge * (1 + 0.1 * np.cos(9 * grid[0] + 7 * grid[1])))[None, None]
    errors = [
        np.abs(
            done(image, framed((2, 2)), "motion", **{k: t * v for k, v in parameters.items()}) - image[0].numpy()
        ).mean()
        for t in (0.125, 0.25, 0.5, 0.75, 1)
    ]
    assert errors == sorted(errors)
    assert errors[0] > 0


@pytest.mark.parametrize(
    "parameters",
    [
        {"rotation": 0, "translation": 0, "movements": 3},
        {"rotation": 5, "translation": 5, "movements": 0},
        {"translation": 1e-9},
    ],
)
def test_no_displacement_or_no_movement_changes_no_bit_and_is_no_error(scanned, parameters):
    image, frame = scanned
    image = image.float()
    result = perturb(image, None, [Point.of("motion", **parameters)], [frame])
    assert torch.allclose(result.images, image, atol=1e-2)
    if "movements" in parameters:
        assert torch.equal(result.images, image)
        assert result.strengths == [{"snr": math.inf, "changed": 0.0}]


def test_too_few_lines_to_move_in_are_no_error(framed):
    image = torch.rand((1, 1, 4, 30), generator=torch.Generator().manual_seed(0)) * 800
    for realisation in range(5):
        point = Point.of("motion", translation=3)
        result = perturb(image, None, [point], [framed((1, 1))], realisation=realisation)
        assert bool(torch.isfinite(result.images).all())


@pytest.mark.parametrize("shape", [(64, 64, 64), (96, 80)])
def test_threads_change_no_bit(head, framed, bits_of_threads, shape):
    image = head(shape).float()
    frame, point = framed((1,) * len(shape)), Point.of("motion", rotation=4, translation=4, movements=3)
    one, two = bits_of_threads(lambda: perturb(image, None, [point], [frame]).images)
    assert torch.equal(one, two)
