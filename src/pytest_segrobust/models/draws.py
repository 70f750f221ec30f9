"""Random draws of a network that depend on the run's seed, the case and the pass alone, never on neighbours or order."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True)
class Draw:
    """Which random numbers one image, or one slice of a volume, is given in one pass.

    Where a draw is of the network itself (`of_network`), as of its weights, all slices and windows of a pass start from
    the same seed: they are given one network. Else each has a seed of its own.
    """

    seed: int
    key: str
    number: int
    part: int = 0
    of_network: bool = False

    def seed_of(self, window: int = 0) -> int:
        """What torch's generator starts from, 0 to 2**56 - 1."""
        place = (0, 0) if self.of_network else (self.part, window)
        text = "\0".join(str(part) for part in (self.seed, self.key, self.number, *place))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "little")


def states(device: torch.device) -> list[torch.Tensor]:
    """Where torch's generators stand, of the CPU and of the device."""
    found = [torch.get_rng_state()]
    if device.type == "cuda":
        found.append(torch.cuda.get_rng_state(device))
    elif device.type == "mps":
        found.append(torch.mps.get_rng_state())
    return found


def restore(device: torch.device, before: Sequence[torch.Tensor]) -> None:
    """Put torch's generators back to where they stood."""
    torch.set_rng_state(before[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(before[1], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(before[1])


def have_moved(device: torch.device, before: Sequence[torch.Tensor]) -> bool:
    """Whether anything was drawn since."""
    return any(not torch.equal(now, then) for now, then in zip(states(device), before, strict=True))


def start(device: torch.device, seed: int) -> None:
    """Start torch's generators of the CPU and of the device, as `torch.manual_seed` does for all devices."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def drawing(device: torch.device, seed: int) -> Iterator[None]:
    """Draw from a seed, and leave the user's generators as they were."""
    before = states(device)
    start(device, seed)
    try:
        yield
    finally:
        restore(device, before)


class Streams:
    """A stream of random numbers for each image of a batch: each is given what it would be given alone."""

    def __init__(self, device: torch.device, seeds: Sequence[int]) -> None:
        self.count = len(seeds)
        self._device = device
        self._seeds = seeds
        self._states: list[list[torch.Tensor] | None] = [None] * self.count

    def each(self, call: Callable[[torch.Tensor], Any], batch: torch.Tensor) -> list[Any]:
        """What a function that draws returns for the rows of each image."""
        before = states(self._device)
        results = []
        length = len(batch) // self.count
        try:
            for place in range(self.count):
                rows = batch.narrow(0, place * length, length)
                state = self._states[place]
                if state is None:
                    start(self._device, self._seeds[place])
                else:
                    restore(self._device, state)
                results.append(call(rows))
                self._states[place] = states(self._device)
        finally:
            restore(self._device, before)
        return results
