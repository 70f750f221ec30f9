"""Label values and the structures they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROUNDING = 1e-4  # labels saved as float or through a scaling slope come back this close to integers


def as_labels(stored: np.ndarray) -> np.ndarray:
    """Stored label values as int32, in C order. Raises DataError where they are no integers of that range."""
    if stored.dtype.kind in "bu" and stored.dtype.itemsize <= 2:
        return stored.astype(np.int32, order="C")
    if stored.dtype.kind == "f":
        whole = np.rint(stored)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            wrong = ~(np.abs(stored - whole) <= _ROUNDING)  # written so that NaN is wrong
        if wrong.any():
            example = stored[wrong].flat[0]
            raise DataError(
                f"{int(wrong.sum())} voxels hold no integer label (such as {example:g}); save labels as integers"
            )
        stored = whole
    if stored.size and (stored.min() < -(2**31) or stored.max() >= 2**31):
        raise DataError(f"holds label values from {stored.min()} to {stored.max()}; at most 2147483647 can be read")
    return stored.astype(np.int32, order="C")


def structure_values(
    classes: Mapping[str, int | list[int]], label_values: Mapping[str, int | list[int]], *, labelled: bool
) -> dict[str, tuple[int, ...]]:
    """The label values of each structure: those of [data] label_values, otherwise the model's channels.

    Raises DataError for a structure that the model does not have, and where a channel 0 would make the background
    of the labels a structure.
    """
    for name in label_values:
        if name not in classes:
            raise DataError(f"[data] label_values: no structure {name} in [model] classes{nearest(name, classes)}")
    values = {name: _values(label_values.get(name, channel)) for name, channel in classes.items()}
    for name, numbers in values.items():
        if not numbers:
            raise DataError(f"structure {name} has no value; give [model] classes or [data] label_values at least one")
        if labelled and 0 in numbers and name not in label_values:
            raise DataError(
                f"structure {name} is channel 0, which is background in label files: say its value with [data] label_values"
            )
    return values


def _values(given: int | list[int]) -> tuple[int, ...]:
    return tuple(given) if isinstance(given, list) else (given,)


def masks_of(label: np.ndarray, values: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """One bool mask per structure, of the label's shape; several values are united."""
    masks = {}
    for name, numbers in values.items():
        mask = label == numbers[0]
        for number in numbers[1:]:
            mask |= label == number
        masks[name] = mask
    return masks
