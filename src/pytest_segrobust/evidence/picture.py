"""A picture of one case at one point: slices and masks as arrays, and what they show."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


@dataclass(frozen=True)
class Picture:
    """One slice of a case, clean and perturbed, with outlines.

    `arrays` holds `clean` and `perturbed` (2-D, float or uint8) and `reference`, `clean_prediction`, `prediction`
    (2-D bool of the same shape); masks that do not exist are left out. One picture of a requirement also has `severity_1`
    ... (2-D), the perturbation as it grows, whose points `about` names as `severities`. Where a run's requirements are about uncertainty
    there are `clean_uncertainty` and `uncertainty` too (2-D float). `about` holds case, patient, structure, point,
    slice, axis, spacing (mm of rows and columns), value, note, and `range` (the two grey values drawn black and white); of uncertainty `uncertainty_map` (its name) and
    `uncertainty_range` (the two values at the ends of the colours, the same in all pictures of a requirement).
    """

    requirement: str
    case: str
    structure: str
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as one compressed npz, the same bytes for the same arrays; masks take a bit per pixel."""
    import numpy as np

    packed: dict[str, Any] = {}
    for name, array in sorted(arrays.items()):
        if array.dtype == bool:
            packed[f"bits:{name}"] = np.packbits(array)
            packed[f"shape:{name}"] = np.array(array.shape, dtype=np.int64)
        else:
            packed[f"array:{name}"] = array.astype(np.float32) if array.dtype.kind == "f" else array
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **packed)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, np.ndarray]:
    """The inverse of `pack`; floats come back as float32. Nothing is ever unpickled."""
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        for key in file.files:
            kind, name = key.split(":", 1)
            if kind == "array":
                arrays[name] = file[key]
            elif kind == "bits":
                shape = tuple(int(n) for n in file[f"shape:{name}"])
                size = int(np.prod(shape))
                arrays[name] = np.unpackbits(file[key], count=size).astype(bool).reshape(shape)
    return arrays
