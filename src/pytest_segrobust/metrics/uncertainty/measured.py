"""A number, or the reason why there is none: no measure of this room returns NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..overlap import check_mask

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """`value` is finite, or None where the measure has no value; `reason` then says why.

    A value may carry a reason too, where the reader must know how it came about (an empty prediction).
    """

    value: float | None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.value is None:
            if not self.reason:
                raise ValueError("a measure without a value needs a reason")
        elif not math.isfinite(self.value):
            raise ValueError(f"{self.value} is no measured value: say None and the reason")


def undefined(reason: str) -> Measured:
    """No value, and why."""
    return Measured(None, reason)


def finite(values: object, name: str, shape: tuple[int, ...] | None = None) -> Values:
    """These numbers as float64, of this shape.

    Raises ValueError where one is not finite, none is there or the shape differs: a case that crashed must not leave silently.
    """
    array = np.asarray(values, np.float64)
    if array.size == 0:
        raise ValueError(f"{name} of shape {array.shape} holds no numbers")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has {int((~np.isfinite(array)).sum())} of {array.size} values that are not finite")
    return array


def paired(first: object, second: object, names: tuple[str, str]) -> tuple[Values, Values]:
    """Two lists of finite numbers of one length, one pair per case.

    Raises ValueError otherwise.
    """
    one = finite(first, names[0])
    if one.ndim != 1:
        raise ValueError(f"{names[0]} has shape {one.shape}, expected one number per case")
    return one, finite(second, names[1], one.shape)


def is_constant(values: Values) -> bool:
    """Whether all are equal up to rounding: sums of equal maps may differ in the last bits, which is no ranking."""
    low, high = float(values.min()), float(values.max())
    return high - low <= 1e-12 * max(abs(low), abs(high))


FLOAT32 = 1e-5
"""How far apart numbers of equal worth are that come from a network's float32: sums of many terms lose some 100 roundings."""


def is_level(uncertainty: Values) -> bool:
    """Whether uncertainties, of voxels or of cases, are equal up to what float32 rounds: such a map tells nothing apart."""
    low, high = float(uncertainty.min()), float(uncertainty.max())
    return high - low <= FLOAT32 * max(abs(low), abs(high))


def within(region: Mask | None, *maps: npt.NDArray[np.generic]) -> list[npt.NDArray[np.generic]]:
    """The voxels of each map that lie in the region (all where it is None), as flat arrays.

    Raises ValueError where the region is not bool or the shapes differ.
    """
    shape = maps[0].shape
    for each in maps:
        if each.shape != shape:
            raise ValueError(f"maps of shapes {shape} and {each.shape} do not lie on one grid")
    if region is None:
        return [each.ravel() for each in maps]
    check_mask(region, "the region", shape)
    return [each[region] for each in maps]
