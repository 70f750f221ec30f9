"""How far an attack may go: three ways to state the radius of its ball."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter
from ..strength import root_mean_square, voxels
from .ball import Ball

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..catalogue import Choice, StructureName
    from ..frame import Batch

_NO_RANGE = "an adversary has no clinical range"

EPSILON = Parameter(
    "epsilon",
    identity=0.0,
    lowest=0.0,
    highest=1.0,
    source=_NO_RANGE,
    meaning="largest change of any voxel on the unit intensity scale (L-infinity radius)",
)

SNR = Parameter(
    "snr",
    identity=math.inf,
    lowest=-20.0,
    highest=math.inf,
    unit="dB",
    scale="decibel",
    source=_NO_RANGE,
    meaning="the largest change of any voxel is RMS 10^(-snr/20); RMS of the unit-scale image over the perturbed region, "
    "its voxels and channels",
)

L2 = Parameter(
    "l2",
    identity=0.0,
    lowest=0.0,
    highest=1.0,
    source=_NO_RANGE,
    meaning="root mean square of the change over the perturbed voxels and channels, on the unit intensity scale",
)


def alternatives(*words: StructureName) -> tuple[tuple[Parameter | Choice | StructureName, ...], ...]:
    """The radius in one of its three ways, and the words that an attack needs besides."""
    return tuple((radius, *words) for radius in (EPSILON, SNR, L2))


def ball(
    batch: Batch,
    epsilon: Sequence[float] | None = None,
    snr: Sequence[float] | None = None,
    l2: Sequence[float] | None = None,
) -> Ball:
    """Where each sample of a batch may go.

    ±ε at every voxel is noise of RMS ε, so that an attack at an SNR is measured at that SNR or above: above, where it
    leaves voxels alone or meets the image's own range of intensities.
    """
    if l2 is not None:
        count = voxels(batch.values, batch.region).to(batch.values.dtype) * batch.values.shape[1]
        return Ball.around(batch.values, batch.each(l2) * batch.each(count.sqrt()), "l2", batch.region)
    if epsilon is not None:
        radius = batch.each(epsilon)
    else:
        signal = root_mean_square(batch.values, batch.region)
        radius = batch.each(signal) * batch.each([10.0 ** (-value / 20) for value in snr or ()])
    return Ball.around(batch.values, radius, "linf", batch.region)
