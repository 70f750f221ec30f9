"""Perturbations that must change nothing at their identity, and exactly as much as they say elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..errors import PerturbationError
from ..perturbations.application import Frame, move, perturb
from ..perturbations.catalogue import Parameter, catalogue
from ..perturbations.point import CLEAN, Point
from .check import at_most, holds, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .check import Planned

PART = "OQ 2: perturbations"
LOW, HIGH = -200.0, 300.0  # of the unit scale, in the image's own units, as in CT
SHAPE = (48, 40, 24)
SPACING = (1.0, 1.5, 3.0)  # mm


def plan(seed: int) -> Iterator[Planned]:
    """Identities, strengths that are measured, and movements with their labels."""
    yield from _identities(seed)
    yield from _noise(seed)
    yield from _intensity(seed)
    yield from _blur(seed)
    yield from _movements(seed)


def _identities(seed: int) -> Iterator[Planned]:
    image = scan(seed)
    for name, known in catalogue().items():
        if known.attack:
            continue  # never asked at radius 0, and without a model nothing to ask
        for group in known.alternatives:
            numbers = [parameter for parameter in group if isinstance(parameter, Parameter)]
            if len(numbers) != len(group) or not all(parameter.plausible for parameter in numbers):
                continue  # words have no identity
            point = Point.of(name, on=None, **{parameter.name: parameter.identity for parameter in numbers})
            yield holds(
                f"P-IDENTITY-{known.identifier}-{'-'.join(parameter.name for parameter in numbers)}",
                f"{name} at its identity",
                "the image bit for bit",
                lambda point=point: torch.equal(_of(image, point, seed), image),  # type: ignore[misc]
            )
    yield holds(
        "P-CLEAN", "the clean point", "the image bit for bit", lambda: torch.equal(_of(image, CLEAN, seed), image)
    )


def _noise(seed: int) -> Iterator[Planned]:
    image = scan(seed)

    def change(point: Point, realisation: int = 0) -> torch.Tensor:
        return (_of(image, point, seed, realisation=realisation) - image).double() / (HIGH - LOW)

    tenth = Point.of("gaussian noise", sigma=0.1)
    for sigma in (0.01, 0.1):
        yield number(
            f"P-SIGMA-{sigma}",
            f"standard deviation of gaussian noise with sigma = {sigma}, on the unit scale",
            sigma,
            lambda sigma=sigma: float(change(Point.of("gaussian noise", sigma=sigma)).std()),  # type: ignore[misc]
            0.02 * sigma,  # 46080 voxels: 0.33 % is one standard error
        )
    yield number("P-NOISE-MEAN", "mean of gaussian noise with sigma = 0.1", 0.0, lambda: float(change(tenth).mean()), 2e-3)  # fmt: skip
    yield number(
        "P-NOISE-HU",
        "standard deviation of gaussian noise with absolute_sigma = 20 in the image's own units",
        20.0,
        lambda: float(change(Point.of("gaussian noise", absolute_sigma=20)).std()) * (HIGH - LOW),
        0.4,
    )
    for snr in (10.0, 20.0):
        yield number(
            f"P-SNR-{snr:g}",
            f"SNR in dB of gaussian noise with snr = {snr:g}, measured",
            snr,
            lambda snr=snr: _snr(image, change(Point.of("gaussian noise", snr=snr))),  # type: ignore[misc]
            0.1,
        )
    yield holds(
        "P-NOISE-TWICE",
        "noise of the same seed, case and draw",
        "the same bits",
        lambda: torch.equal(change(tenth), change(tenth)),
    )
    yield holds(
        "P-NOISE-DRAWS",
        "noise of another draw, of another case",
        "hardly correlated",
        lambda: (
            abs(_correlation(change(tenth), change(tenth, realisation=1))) < 0.05
            and abs(_correlation(change(tenth), (_of(image, tenth, seed, case="other") - image).double())) < 0.05
        ),
    )
    yield holds(
        "P-NOISE-SCALED",
        "stronger noise of the same draw",
        "the same pattern, larger",
        lambda: _correlation(change(tenth), change(Point.of("gaussian noise", sigma=0.05))) > 0.999,
    )
    yield number(
        "P-SALT", "share of voxels hit by salt and pepper noise with density = 0.1", 0.1,
        lambda: float((change(Point.of("salt and pepper noise", density=0.1)) != 0).double().mean()), 0.01,
    )  # fmt: skip


def _intensity(seed: int) -> Iterator[Planned]:
    image = scan(seed)
    unit = (image.double() - LOW) / (HIGH - LOW)

    def found(point: Point) -> torch.Tensor:
        return (_of(image, point, seed).double() - LOW) / (HIGH - LOW)

    for id_, point, expected in (
        ("BRIGHTNESS", Point.of("brightness", shift=0.1), unit + 0.1),
        ("GAMMA", Point.of("gamma", gamma=2.0), unit.clamp(min=0) ** 2),
        ("INVERSION", Point.of("inversion", strength=1.0), 1 - unit),
    ):
        yield at_most(
            f"P-{id_}",
            f"largest error of {point} against its formula, on the unit scale",
            1e-5,
            lambda point=point, expected=expected: float((found(point) - expected).abs().max()),  # type: ignore[misc]
        )


def _blur(seed: int) -> Iterator[Planned]:
    """A single bright voxel becomes the blur itself: its width in mm can be measured."""
    image = torch.full((1, 1, 41, 41, 21), LOW)
    image[0, 0, 20, 20, 10] = HIGH
    for sigma in (2.0, 3.0):
        for axis, step in enumerate((1.0, 1.0, 2.0)):
            yield number(
                f"P-BLUR-{sigma:g}-AXIS-{axis}",
                f"width in mm along axis {axis} of a point under gaussian blur with sigma = {sigma:g} mm",
                sigma,
                lambda sigma=sigma, axis=axis, step=step: _width(  # type: ignore[misc]
                    _of(image, Point.of("gaussian blur", sigma=sigma), seed, spacing=(1.0, 1.0, 2.0)), axis, step
                ),
                0.05 * sigma,  # the kernel samples the Gaussian in steps of a voxel and ends at 4 sigma
            )


def _width(image: torch.Tensor, axis: int, step: float) -> float:
    profile = (image[0, 0].double() - LOW).sum([other for other in range(3) if other != axis])
    places = torch.arange(len(profile)) * step
    middle = (profile * places).sum() / profile.sum()
    return math.sqrt(float((profile * (places - middle) ** 2).sum() / profile.sum()))


def _movements(seed: int) -> Iterator[Planned]:
    image, label = scan(seed), torch.zeros((1, *SHAPE), dtype=torch.int64)
    label[0, 10:20, 10:20, 5:15] = 1
    flip = Point.of("flip", axis="rows")
    by_two = Point.of("translation", distance=3.0, axis="columns")  # 2 voxels of 1.5 mm
    yield holds(
        "P-FLIP-TWICE", "an image flipped twice", "the image bit for bit",
        lambda: torch.equal(_of(_of(image, flip, seed), flip, seed), image),
    )  # fmt: skip
    yield holds(
        "P-FLIP", "an image and its label flipped", "both reversed along the axis, and no other",
        lambda: _moved(image, label, flip, seed, lambda values: values.flip(-3)),
    )  # fmt: skip
    yield holds(
        "P-TRANSLATION-LABEL", "a label under translation by 3 mm, which are 2 voxels", "the label 2 voxels off",
        lambda: torch.equal(_labels(image, label, by_two, seed)[..., 2:, :], label[..., :-2, :])
        or torch.equal(_labels(image, label, by_two, seed)[..., :-2, :], label[..., 2:, :]),
    )  # fmt: skip
    yield holds(
        "P-LABEL-WITH-IMAGE", "a bright structure and its label under rotation by 8 degrees", "they stay together: DSC above 0.9",
        lambda: _stays_together(label, seed),
    )  # fmt: skip
    yield holds(
        "P-CEILING",
        "a label moved there and back, which bounds what any model can score",
        "above 0.85 where voxels are interpolated, 1 where they are only put elsewhere",
        lambda: _ceilings(image, label, seed),
    )
    yield holds(
        "P-NOTHING-DONE",
        "noise too weak to change a float",
        "an error, or a strength that says that nothing changed",
        lambda: _says_that_nothing_changed(image, seed),
    )


def _moved(
    image: torch.Tensor, label: torch.Tensor, point: Point, seed: int, way: Callable[[torch.Tensor], torch.Tensor]
) -> bool:
    return torch.equal(_of(image, point, seed), way(image)) and torch.equal(
        _labels(image, label, point, seed), way(label)
    )


def _stays_together(label: torch.Tensor, seed: int) -> bool:
    point = Point.of("rotation", angle=8.0)
    bright = torch.where(label[None] > 0, HIGH, LOW)
    turned = perturb(bright, label, [point], [_frame(SPACING, "case")], seed=seed)
    assert turned.labels is not None
    seen, there = turned.images[0] > (LOW + HIGH) / 2, turned.labels
    kept = not torch.equal(there, label)  # it has moved at all
    return kept and _dice(seen, there > 0) > 0.9


def _ceilings(image: torch.Tensor, label: torch.Tensor, seed: int) -> bool:
    scores = []
    for point in (Point.of("rotation", angle=8.0), Point.of("flip", axis="rows")):
        moved = perturb(image, label, [point], [_frame(SPACING, "case")], seed=seed)
        assert moved.labels is not None
        scores.append(_dice(moved.movements[0].restore(moved.labels) > 0, label > 0))
    return scores[0] > 0.85 and scores[1] == 1


def _says_that_nothing_changed(image: torch.Tensor, seed: int) -> bool:
    point = Point.of("gaussian noise", sigma=1e-12)
    try:
        done = perturb(image, None, [point], [_frame(SPACING, "case")], seed=seed)
    except PerturbationError:
        return True
    return done.strengths[0].get("changed", 1.0) == 0 and torch.equal(done.images, image)


def scan(seed: int) -> torch.Tensor:
    """A smooth image with texture (1, 1, *SHAPE) in its own units, between 0.1 and 0.9 of the unit scale."""
    rng = np.random.default_rng([seed, 2])
    axes = np.meshgrid(*(np.linspace(0, 2, length) for length in SHAPE), indexing="ij")
    unit = (
        0.5 + 0.25 * np.sin(axes[0] * 3) * np.cos(axes[1] * 2) + 0.1 * (axes[2] - 1) + rng.uniform(-0.05, 0.05, SHAPE)
    )
    return torch.from_numpy((LOW + unit * (HIGH - LOW)).astype(np.float32))[None, None]


def _frame(spacing: tuple[float, ...], case: str) -> Frame:
    return Frame(case, np.array([LOW]), np.array([HIGH]), spacing, ("R", "A", "S"))


def _of(
    image: torch.Tensor,
    point: Point,
    seed: int,
    *,
    realisation: int = 0,
    case: str = "case",
    spacing: tuple[float, ...] = SPACING,
) -> torch.Tensor:
    frame = _frame(spacing, case)
    return perturb(image, None, [point], [frame], realisation=realisation, seed=seed).images


def _labels(image: torch.Tensor, label: torch.Tensor, point: Point, seed: int) -> torch.Tensor:
    done = perturb(image, label, [point], [_frame(SPACING, "case")], seed=seed)
    assert done.labels is not None
    if not torch.equal(done.labels, move(label, point, _frame(SPACING, "case"), seed=seed)):
        raise ValueError("labels that move with their image and alone come to lie in different places")
    return done.labels


def _dice(one: torch.Tensor, other: torch.Tensor) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


def _snr(image: torch.Tensor, change: torch.Tensor) -> float:
    unit = (image.double() - LOW) / (HIGH - LOW)
    return 10 * math.log10(float((unit**2).mean() / (change**2).mean()))


def _correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])
