"""The last predictions that were made for pictures: requirements at one point often show the same cases."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..models.prediction import Prediction
    from .preparation import Prepared

    Shown = tuple[Prepared, Prediction]

KEPT_BYTES = 128 * 2**20


class ShownPredictions:
    """What was shown of a case at a point, the latest of it up to `kept_bytes`, on the device where it was made."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: OrderedDict[tuple[str, str, int, bool], Shown] = OrderedDict()
        self._left = kept_bytes

    def get(self, key: tuple[str, str, int, bool], make: Callable[[], Shown]) -> Shown:
        """What is kept under the key (case, point, noise draw, with its map or without), or what `make` gives."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self._kept[key] = found = make()
        self._left -= _bytes(found)
        while self._left < 0 and self._kept:
            self._left += _bytes(self._kept.popitem(last=False)[1])
        return found


def _bytes(shown: Shown) -> int:
    prepared, prediction = shown
    tensors = (prepared.image, prediction.masks, prediction.probabilities, prediction.uncertainty)
    arrays = (prepared.sample.image, prepared.sample.label, prepared.label)
    return sum(each.nbytes for each in (*tensors, *arrays) if each is not None)
