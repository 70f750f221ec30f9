"""What the xdist controller hands each worker: the store, and a device of its own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Workers:
    """Hands every worker the least used device; a worker that dies gives its device back."""

    def __init__(self, store: Path, device: str | None) -> None:
        self.store = store
        self.asked_for = device
        self.load: Counter[str] = Counter()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Before a worker starts."""
        node.workerinput["segrobust_store"] = str(self.store)
        device = self.asked_for or self._least_used()
        if device is not None:
            self.load[device] += 1
            node.workerinput["segrobust_device"] = device

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """After a worker has ended or died."""
        device = node.workerinput.get("segrobust_device")
        if device is not None:
            self.load[device] -= 1

    def _least_used(self) -> str | None:
        if not self.load:
            from .models.devices import devices_for_workers

            # counted without initialising CUDA: the controller must not hold memory on a device that it does not use
            self.load.update(dict.fromkeys(devices_for_workers(), 0))
        return min(self.load, key=lambda device: self.load[device]) if self.load else None
