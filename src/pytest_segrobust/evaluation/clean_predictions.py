"""The clean predictions that prediction agreement is measured against, packed on disk so that memory does not grow."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models.prediction import Prediction
    from .tiles import Tile


class CleanPredictions:
    """Masks by tile, one bit a voxel, in a folder that goes with the process; a failed prediction is None."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._shapes: dict[str, list[tuple[int, ...] | None]] = {}
        self._numbers: dict[str, int] = {}

    def has(self, tile: Tile) -> bool:
        """Whether this tile's predictions are here."""
        return _name(tile) in self._shapes

    def keep(self, tile: Tile, predictions: Sequence[Prediction]) -> None:
        """Write one tile's masks."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="segrobust-clean-")
        self._numbers.setdefault(_name(tile), len(self._numbers))
        masks = [None if p.masks is None else p.masks.cpu().numpy() for p in predictions]
        packed = {str(i): np.packbits(mask) for i, mask in enumerate(masks) if mask is not None}
        np.savez(self._path(tile), **packed)  # type: ignore[arg-type]  # the stubs take no dict of arrays
        self._shapes[_name(tile)] = [None if mask is None else mask.shape for mask in masks]

    def get(self, tile: Tile) -> list[np.ndarray | None]:
        """One tile's masks, bool (structures, *spatial), in the order of its cases."""
        with np.load(self._path(tile)) as packed:
            return [
                None
                if shape is None
                else np.unpackbits(packed[str(i)], count=int(np.prod(shape))).reshape(shape).astype(bool)
                for i, shape in enumerate(self._shapes[_name(tile)])
            ]

    def _path(self, tile: Tile) -> Path:
        if self._folder is None:
            raise KeyError(_name(tile))
        return Path(self._folder.name) / f"{self._numbers[_name(tile)]}.npz"


def _name(tile: Tile) -> str:
    return "\0".join(case.id for case in tile)
