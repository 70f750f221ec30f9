"""A case: one image with its label, of one patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np


@dataclass(frozen=True)
class Case:
    """Where a case lies on disk; nothing is read before `Dataset.read`. Metadata are the columns of the table of cases."""

    id: str
    patient: str
    images: tuple[Path, ...]  # one file per channel, or one file with all channels
    label: Path | None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Sample:
    """A case that has been read.

    `image` is float32 (channels, *spatial) in the image's own units; `label` is int32 (*spatial) or None.
    `spacing` is in mm per spatial axis. `axes` names the anatomical direction of each spatial axis by NIfTI codes
    ("R", "A", "S" ...), or "?" where the file knows none. `low` and `high` are, per channel, the values that are 0 and 1
    on the unit intensity scale. `affine` is the 4x4 voxel-to-world matrix.
    """

    case: Case
    image: np.ndarray
    label: np.ndarray | None
    spacing: tuple[float, ...]
    axes: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    affine: np.ndarray
