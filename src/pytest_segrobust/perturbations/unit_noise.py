"""Unit noise fields: the same numbers for a case whatever the strength, the batch, the worker or the device.

A field depends on its key alone: the SHA-256 of the key sets numpy's counter-based Philox generator (Salmon et al. 2011),
which draws float32 on the CPU. The strength only scales it (common random numbers), so a drop is a smooth function of
the strength and a field is drawn once for many strengths.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

Key = tuple[int | str, ...]
Law = Literal["normal", "uniform"]


def generator_key(key: Key) -> int:
    """128 bits of the SHA-256 of a key; JSON keeps ("a", "bc") and ("ab", "c") apart."""
    digest = hashlib.sha256(json.dumps(key, ensure_ascii=True).encode()).digest()
    return int.from_bytes(digest[:16], "little")


def normal_fields(keys: Sequence[Key], shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """Standard normal fields (len(keys), *shape), one per key, on the device and in the dtype of `like`."""
    return _fields(keys, shape, like, "normal")


def uniform_fields(keys: Sequence[Key], shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """Fields that are uniform in [0, 1), as `normal_fields`; independent of the normal field of the same key."""
    return _fields([(*key, "uniform") for key in keys], shape, like, "uniform")


def _fields(keys: Sequence[Key], shape: Sequence[int], like: torch.Tensor, law: Law) -> torch.Tensor:
    import torch

    if len(set(keys)) == 1:  # one case at several strengths: no copies
        return _recent.field(keys[0], tuple(shape), law).to(like).expand(len(keys), *shape)
    return torch.stack([_recent.field(key, tuple(shape), law) for key in keys]).to(like)


class RecentFields:
    """The fields drawn last, up to `capacity` bytes (`held` of them now); the newest is kept whatever its size."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._fields: OrderedDict[tuple[Key, tuple[int, ...]], torch.Tensor] = OrderedDict()
        self.held = 0
        self._lock = threading.Lock()

    def field(self, key: Key, shape: tuple[int, ...], law: Law = "normal") -> torch.Tensor:
        """The float32 field of a key on the CPU; not to be written to. A key belongs to one law."""
        with self._lock:
            known = self._fields.get((key, shape))
            if known is not None:
                self._fields.move_to_end((key, shape))
                return known
            drawn = _draw(key, shape, law)
            self._fields[key, shape] = drawn
            self.held += drawn.nbytes
            while self.held > self.capacity and len(self._fields) > 1:
                self.held -= self._fields.popitem(last=False)[1].nbytes
            return drawn


def _draw(key: Key, shape: tuple[int, ...], law: Law) -> torch.Tensor:
    import numpy as np
    import torch

    generator = np.random.Generator(np.random.Philox(key=generator_key(key)))
    draw = generator.standard_normal if law == "normal" else generator.random
    return torch.from_numpy(draw(shape, dtype=np.float32))


# A cache, not a state: what it holds never changes a result. 128 MiB are 200 volumes of 48 x 64 x 48.
_recent = RecentFields(capacity=128 * 1024**2)
